"""What the rule within a study expects of sizes that were not run, beside what was measured.

Drawn by the page's section of predictions. Measurements are filled marks with thick intervals; predictions are dashed
lines and hollow marks with thin intervals. A panel per budget and arm, since the intervals are wide and those of
several arms would hide each other. Each predicted size has its own interval: within the ladder and beyond it they are
made differently, and a band would join what does not belong together.
"""

import math
from functools import partial

import altair as alt

from isothink.evidence.record import Evidence
from isothink.evidence.rule_record import FamilyRule, RulePoint
from isothink.report import numbers
from isothink.report.figure import Row, facet, significant
from isothink.report.frontier_figure import SOLID, arm_colour
from isothink.report.palette import GREY, Palette, label

MEASURED, PREDICTED = "measured", "predicted"
SIZE_LABEL = "replace(format(datum.value, '~s'), 'G', 'B')"
COMMA = "lastindexof(datum.value, ', ')"
TWO_LINES = f"[slice(datum.value, 0, {COMMA}), slice(datum.value, {COMMA} + 2)]"
"""The name of a panel, which ends with its budget."""


def accuracy_rows(evidence: Evidence, rule: FamilyRule) -> list[Row]:
    """Measured accuracies, and predicted ones of every size of the rule, in percent."""
    measured = [
        {
            **_place(one.arm, one.budget_flops, one.parameters, MEASURED),
            "value": round(100 * one.accuracy, 2),
            "low": round(100 * one.interval.low, 2),
            "high": round(100 * one.interval.high, 2),
        }
        for one in evidence.configurations
        if one.family == rule.family
    ]
    predicted = [
        _predicted(rule, point, point.accuracy, point.interval)
        for point in rule.points
        if point.accuracy is not None and point.interval is not None
    ]
    return measured + predicted


def gain_rows(evidence: Evidence, rule: FamilyRule) -> list[Row]:
    """Measured gains of the same student, and predicted ones of every size of the rule, in points."""
    sizes = {(one.family, one.student): one.parameters for one in evidence.configurations}
    measured = [
        {
            **_place(one.arm, one.budget_flops, sizes[one.family, one.student], MEASURED),
            "value": round(100 * one.difference, 2),
            "low": round(100 * one.interval.low, 2),
            "high": round(100 * one.interval.high, 2),
        }
        for one in evidence.comparisons
        if (one.family, one.axis, one.kind) == (rule.family, "training_flops", "same_student")
        and (one.family, one.student) in sizes
    ]
    predicted = [
        _predicted(rule, point, point.gain, point.gain_interval)
        for point in rule.points
        if point.gain is not None and point.gain_interval is not None
    ]
    return measured + predicted


def prediction_chart(
    source: alt.Data, arms: Palette, panels: list[str], domain: tuple[float, float], title: str, *, zero: bool
) -> alt.TopLevelMixin:
    """Values over size, whose range is `domain`, a panel per budget and arm."""
    size, value = _size(*domain), partial(_value, title=title, zero=zero)
    measured, predicted = f"datum.kind == '{MEASURED}'", f"datum.kind == '{PREDICTED}'"
    chart = alt.Chart()
    not_run = f"{predicted} && !datum.was_run"
    thin = chart.transform_filter(not_run).mark_rule(strokeWidth=1.2, opacity=0.5, clip=True)
    line = chart.transform_filter(predicted).mark_line(strokeDash=[5, 3], strokeWidth=1.2, tooltip=False, clip=True)
    hollow = chart.transform_filter(not_run).mark_point(size=14, strokeWidth=1.1, clip=True)
    bar = chart.transform_filter(measured).mark_rule(strokeWidth=2.4, clip=True)
    solid = chart.transform_filter(measured).mark_point(size=55, filled=True, opacity=1, clip=True)
    colour = arm_colour(arms)
    shape = alt.Shape("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.shapes), legend=SOLID)
    layers = [
        thin.encode(
            x=size,
            y=value("low"),
            y2="high:Q",
            color=colour,
            strokeDash=alt.condition("datum.extrapolated", alt.value([2, 3]), alt.value([1, 0])),
        ),
        line.encode(x=size, y=value("value"), color=colour),
        hollow.encode(x=size, y=value("value"), color=colour, shape=shape, tooltip=_tooltip(title)),
        bar.encode(x=size, y=value("low"), y2="high:Q", color=colour),
        solid.encode(x=size, y=value("value"), color=colour, shape=shape, tooltip=_tooltip(title)),
    ]
    if zero:
        layers.insert(0, alt.Chart().mark_rule(strokeDash=[4, 3], color=GREY).encode(y=alt.datum(0)))
    panel = alt.layer(*layers).properties(width=130, height=95)
    return panel.facet(facet=facet("panel", panels, "parameters (log scale)", TWO_LINES), columns=2, data=source)


def panels_of(rows: list[Row], arms: Palette) -> list[str]:
    """The panels in their order: the arms of a budget beside each other."""
    ordered = sorted(rows, key=lambda row: (row["budget_flops"], arms.arms.index(row["arm"])))
    return list(dict.fromkeys(row["panel"] for row in ordered))


def size_domain(rows: list[Row]) -> tuple[float, float]:
    """The range of sizes, with room at both ends."""
    found = [row["parameters"] for row in rows]
    return significant(min(found) / 1.15), significant(max(found) * 1.15)


def _place(arm: str, budget: float, parameters: int, kind: str) -> Row:
    return {
        "kind": kind,
        "panel": f"{label(arm)}, {numbers.scientific(budget)} FLOPs",
        "arm": label(arm),
        "budget": numbers.scientific(budget),
        "budget_flops": budget,
        "parameters": parameters,
        "was_run": True,
        "extrapolated": False,
    }


def _predicted(rule: FamilyRule, point: RulePoint, value: float | None, interval: tuple[float, float] | None) -> Row:
    assert value is not None
    assert interval is not None
    return {
        **_place(point.arm, point.budget_flops, point.parameters, PREDICTED),
        "was_run": point.parameters in rule.sizes,
        "extrapolated": point.extrapolated,
        "value": round(100 * value, 2),
        "low": round(100 * interval[0], 2),
        "high": round(100 * interval[1], 2),
    }


def _size(low: float, high: float) -> alt.X:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low > 2e3 else (1, 3)
    ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
    return alt.X(
        "parameters:Q",
        title=None,
        scale=alt.Scale(type="log", nice=False, domain=[low, high]),
        axis=alt.Axis(values=ticks, labelExpr=SIZE_LABEL, labelOverlap="greedy", grid=False),
    )


def _value(field: str, title: str, *, zero: bool) -> alt.Y:
    scale = alt.Scale(zero=zero) if zero else alt.Scale(domain=[0, 100], nice=False)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5))


def _tooltip(title: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("kind:N", title="this is"),
        alt.Tooltip("arm:N", title="arm"),
        alt.Tooltip("parameters:Q", title="parameters", format=".3s"),
        alt.Tooltip("budget:N", title="budget, FLOPs"),
        alt.Tooltip("value:Q", title=title, format=".1f"),
        alt.Tooltip("low:Q", title="interval from", format=".1f"),
        alt.Tooltip("high:Q", title="interval to", format=".1f"),
        alt.Tooltip("extrapolated:N", title="beyond the ladder"),
    ]
