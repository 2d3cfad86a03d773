"""Curriculum curves: accuracy by share of reasoning, and the part of the whole change that each share has."""

from dataclasses import dataclass

from isothink.evidence.pattern_record import CurriculumCurve
from isothink.report import numbers
from isothink.report.curriculum_figure import SHARE_LIMITS, accuracy_chart, accuracy_rows, share_chart, share_rows
from isothink.report.data import ReportData
from isothink.report.figure import ROWS, Chart, Figure, Row
from isothink.report.figures import students_of
from isothink.report.section import Section
from isothink.report.sections.absent import why_absent

ACCURACY_CAPTION = (
    "A panel per student: accuracy by the share of its training that is reasoning; 0 is IFT, 1 is reasoning. Stronger "
    "= larger budget, bars = {level} intervals. n = {n}."
)
SHARE_CAPTION = (
    "The part of the whole change from IFT to reasoning that a share has; on the dashed line it is as large as the "
    "share. Where reasoning loses, it is a part of the loss. Values beyond {low:.0f}% and {high:.0f}% stand at the "
    "edge. n = {n}{left_out}."
)


@dataclass(frozen=True, kw_only=True)
class FamilyCurricula:
    """A family's heading, its plots, and what is to be said of shares that are not known."""

    family: str
    figures: tuple[Figure, ...]
    note: str


@dataclass(frozen=True, kw_only=True)
class CurriculaContent:
    """What the template shows."""

    families: tuple[FamilyCurricula, ...]
    absent: tuple[str, ...]


def section(data: ReportData) -> Section:
    """The section of curricula."""
    patterns = data.evidence.patterns
    by_family: dict[str, list[CurriculumCurve]] = {}
    for curve in patterns.curricula if patterns else ():
        if curve.points:
            by_family.setdefault(curve.family, []).append(curve)
    charts = _charts(data, [curve for curves in by_family.values() for curve in curves])
    families = tuple(_family(charts, index, family, curves) for index, (family, curves) in enumerate(by_family.items()))
    figures = tuple(figure for family in families for figure in family.figures)
    content = CurriculaContent(families=families, absent=why_absent(data, "curricula", bool(families)))
    return Section(
        id="curricula", title="Curricula by share of reasoning", short="Curricula", content=content, figures=figures
    )


def _charts(data: ReportData, curves: list[CurriculumCurve]) -> dict[str, Chart]:
    """The charts of all families: only their rows differ."""
    charts = {}
    for name, rows, chart in (
        ("accuracy", accuracy_rows(curves), accuracy_chart),
        ("share", share_rows(curves), share_chart),
    ):
        if rows:
            charts[name] = chart(ROWS, rows, _students(data, rows), _budgets(rows)).to_dict(validate=False)
    return charts


def _family(charts: dict[str, Chart], index: int, family: str, curves: list[CurriculumCurve]) -> FamilyCurricula:
    unknown = [curve for curve in curves if curve.reason is not None]
    shares = share_rows(curves)
    note = ""
    if not shares:
        note = f"No part of the whole change is given: {'; '.join(sorted({str(curve.reason) for curve in unknown}))}."
    figures = [_accuracy(charts["accuracy"], index, family, curves)]
    if shares:
        figures.append(_share(charts["share"], index, family, shares, len(unknown)))
    return FamilyCurricula(family=family, figures=tuple(figures), note=note)


def _accuracy(chart: Chart, index: int, family: str, curves: list[CurriculumCurve]) -> Figure:
    rows = accuracy_rows(curves)
    level = numbers.level(curves[0].points[0].interval)
    return Figure(
        id=f"curriculum-{index}-accuracy",
        title="Accuracy by share of reasoning",
        chart=chart,
        rows=rows,
        label=f"{family}: {_spoken(rows, 'accuracy')}",
        caption=ACCURACY_CAPTION.format(level=level, n=numbers.plural(len(curves), "curve")),
        kind="panels",
        subject=family,
    )


def _share(chart: Chart, index: int, family: str, rows: list[Row], unknown: int) -> Figure:
    left_out = ""
    if unknown:
        left_out = f"; {numbers.plural(unknown, 'curve')} left out, whose whole change may be zero or is not known"
    return Figure(
        id=f"curriculum-{index}-share",
        title="Part of the whole change",
        chart=chart,
        rows=rows,
        label=f"{family}, part of the whole change: {_spoken(rows, 'share_of_change')}",
        caption=SHARE_CAPTION.format(
            low=SHARE_LIMITS[0], high=SHARE_LIMITS[1], n=numbers.plural(len(rows), "share"), left_out=left_out
        ),
        kind="panels",
        subject=family,
    )


def _students(data: ReportData, rows: list[Row]) -> list[str]:
    named_here = {row["student"] for row in rows}
    known = [name for name in students_of(data.evidence) if name in named_here]
    return known + sorted(named_here - set(known))


def _budgets(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row["budget"] for row in sorted(rows, key=lambda row: row["budget_flops"])))


def _spoken(rows: list[Row], field: str) -> str:
    """At the largest budget alone, which is long enough."""
    top = max(row["budget_flops"] for row in rows)
    said = [
        f"{row['student']} {row['schedule']} {row['share_of_reasoning']:g}: {row[field]:.1f}%"
        for row in rows
        if row["budget_flops"] == top
    ]
    return f"at the largest budget, {'; '.join(said)}"
