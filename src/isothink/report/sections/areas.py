"""The area under each frontier: the mean over all costs of the best accuracy that no more than this cost buys."""

from dataclasses import dataclass

from isothink.evidence.record import Axis, Evidence, Frontier, Hypervolume
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import Row
from isothink.report.section import Section
from isothink.report.table import Column, Table

AXES: dict[Axis, str] = {
    "training_flops": "training FLOPs",
    "inference_flops_per_query": "inference FLOPs per query",
    "lifetime_flops": "whole-life FLOPs",
}
EVERY_ARM = "all arms"
COLUMNS = (
    Column(name="family", kind="name"),
    Column(name="cost", kind="text"),
    Column(name="arm", kind="text"),
    Column(name="area"),
    Column(name="interval"),
    Column(name="from, FLOPs"),
    Column(name="to, FLOPs"),
)


@dataclass(frozen=True, kw_only=True)
class AreasContent:
    """A table, or nothing."""

    tables: tuple[Table, ...]


def section(data: ReportData) -> Section:
    """The section of areas under frontiers."""
    tables = _tables(data.evidence)
    return Section(
        id="areas", title="Area under the frontier", short="Areas", content=AreasContent(tables=tables), tables=tables
    )


def _tables(evidence: Evidence) -> tuple[Table, ...]:
    found = [(frontier, area) for frontier in evidence.frontiers for area in frontier.hypervolumes]
    if not found:
        return ()
    level = numbers.level(found[0][1].interval)
    return (
        Table(
            id="areas",
            title="Areas under frontiers",
            caption=(
                "The mean over all costs, each factor counting the same, of the best accuracy that no more than this "
                f"cost buys; 0 where nothing is that cheap. {level} intervals. "
                f"n = {numbers.plural(len(found), 'area')}."
            ),
            columns=COLUMNS,
            rows=tuple(_line(frontier, area) for frontier, area in found),
            data=[_row(frontier, area) for frontier, area in found],
        ),
    )


def _line(frontier: Frontier, area: Hypervolume) -> tuple[str, ...]:
    return (
        frontier.family,
        AXES[frontier.axis],
        area.arm or EVERY_ARM,
        numbers.percent(area.value),
        numbers.percent_interval(area.interval),
        numbers.scientific(area.cheapest),
        numbers.scientific(area.dearest),
    )


def _row(frontier: Frontier, area: Hypervolume) -> Row:
    return {
        "family": frontier.family,
        "axis": frontier.axis,
        "arm": area.arm or EVERY_ARM,
        "area": round(area.value, 6),
        "low": round(area.interval.low, 6),
        "high": round(area.interval.high, 6),
        "cheapest": area.cheapest,
        "dearest": area.dearest,
    }
