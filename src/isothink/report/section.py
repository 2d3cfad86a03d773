"""A part of the page: a heading, a template, the record that fills it. Built by sections/, put together by page.py."""

from dataclasses import dataclass

from isothink.report.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Section:
    """`id` names the anchor and the template; `content` is what the template sees under that name."""

    id: str
    title: str
    content: object
    figures: tuple[Figure, ...] = ()

    @property
    def template(self) -> str:
        """The file under templates/."""
        return f"{self.id}.html.j2"
