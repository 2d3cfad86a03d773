"""Arm minus IFT at equal inference FLOPs per query or equal whole-life FLOPs, drawn by the page's section of them.

A panel for the best students, and one for each student of the arm.
"""

import altair as alt

from isothink.evidence.record import Axis, Comparison, Evidence
from isothink.report import numbers
from isothink.report.difference_figure import HOLLOW_WHEN
from isothink.report.figure import Row, facet, significant
from isothink.report.frontier_figure import SOLID, arm_colour
from isothink.report.palette import GREY, Palette, label

BEST = "best student"
EXTRAPOLATED = "datum.extrapolated"


def equal_cost_rows(evidence: Evidence, family: str, axis: Axis) -> list[Row]:
    """One row per comparison of the family on the axis, in percentage points."""
    return [_row(one) for one in evidence.comparisons if one.family == family and one.axis == axis]


def equal_cost_chart(source: alt.Data, arms: Palette, panels: list[str], budgets: list[str]) -> alt.TopLevelMixin:
    """Differences by training budget. Hollow: not resolved; small and dotted: no IFT cell costs as much."""
    place = {
        "x": alt.X(
            "budget:O",
            title=None,
            sort=budgets,
            axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=6),
        ),
        "xOffset": alt.XOffset("arm:N", sort=list(arms.arms)),
    }
    zero = alt.Chart().mark_rule(strokeDash=[4, 3], color=GREY).encode(y=alt.datum(0))
    interval = (
        alt.Chart()
        .mark_rule(strokeWidth=1.6, clip=True)
        .encode(
            **place,
            y=_points("low"),
            y2="high:Q",
            color=arm_colour(arms),
            strokeDash=alt.condition(EXTRAPOLATED, alt.value([2, 3]), alt.value([1, 0])),
            opacity=alt.condition(EXTRAPOLATED, alt.value(0.6), alt.value(1)),
        )
    )
    mark = (
        alt.Chart()
        .mark_point(strokeWidth=1.8, opacity=1, clip=True)
        .encode(
            **place,
            y=_points("difference"),
            color=arm_colour(arms),
            fill=alt.Fill("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.colours), legend=SOLID),
            fillOpacity=alt.condition(HOLLOW_WHEN, alt.value(0), alt.value(1)),
            shape=alt.Shape("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.shapes), legend=SOLID),
            size=alt.condition(EXTRAPOLATED, alt.value(22), alt.value(60)),
            tooltip=_tooltip(),
        )
    )
    panel = alt.layer(zero, interval, mark).properties(width=130, height=120)
    return panel.facet(facet=facet("panel", panels, "budget, training FLOPs"), columns=2, data=source)


def _row(one: Comparison) -> Row:
    return {
        "panel": BEST if one.kind == "best_student" else label(one.student),
        "arm": label(one.arm),
        "student": label(one.student),
        "baseline_student": label(one.baseline_student),
        "budget": numbers.scientific(one.budget_flops),
        "budget_flops": one.budget_flops,
        "cost": significant(one.cost),
        "difference": round(100 * one.difference, 3),
        "low": round(100 * one.interval.low, 3),
        "high": round(100 * one.interval.high, 3),
        "p_value": significant(one.p_value),
        "outcome": one.outcome,
        "extrapolated": one.extrapolated,
    }


def _points(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title="arm minus IFT, points", axis=alt.Axis(tickCount=5))


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("arm:N", title="arm"),
        alt.Tooltip("student:N", title="student"),
        alt.Tooltip("baseline_student:N", title="IFT students"),
        alt.Tooltip("budget:N", title="training budget, FLOPs"),
        alt.Tooltip("cost:Q", title="equal cost, FLOPs", format=".2e"),
        alt.Tooltip("difference:Q", title="difference, points", format="+.1f"),
        alt.Tooltip("low:Q", title="interval from", format="+.1f"),
        alt.Tooltip("high:Q", title="interval to", format="+.1f"),
        alt.Tooltip("p_value:Q", title="p, not adjusted", format=".3f"),
        alt.Tooltip("outcome:N", title="outcome"),
        alt.Tooltip("extrapolated:N", title="extrapolated"),
    ]
