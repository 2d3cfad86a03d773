"""Sizes that were not run: what the study's rule expects of them, what it refuses, and where gains cross zero."""

from dataclasses import dataclass
from functools import lru_cache

from isothink.evidence.record import Evidence
from isothink.evidence.rule_record import FamilyRule, RuleCrossover
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import ROWS, Chart, Figure, Row
from isothink.report.figures import arms_of
from isothink.report.palette import Palette, only
from isothink.report.prediction_figure import (
    PREDICTED,
    accuracy_rows,
    gain_rows,
    panels_of,
    prediction_chart,
    size_domain,
)
from isothink.report.section import Section
from isothink.report.table import Column, Table

MARKS = (
    "Filled mark, thick bar = measured. Dashed line = predicted from the sizes that were run; hollow mark, thin bar = "
    "a size that was not run, with its 90% interval, dotted outside the range of those that were. A panel per "
    "training budget and arm. n = {n}."
)
KINDS = {
    "accuracy": (accuracy_rows, "Accuracy by size", "accuracy, %"),
    "gain": (gain_rows, "Gain over IFT at the same size and budget", "gain over IFT, points"),
}
CROSSOVER_COLUMNS = (
    Column(name="family", kind="name"),
    Column(name="arm", kind="text"),
    Column(name="budget, FLOPs"),
    Column(name="gain is zero at, parameters"),
    Column(name="90% interval"),
    Column(name="why", kind="prose"),
)


@dataclass(frozen=True, kw_only=True)
class FamilyPredictions:
    """A family's heading, its plots, and what is refused."""

    family: str
    figures: tuple[Figure, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PredictionsContent:
    """What the template shows."""

    families: tuple[FamilyPredictions, ...]
    tables: tuple[Table, ...]
    crossovers: str


def section(data: ReportData) -> Section:
    """The section of predictions."""
    evidence = data.evidence
    tables = {kind: [rows_of(evidence, rule) for rule in evidence.rules] for kind, (rows_of, _, _) in KINDS.items()}
    families = tuple(
        FamilyPredictions(
            family=rule.family,
            figures=tuple(
                _figure(evidence, f"prediction-{index}-{kind}", kind, rule, tables[kind][index])
                for kind in KINDS
                if _predicted(tables[kind][index])
            ),
            refused=_refused(rule),
        )
        for index, rule in enumerate(evidence.rules)
    )
    figures = tuple(figure for family in families for figure in family.figures)
    crossovers = _crossovers(evidence)
    content = PredictionsContent(families=families, tables=crossovers, crossovers=_crossover_sentence(evidence))
    return Section(
        id="predictions",
        title="Sizes that were not run",
        short="Predictions",
        content=content,
        figures=figures,
        tables=crossovers,
    )


def _predicted(rows: list[Row]) -> int:
    return sum(row["kind"] == PREDICTED for row in rows)


@lru_cache(maxsize=32)
def _chart(kind: str, arms: Palette, panels: tuple[str, ...], domain: tuple[float, float]) -> Chart:
    """The chart of the families that have these arms, panels and sizes: only their rows differ."""
    chart = prediction_chart(ROWS, arms, list(panels), domain, KINDS[kind][2], zero=kind == "gain")
    return dict(chart.to_dict(validate=False))


def _figure(evidence: Evidence, identity: str, kind: str, rule: FamilyRule, rows: list[Row]) -> Figure:
    _, title, axis_title = KINDS[kind]
    arms = only(arms_of(evidence), {row["arm"] for row in rows})
    not_run = sum(row["kind"] == PREDICTED and not row["was_run"] for row in rows)
    n = f"{len(rows) - _predicted(rows):,} measured, {not_run:,} predicted at sizes that were not run"
    return Figure(
        id=identity,
        title=title,
        chart=_chart(kind, arms, tuple(panels_of(rows, arms)), size_domain(rows)),
        rows=rows,
        label=f"{rule.family}, {title}: {n}. {_spoken(rows, axis_title)}",
        caption=MARKS.format(n=n),
        kind="panels",
        panel="panel",
        row=len(arms.arms),
        subject=rule.family,
    )


def _spoken(rows: list[Row], axis_title: str) -> str:
    """The largest size at the largest budget, arm by arm."""
    predicted = [row for row in rows if row["kind"] == PREDICTED]
    top = max(row["budget_flops"] for row in predicted)
    last = max(row["parameters"] for row in predicted)
    return f"At {numbers.parameters(last)} parameters and the largest budget, {axis_title}: " + "; ".join(
        f"{row['arm']} {row['value']:.1f}, {row['low']:.1f} to {row['high']:.1f}"
        for row in predicted
        if (row["budget_flops"], row["parameters"]) == (top, last)
    )


def _refused(rule: FamilyRule) -> tuple[str, ...]:
    """What is not predicted: each of the analysis' reasons once, with the arms and budgets that it holds for."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for fit in rule.fits:
        if fit.refused is not None:
            where = f"{fit.series.get('arm', '')} at {_budget(fit.series.get('budget', ''))}"
            found.setdefault(("accuracy", fit.refused), {})[where] = None
    for point in rule.points:
        where = f"{point.arm} at {numbers.flops(point.budget_flops)}"
        if point.refused is not None:
            found.setdefault(("accuracy", point.refused), {})[where] = None
        elif point.gain_refused is not None:
            found.setdefault(("gain", point.gain_refused), {})[where] = None
    return tuple(f"No {what} for {', '.join(places)}: {reason}." for (what, reason), places in found.items())


def _budget(text: str) -> str:
    try:
        return numbers.flops(float(text))
    except ValueError:
        return text


def _crossover_sentence(evidence: Evidence) -> str:
    found = [crossover for rule in evidence.rules for crossover in rule.crossovers]
    known = sum(crossover.parameters is not None for crossover in found)
    return f"Where gains over IFT cross zero: {known:,} of {len(found):,} arms and budgets have such a size"


def _crossovers(evidence: Evidence) -> tuple[Table, ...]:
    found = [(rule.family, crossover) for rule in evidence.rules for crossover in rule.crossovers]
    if not found:
        return ()
    known = sum(crossover.parameters is not None for _, crossover in found)
    return (
        Table(
            id="crossovers",
            title="Where gains cross zero",
            caption=(
                "The size at which an arm's fitted gain over IFT is zero, with every size at which the gain's own "
                f"interval holds zero. n = {len(found):,}, one per family, arm and budget; {known:,} with a crossover."
            ),
            columns=CROSSOVER_COLUMNS,
            rows=tuple(_line(family, crossover) for family, crossover in found),
            data=[_row(family, crossover) for family, crossover in found],
        ),
    )


def _line(family: str, one: RuleCrossover) -> tuple[str, ...]:
    return (
        family,
        one.arm,
        numbers.scientific(one.budget_flops),
        numbers.NONE if one.parameters is None else numbers.parameters(one.parameters),
        _interval(one.interval),
        one.reason,
    )


def _interval(interval: tuple[float | None, float | None] | None) -> str:
    if interval is None:
        return numbers.NONE
    low, high = interval
    start = "below all sizes" if low is None else numbers.parameters(low)
    end = "beyond all sizes" if high is None else numbers.parameters(high)
    return f"{start} to {end}"


def _row(family: str, one: RuleCrossover) -> Row:
    low, high = one.interval or (None, None)
    return {
        "family": family,
        "arm": one.arm,
        "budget_flops": one.budget_flops,
        "parameters": one.parameters,
        "low": low,
        "high": high,
        "reason": one.reason,
    }
