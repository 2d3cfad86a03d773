"""A table of a section: as text for the page and for Markdown, and as plain values for the CSV beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from isothink.report.figure import Row, csv_link, csv_text
from isothink.report.text import shortened, visible

Kind = Literal["name", "text", "number", "prose"]
CELL_LIMIT = 1_000


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading; numbers stand on the right, names and prose get room and break anywhere."""

    name: str
    kind: Kind = "number"


@dataclass(frozen=True, kw_only=True)
class Table:
    """`id` is the report's own, never made from data. `rows` are texts, `data` the values of the CSV.

    `caption` says what is counted and what n is.
    """

    id: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    data: list[Row]

    @property
    def csv(self) -> str:
        """The values as a link that needs neither a server nor a script."""
        return csv_link(self.data)

    @property
    def csv_text(self) -> str:
        """The values as a file."""
        return csv_text(self.data)

    @property
    def markdown(self) -> str:
        """The texts as a table that GitHub and Pandoc read."""
        heads = [markdown_line(column.name) for column in self.columns]
        rules = ["---:" if column.kind == "number" else "---" for column in self.columns]
        lines = [heads, rules, *([markdown_line(text) for text in row] for row in self.rows)]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def table_of(identity: str, title: str, caption: str, records: Sequence[Any], first: str = "") -> Table:
    """A table of dataclasses that hold texts: a column per field, whose first is a name.

    `first` replaces the first heading; the CSV holds the same texts.
    """
    names = [field.name.replace("_", " ") for field in fields(records[0])] if records else []
    heads = [first or names[0], *names[1:]] if names else []
    rows = [tuple(str(getattr(record, field.name)) for field in fields(record)) for record in records]
    return Table(
        id=identity,
        title=title,
        caption=caption,
        columns=tuple(Column(name=name, kind="name" if index == 0 else "text") for index, name in enumerate(heads)),
        rows=tuple(rows),
        data=[dict(zip(heads, row, strict=True)) for row in rows],
    )


def markdown_line(text: str, limit: int = CELL_LIMIT) -> str:
    """One line without anything that Markdown or HTML would read as its own."""
    plain = shortened(" ".join(visible(text).split()), limit)
    for mark in "\\`*_[]<>|#~&!$":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
