"""A part of the page: a heading, a template, the record that fills it. Built by sections/, put together by page.py."""

from dataclasses import dataclass

from isothink.report.figure import Figure
from isothink.report.table import Table


@dataclass(frozen=True, kw_only=True)
class Section:
    """`id` names the anchor and the template; `content` is what the template sees under that name.

    `short` is its title among the links at the top. `tables` are those that are also written as files.
    """

    id: str
    title: str
    short: str
    content: object
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def template(self) -> str:
        """The file under templates/."""
        return f"{self.id}.html.j2"
