"""A plot of the page: its specification, the rows it draws, its caption, and the rows as a CSV to take away."""

import csv
import io
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import altair as alt

from isothink.report.text import visible

Row = dict[str, Any]
Chart = dict[str, Any]
# A spreadsheet takes a text that begins so for a formula; a quotation mark in front keeps it a text.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Charts name their data and do not hold it: figures of one kind share a chart, figures of one family share rows.
ROWS = alt.NamedData(name="rows")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One plot. `id` is the report's own, never made from data; `chart` reads its rows by the name that `ROWS` has.

    `kind` is `single` for one panel, which follows its container's width, and `panels` for one panel per value of the
    rows' column `panel`. `label` is what a screen reader says instead of the picture. `subject` is what stands above
    the title on the page, such as the family. `row` is how many panels belong beside each other where there is room; 0
    is as many as fit.
    """

    id: str
    title: str
    chart: Chart
    rows: list[Row]
    label: str
    caption: str
    kind: str = "single"
    height: int = 300
    panel: str = "student"
    subject: str = ""
    row: int = 0

    @property
    def panels(self) -> int:
        """How many panels it has."""
        return len({row[self.panel] for row in self.rows}) if self.kind == "panels" else 1


def facet(field: str, order: list[str], x_title: str | None, label: str = "datum.value") -> alt.Facet:
    """A panel per value of a field. The title of the x axes stands once, below all panels: theirs would collide."""
    header = alt.Header(labelFontWeight="bold", labelLimit=150, labelExpr=label, titleOrient="bottom")
    return alt.Facet(f"{field}:N", sort=order, title=x_title, header=header)


def significant(value: float) -> float:
    """Six digits: more than any plot shows, and half the length in the page."""
    return float(f"{value:.6g}")


def csv_link(rows: list[Row]) -> str:
    """Rows as a `data:` address that a browser saves as a file."""
    return "data:text/csv;charset=utf-8," + quote(csv_text(rows), safe=",()/:;*~!'")


def csv_text(rows: list[Row]) -> str:
    """Rows as CSV with a header; all rows have the keys of the first."""
    if not rows:
        return ""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0].keys())
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return buffer.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
