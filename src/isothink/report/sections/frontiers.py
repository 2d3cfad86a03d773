"""Accuracy against training FLOPs and against inference FLOPs per query, two plots per family."""

from dataclasses import dataclass
from functools import lru_cache

from isothink.evidence.record import Axis, Evidence
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import ROWS, Chart, Figure, Row
from isothink.report.figures import look_of_family
from isothink.report.frontier_figure import PAGE_AXES, cost_domain, frontier_chart, frontier_rows
from isothink.report.palette import Palette, Sizes
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
    families = tuple(
        FamilyFigures(
            family=family,
            figures=tuple(_figure(evidence, index, axis, rows) for axis in PAGE_AXES),
        )
        for index, family in enumerate(evidence.families)
        if (rows := frontier_rows(evidence, family, look_of_family(evidence, family)[0]))
    )
    figures = tuple(figure for family in families for figure in family.figures)
    return Section(id="frontiers", title="Accuracy against cost", short="Frontiers", content=families, figures=figures)


@lru_cache(maxsize=32)
def _chart(axis: Axis, arms: Palette, students: Sizes, domain: tuple[float, float]) -> Chart:
    """The chart of the families that have these arms, students and costs: only their rows differ."""
    return dict(frontier_chart(ROWS, axis, arms, students, domain).to_dict(validate=False))


def _figure(evidence: Evidence, index: int, axis: Axis, rows: list[Row]) -> Figure:
    family, name = evidence.families[index], AXIS_NAMES[axis]
    members = [row["configuration"] for row in rows if row[f"on_frontier_{axis}"]]
    return Figure(
        id=f"frontier-{index}-{axis.split('_')[0]}",
        title=f"Accuracy against {name}",
        chart=_chart(axis, *look_of_family(evidence, family), cost_domain(rows, axis)),
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
