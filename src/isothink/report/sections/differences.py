"""Every arm minus IFT at equal training FLOPs: the best student of each arm, and the same student in small panels."""

from dataclasses import dataclass

from isothink.evidence.record import Evidence
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.difference_figure import (
    difference_chart,
    difference_rows,
    points_domain,
    student_difference_chart,
)
from isothink.report.figure import ROWS, Figure, Row
from isothink.report.figures import arms_of, students_of
from isothink.report.palette import Palette, label, only
from isothink.report.section import Section

FILLED = "a filled mark is resolved, a hollow one is not"
BEST_CAPTION = (
    "Best student of each arm, the selection redone in every draw. Above the dashed line the arm beats IFT; {filled} "
    "(p < 0.10 after adjustment over all of these comparisons; intervals are not adjusted). n = {n}."
)
SAME_CAPTION = (
    "One student, its arm minus its IFT in points, at each budget in training FLOPs; {filled}. These explain, they "
    "decide no verdict. n = {n}."
)


@dataclass(frozen=True, kw_only=True)
class FamilyDifferences:
    """A family's heading and its plots."""

    family: str
    figures: tuple[Figure, ...]


def section(data: ReportData) -> Section:
    """The section of differences."""
    evidence = data.evidence
    families = tuple(
        FamilyDifferences(family=family, figures=figures)
        for index, family in enumerate(evidence.families)
        if (figures := _figures(evidence, index))
    )
    figures = tuple(figure for family in families for figure in family.figures)
    return Section(
        id="differences",
        title="Each arm minus IFT at equal training FLOPs",
        short="Differences",
        content=families,
        figures=figures,
    )


def _figures(evidence: Evidence, index: int) -> tuple[Figure, ...]:
    family = evidence.families[index]
    found = []
    if best := difference_rows(evidence, family, "best_student"):
        found.append(_best(evidence, index, best))
    if same := difference_rows(evidence, family, "same_student"):
        found.append(_same(evidence, index, same))
    return tuple(found)


def _best(evidence: Evidence, index: int, rows: list[Row]) -> Figure:
    identity = f"difference-{index}-best"
    chart = difference_chart(ROWS, _arms(evidence, rows), _budgets(rows), points_domain(rows))
    return Figure(
        id=identity,
        title="Best student of each arm",
        chart=chart.to_dict(validate=False),
        rows=rows,
        label=f"{evidence.families[index]}, best students: {_spoken(rows)}",
        caption=BEST_CAPTION.format(filled=FILLED, n=_n(evidence, index, rows)),
        height=230,
        subject=evidence.families[index],
    )


def _same(evidence: Evidence, index: int, rows: list[Row]) -> Figure:
    identity = f"difference-{index}-same"
    students = _students(evidence, rows)
    chart = student_difference_chart(ROWS, _arms(evidence, rows), _budgets(rows), students, points_domain(rows))
    return Figure(
        id=identity,
        title="The same student",
        chart=chart.to_dict(validate=False),
        rows=rows,
        label=f"{evidence.families[index]}, same student: {_spoken(rows)}",
        caption=SAME_CAPTION.format(filled=FILLED, n=_n(evidence, index, rows)),
        kind="panels",
        subject=evidence.families[index],
    )


def _students(evidence: Evidence, rows: list[Row]) -> list[str]:
    named_here = {row["student"] for row in rows}
    known = [name for name in students_of(evidence) if name in named_here]
    return known + sorted(named_here - set(known))


def _arms(evidence: Evidence, rows: list[Row]) -> Palette:
    return only(arms_of(evidence), {row["arm"] for row in rows})


def _budgets(rows: list[Row]) -> list[str]:
    """The names of the budgets, smallest first."""
    return list(dict.fromkeys(row["budget"] for row in sorted(rows, key=lambda row: row["budget_flops"])))


def _n(evidence: Evidence, index: int, rows: list[Row]) -> str:
    results = [one for one in evidence.configurations if one.family == evidence.families[index]]
    comparisons = numbers.plural(len(rows), "comparison")
    if not results:
        return comparisons
    return f"{comparisons} over {numbers.plural(max(one.items for one in results), 'item')}"


def _spoken(rows: list[Row]) -> str:
    return "; ".join(
        f"{row['arm']} minus IFT for {label(row['student'])} at {row['budget']} FLOPs {row['difference']:+.1f} points, "
        f"{row['outcome']}"
        for row in rows
    )
