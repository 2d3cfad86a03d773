"""What `isothink price` prints in a terminal: one row per convention."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def price_table(report: dict[str, Any]) -> "Table":
    """The report as a table for the terminal: one row per convention."""
    from rich.markup import escape
    from rich.table import Table

    counts = report["parameters"]
    title = f"{escape(report['model'])}: {counts['total']:,} parameters, {counts['active']:,} active"
    caption = None if report["verified"] else "The configuration of this model was not checked against its source."
    table = Table(title=title, caption=caption)
    table.add_column("convention")
    phases = ("training", "prefill", "decode")
    for phase in phases:
        table.add_column(f"{phase} FLOPs", justify="right")
    for name, figures in report["conventions"].items():
        values = (figures[f"{phase}_flops"] for phase in phases)
        table.add_row(name, *("-" if value is None else f"{value:.4e}" for value in values))
    return table
