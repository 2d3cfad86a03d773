"""Arm minus IFT at each budget, with intervals around a zero line; drawn by the page's difference section."""

import altair as alt

from isothink.evidence.record import Comparison, Evidence
from isothink.report import numbers
from isothink.report.figure import Row, facet, significant
from isothink.report.frontier_figure import SOLID, arm_colour
from isothink.report.palette import GREY, Palette, label

HOLLOW_WHEN = "datum.outcome == 'unresolved'"


def difference_rows(evidence: Evidence, family: str, kind: str) -> list[Row]:
    """One row per comparison of the family and kind, in percentage points."""
    return [
        _row(one)
        for one in evidence.comparisons
        if one.family == family and one.kind == kind and one.axis == "training_flops"
    ]


def points_domain(rows: list[Row]) -> list[float]:
    """A range that holds every interval and zero, with room at both ends."""
    low = min([0.0, *(row["low"] for row in rows)])
    high = max([0.0, *(row["high"] for row in rows)])
    room = max(0.08 * (high - low), 0.5)
    return [low - room, high + room]


def difference_chart(source: alt.Data, arms: Palette, budgets: list[str], domain: list[float]) -> alt.LayerChart:
    """One panel: budgets side by side, arms within a budget, the zero line dashed, hollow marks where unresolved."""
    return alt.layer(*_layers(arms, budgets, domain, "budget, training FLOPs"), data=source)


def student_difference_chart(
    source: alt.Data, arms: Palette, budgets: list[str], students: list[str], domain: list[float]
) -> alt.TopLevelMixin:
    """A small panel per student, smallest student first; the page sets width and columns to fit its screen."""
    panel = alt.layer(*_layers(arms, budgets, domain, None)).properties(width=130, height=110)
    return panel.facet(facet=facet("student", students, "budget, training FLOPs"), columns=2, data=source)


def _layers(arms: Palette, budgets: list[str], domain: list[float], budget_title: str | None) -> list[alt.Chart]:
    axis = alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=6)
    place = {
        "x": alt.X("budget:O", title=budget_title, sort=budgets, axis=axis),
        "xOffset": alt.XOffset("arm:N", sort=list(arms.arms)),
    }
    zero = alt.Chart().mark_rule(strokeDash=[4, 3], color=GREY).encode(y=alt.datum(0))
    interval = alt.Chart().mark_rule(strokeWidth=2)
    interval = interval.encode(**place, y=_points_axis("low", domain), y2="high:Q", color=arm_colour(arms))
    mark = alt.Chart().mark_point(size=70, strokeWidth=2, opacity=1)
    mark = mark.encode(
        **place,
        y=_points_axis("difference", domain),
        color=arm_colour(arms),
        fill=alt.Fill("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.colours), legend=SOLID),
        fillOpacity=alt.condition(HOLLOW_WHEN, alt.value(0), alt.value(1)),
        shape=alt.Shape("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.shapes), legend=SOLID),
        tooltip=_tooltip(),
    )
    return [zero, interval, mark]


def _row(one: Comparison) -> Row:
    return {
        "kind": one.kind,
        "arm": label(one.arm),
        "budget": numbers.scientific(one.budget_flops),
        "budget_flops": one.budget_flops,
        "student": label(one.student),
        "baseline_student": label(one.baseline_student),
        "difference": round(100 * one.difference, 3),
        "low": round(100 * one.interval.low, 3),
        "high": round(100 * one.interval.high, 3),
        "p_value": significant(one.p_value),
        "adjusted_p_value": None if one.adjusted_p_value is None else significant(one.adjusted_p_value),
        "smallest_resolvable": round(100 * one.smallest_resolvable, 3),
        "if_truncated_low": round(100 * one.truncation_bounds.low, 3),
        "if_truncated_high": round(100 * one.truncation_bounds.high, 3),
        "outcome": one.outcome,
    }


def _points_axis(field: str, domain: list[float]) -> alt.Y:
    return alt.Y(
        f"{field}:Q",
        title="arm minus IFT, points",
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(tickCount=5),
    )


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("arm:N", title="arm"),
        alt.Tooltip("student:N", title="student"),
        alt.Tooltip("baseline_student:N", title="IFT student"),
        alt.Tooltip("budget:N", title="budget, FLOPs"),
        alt.Tooltip("difference:Q", title="difference, points", format="+.1f"),
        alt.Tooltip("low:Q", title="interval from", format="+.1f"),
        alt.Tooltip("high:Q", title="interval to", format="+.1f"),
        alt.Tooltip("adjusted_p_value:Q", title="adjusted p", format=".3f"),
        alt.Tooltip("outcome:N", title="outcome"),
    ]
