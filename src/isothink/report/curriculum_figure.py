"""Curricula by their share of reasoning: accuracy, and how much of the whole change each has. A panel per student.

Drawn by the page's section of curricula.
"""

import json

import altair as alt

from isothink.evidence.pattern_record import CurriculumCurve, CurvePoint
from isothink.report import numbers
from isothink.report.figure import Row, facet
from isothink.report.frontier_figure import SOLID
from isothink.report.palette import GREEN, GREY, PURPLE, label

SCHEDULES = ("sequential", "mixed")
COLOURS = {"sequential": GREEN, "mixed": PURPLE}
DASHES = {"sequential": [1, 0], "mixed": [6, 3]}
SHARE_LIMITS = (-100.0, 200.0)
"""Shares of the change outside of these percentages are cut off; ratios of small differences go anywhere."""


NUDGE = 0.03
"""Budgets stand this far apart at one share, so that none hides another."""


def accuracy_rows(curves: list[CurriculumCurve]) -> list[Row]:
    """One row per student, budget, schedule and share of reasoning; accuracies in percent."""
    return [_accuracy_row(curve, point) for curve in curves for point in curve.points]


def share_rows(curves: list[CurriculumCurve]) -> list[Row]:
    """The shares strictly between IFT and reasoning whose part of the whole change is known, in percent."""
    return [
        {
            **_place(curve, point),
            "share_of_change": round(100 * point.gain_share, 2),
            "low": round(100 * point.gain_share_interval.low, 2),
            "high": round(100 * point.gain_share_interval.high, 2),
            "whole_change": round(100 * curve.full_gain, 3),
        }
        for curve in curves
        if curve.full_gain is not None
        for point in curve.points
        if 0 < point.rho < 1 and point.gain_share is not None and point.gain_share_interval is not None
    ]


def accuracy_chart(source: alt.Data, rows: list[Row], students: list[str], budgets: list[str]) -> alt.TopLevelMixin:
    """Accuracy over the share of reasoning; the stronger a line, the larger its budget."""
    y_axis = {"title": "accuracy, %", "scale": alt.Scale(zero=False)}
    return _panels(source, "accuracy", y_axis, _only_schedules(rows), students, budgets, [])


def share_chart(source: alt.Data, rows: list[Row], students: list[str], budgets: list[str]) -> alt.TopLevelMixin:
    """The part of the whole change over the share of reasoning; on the dashed line the two are equal."""
    low, high = min([0.0, *(row["low"] for row in rows)]), max([100.0, *(row["high"] for row in rows)])
    domain = [max(SHARE_LIMITS[0], low), min(SHARE_LIMITS[1], high)]
    scale = alt.Scale(domain=domain, nice=False, clamp=True)
    equal = alt.Chart().mark_rule(strokeDash=[4, 3], color=GREY)
    equal = equal.encode(x=alt.datum(0), x2=alt.datum(1), y=alt.datum(0), y2=alt.datum(100))
    y_axis = {"title": "part of change, %", "scale": scale}
    return _panels(source, "share_of_change", y_axis, _only_schedules(rows), students, budgets, [equal])


def _place(curve: CurriculumCurve, point: CurvePoint) -> Row:
    return {
        "student": label(curve.student),
        "budget": numbers.scientific(curve.budget_flops),
        "budget_flops": curve.budget_flops,
        "schedule": curve.schedule,
        "share_of_reasoning": point.rho,
        "configuration": label(point.configuration),
    }


def _accuracy_row(curve: CurriculumCurve, point: CurvePoint) -> Row:
    return {
        **_place(curve, point),
        "accuracy": round(100 * point.accuracy, 2),
        "low": round(100 * point.interval.low, 2),
        "high": round(100 * point.interval.high, 2),
        "output_tokens": round(point.output_tokens, 1),
        "training_flops": point.training_flops,
        "inference_flops_per_query": point.inference_flops_per_query,
    }


def _only_schedules(rows: list[Row]) -> list[str]:
    there = {row["schedule"] for row in rows}
    return [name for name in SCHEDULES if name in there]


def _panels(
    source: alt.Data,
    field: str,
    y_axis: dict[str, object],
    schedules: list[str],
    students: list[str],
    budgets: list[str],
    below: list[alt.Chart],
) -> alt.TopLevelMixin:
    nudge = f"(indexof({json.dumps(budgets)}, datum.budget) - {(len(budgets) - 1) / 2}) * {NUDGE}"
    share = alt.X(
        "place:Q",
        title=None,
        scale=alt.Scale(domain=[-0.1, 1.1], nice=False),
        axis=alt.Axis(values=[0, 0.5, 1], format="~g"),
    )
    value = alt.Y(f"{field}:Q", axis=alt.Axis(tickCount=5), **y_axis)
    look = {
        "x": share,
        "color": alt.Color(
            "schedule:N",
            title="schedule",
            scale=alt.Scale(domain=schedules, range=[COLOURS[name] for name in schedules]),
            legend=SOLID,
        ),
        "opacity": alt.Opacity(
            "budget:O",
            title="budget, FLOPs",
            sort=budgets,
            scale=alt.Scale(domain=budgets, range=_strengths(len(budgets))),
            legend=alt.Legend(symbolType="circle", symbolFillColor=GREY, symbolStrokeColor=GREY),
        ),
    }
    dash = alt.StrokeDash(
        "schedule:N", title="schedule", scale=alt.Scale(domain=schedules, range=[DASHES[name] for name in schedules])
    )
    line = alt.Chart().mark_line(strokeWidth=2, tooltip=False, clip=True).encode(**look, y=value, strokeDash=dash)
    interval = alt.Chart().mark_rule(strokeWidth=1.2, clip=True)
    interval = interval.encode(**look, y=alt.Y("low:Q", axis=alt.Axis(tickCount=5), **y_axis), y2="high:Q")
    mark = alt.Chart().mark_point(size=34, filled=True, clip=True).encode(**look, y=value, tooltip=_tooltip(field))
    panel = alt.layer(*below, line, interval, mark).transform_calculate(place=f"datum.share_of_reasoning + {nudge}")
    panel = panel.properties(width=130, height=120)
    return panel.facet(facet=facet("student", students, "share of reasoning"), columns=2, data=source)


def _strengths(count: int) -> list[float]:
    """Opacities, the faintest still to be seen."""
    return [1.0] if count == 1 else [0.4 + 0.6 * index / (count - 1) for index in range(count)]


def _tooltip(field: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("configuration:N", title="configuration"),
        alt.Tooltip("share_of_reasoning:Q", title="share of reasoning"),
        alt.Tooltip("budget:N", title="budget, FLOPs"),
        alt.Tooltip(f"{field}:Q", title=field.replace("_", " ") + ", %", format=".1f"),
        alt.Tooltip("low:Q", title="interval from", format=".1f"),
        alt.Tooltip("high:Q", title="interval to", format=".1f"),
    ]
