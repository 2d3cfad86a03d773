"""Every arm minus what IFT reaches at equal inference FLOPs per query, and at equal whole-life FLOPs."""

from dataclasses import dataclass
from functools import lru_cache

from isothink.evidence.record import Axis, Evidence
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.equal_cost_figure import BEST, equal_cost_chart, equal_cost_rows
from isothink.report.figure import ROWS, Chart, Figure, Row
from isothink.report.figures import arms_of, students_of
from isothink.report.palette import Palette, only
from isothink.report.section import Section

AXES: dict[Axis, str] = {
    "inference_flops_per_query": "equal inference FLOPs per query",
    "lifetime_flops": "equal whole-life FLOPs",
}
CAPTION = (
    "By training budget: the accuracy of the arm's cell minus what IFT reaches at the cost of that cell, read "
    "between IFT students. Hollow = not resolved; small with a dotted interval = extrapolated, no IFT cell costs that "
    "much. {queries}They decide no verdict. n = {n}."
)


@dataclass(frozen=True, kw_only=True)
class FamilyEqualCost:
    """A family's heading and its plots."""

    family: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, kw_only=True)
class EqualCostContent:
    """What the template shows."""

    families: tuple[FamilyEqualCost, ...]


def section(data: ReportData) -> Section:
    """The section of comparisons at equal cost."""
    evidence = data.evidence
    tables = {
        (index, axis): rows
        for index, family in enumerate(evidence.families)
        for axis in AXES
        if (rows := equal_cost_rows(evidence, family, axis))
    }
    families = tuple(
        FamilyEqualCost(family=family, figures=figures)
        for index, family in enumerate(evidence.families)
        if (
            figures := tuple(
                _figure(evidence, index, axis, tables[index, axis]) for axis in AXES if (index, axis) in tables
            )
        )
    )
    figures = tuple(figure for family in families for figure in family.figures)
    return Section(
        id="equal_cost",
        title="Each arm minus IFT at equal inference or whole-life cost",
        short="At equal costs",
        content=EqualCostContent(families=families),
        figures=figures,
    )


def _chart_of(evidence: Evidence, rows: list[Row]) -> Chart:
    arms = only(arms_of(evidence), {row["arm"] for row in rows})
    named_here = {row["panel"] for row in rows}
    panels = [name for name in (BEST, *students_of(evidence)) if name in named_here]
    panels += sorted(named_here - set(panels))
    budgets = list(dict.fromkeys(row["budget"] for row in sorted(rows, key=lambda row: row["budget_flops"])))
    return _chart(arms, tuple(panels), tuple(budgets))


@lru_cache(maxsize=32)
def _chart(arms: Palette, panels: tuple[str, ...], budgets: tuple[str, ...]) -> Chart:
    """The chart of the families that have these arms, panels and budgets: only their rows differ."""
    return dict(equal_cost_chart(ROWS, arms, list(panels), list(budgets)).to_dict(validate=False))


def _figure(evidence: Evidence, index: int, axis: Axis, rows: list[Row]) -> Figure:
    family, name = evidence.families[index], AXES[axis]
    extrapolated = sum(row["extrapolated"] for row in rows)
    n = numbers.plural(len(rows), "comparison") + (f", {extrapolated:,} of them extrapolated" if extrapolated else "")
    queries = f"{numbers.count(evidence.queries)} queries are served. " if axis == "lifetime_flops" else ""
    return Figure(
        id=f"equal-{index}-{axis.split('_')[0]}",
        title=f"At {name}",
        chart=_chart_of(evidence, rows),
        rows=rows,
        label=f"{family}, at {name}: {_spoken(rows)}",
        caption=CAPTION.format(queries=queries, n=n),
        kind="panels",
        panel="panel",
        subject=family,
    )


def _spoken(rows: list[Row]) -> str:
    return "; ".join(
        f"{row['arm']} {row['student']} minus IFT at {numbers.scientific(row['cost'])} FLOPs "
        f"{row['difference']:+.1f} points, {'extrapolated' if row['extrapolated'] else row['outcome']}"
        for row in rows
        if row["panel"] == BEST
    )
