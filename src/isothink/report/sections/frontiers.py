"""Accuracy against training FLOPs and against inference FLOPs per query, two plots per family."""

from dataclasses import dataclass

from isothink.evidence.record import Axis, Evidence
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import ROWS, Chart, Figure, Row
from isothink.report.figures import arms_of, students_of
from isothink.report.frontier_figure import PAGE_AXES, cost_domain, frontier_chart, frontier_rows
from isothink.report.palette import Palette
from isothink.report.section import Section

AXIS_NAMES: dict[Axis, str] = {
    "training_flops": "training FLOPs",
    "inference_flops_per_query": "inference FLOPs per query",
}


@dataclass(frozen=True, kw_only=True)
class FamilyFigures:
    """A family's heading and its plots, which share their rows."""

    family: str
    figures: tuple[Figure, ...]


def section(data: ReportData) -> Section:
    """The frontier's section."""
    evidence = data.evidence
    arms = arms_of(evidence)
    charts = {axis: _chart(evidence, axis, arms) for axis in PAGE_AXES}
    families = tuple(
        FamilyFigures(
            family=family,
            figures=tuple(_figure(f"frontier-{index}", family, axis, rows, charts[axis]) for axis in PAGE_AXES),
        )
        for index, family in enumerate(evidence.families)
        if (rows := frontier_rows(evidence, family, arms))
    )
    figures = tuple(figure for family in families for figure in family.figures)
    return Section(id="frontiers", title="Accuracy against cost", short="Frontiers", content=families, figures=figures)


def _chart(evidence: Evidence, axis: Axis, arms: Palette) -> Chart:
    """The chart of every family over one axis: only their rows differ."""
    chart = frontier_chart(ROWS, axis, arms, students_of(evidence), cost_domain(evidence, axis))
    return dict(chart.to_dict(validate=False))


def _figure(identity: str, family: str, axis: Axis, rows: list[Row], chart: Chart) -> Figure:
    name = AXIS_NAMES[axis]
    members = [row["configuration"] for row in rows if row[f"on_frontier_{axis}"]]
    return Figure(
        id=f"{identity}-{axis.split('_')[0]}",
        title=f"Accuracy against {name}",
        chart=chart,
        rows=rows,
        label=f"{family}: accuracy against {name}, {_configurations(rows)}. On the frontier: {', '.join(members)}.",
        caption=_caption(rows, axis),
        subject=family,
    )


def _caption(rows: list[Row], axis: Axis) -> str:
    n = f"n = {_configurations(rows)}, {_range(rows, 'items', 'item')} and {_range(rows, 'seeds', 'seed')} each"
    marks = "Mark = arm, size = student, bar = interval, line = frontier; fainter = less likely to be on it"
    aside = "; arms stand slightly side by side so that none hides another" if axis == "training_flops" else ""
    return f"{marks}{aside}. {n}."


def _configurations(rows: list[Row]) -> str:
    return numbers.plural(len(rows), "configuration")


def _range(rows: list[Row], field: str, noun: str) -> str:
    low, high = min(row[field] for row in rows), max(row[field] for row in rows)
    return numbers.plural(high, noun) if low == high else f"{low:,} to {numbers.plural(high, noun)}"
