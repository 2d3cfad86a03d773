"""What the rule within a study expects of sizes that were not run, beside what was measured. A panel per budget.

Drawn by the page's section of predictions. Measurements are filled marks with solid intervals; predictions are dashed
lines, hollow marks and bands.
"""

import math
from functools import partial

import altair as alt

from isothink.evidence.record import Evidence
from isothink.evidence.rule_record import FamilyRule, RulePoint
from isothink.report import numbers
from isothink.report.figure import Row, significant
from isothink.report.frontier_figure import SOLID, arm_colour
from isothink.report.palette import GREY, Palette, label

MEASURED, PREDICTED = "measured", "predicted"
SIZE_LABEL = "replace(format(datum.value, '~s'), 'G', 'B')"


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
    source: alt.Data, arms: Palette, rows: list[Row], budgets: list[str], title: str, *, zero: bool
) -> alt.TopLevelMixin:
    """Values over size for every budget."""
    size, value = _size(rows), partial(_value, title=title, zero=zero)
    measured, predicted = f"datum.kind == '{MEASURED}'", f"datum.kind == '{PREDICTED}'"
    chart = alt.Chart()
    band = chart.transform_filter(predicted).mark_area(opacity=0.07, tooltip=False, clip=True)
    edge = chart.transform_filter(predicted).mark_line(
        strokeDash=[2, 2], strokeWidth=0.9, opacity=0.55, tooltip=False, clip=True
    )
    line = chart.transform_filter(predicted).mark_line(strokeDash=[5, 3], strokeWidth=1.5, tooltip=False, clip=True)
    hollow = chart.transform_filter(f"{predicted} && !datum.was_run").mark_point(size=26, strokeWidth=1.2, clip=True)
    bar = chart.transform_filter(measured).mark_rule(strokeWidth=1.8, clip=True)
    solid = chart.transform_filter(measured).mark_point(size=55, filled=True, opacity=1, clip=True)
    colour = arm_colour(arms)
    shape = alt.Shape("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.shapes), legend=SOLID)
    layers = [
        band.encode(x=size, y=value("low"), y2="high:Q", color=colour),
        edge.encode(x=size, y=value("low"), color=colour),
        edge.encode(x=size, y=value("high"), color=colour),
        line.encode(x=size, y=value("value"), color=colour),
        hollow.encode(x=size, y=value("value"), color=colour, shape=shape, tooltip=_tooltip(title)),
        bar.encode(x=size, y=value("low"), y2="high:Q", color=colour),
        solid.encode(x=size, y=value("value"), color=colour, shape=shape, tooltip=_tooltip(title)),
    ]
    if zero:
        layers.insert(0, alt.Chart().mark_rule(strokeDash=[4, 3], color=GREY).encode(y=alt.datum(0)))
    panel = alt.layer(*layers).properties(width=130, height=130)
    header = alt.Header(labelFontWeight="bold", labelLimit=150, labelExpr="datum.value + ' FLOPs'")
    facet = alt.Facet("budget:N", sort=budgets, title=None, header=header)
    return panel.facet(facet=facet, columns=2, data=source)


def _place(arm: str, budget: float, parameters: int, kind: str) -> Row:
    return {
        "kind": kind,
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


def _size(rows: list[Row]) -> alt.X:
    low = min(row["parameters"] for row in rows) / 1.15
    high = max(row["parameters"] for row in rows) * 1.15
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low > 2e3 else (1, 3)
    ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
    return alt.X(
        "parameters:Q",
        title="parameters (log scale)",
        scale=alt.Scale(type="log", nice=False, domain=[significant(low), significant(high)]),
        axis=alt.Axis(values=ticks, labelExpr=SIZE_LABEL, labelOverlap="greedy"),
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
