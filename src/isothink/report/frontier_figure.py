"""Accuracy against a cost: every configuration of a family, the frontier drawn as a staircase through its members.

Called by the page's frontier section and by figures.py.
"""

import math
from functools import partial

import altair as alt

from isothink.evidence.record import Axis, ConfigurationResult, Evidence, FrontierMember
from isothink.report.figure import Row, significant
from isothink.report.palette import GREY, Palette, Sizes, label

PAGE_AXES: tuple[Axis, ...] = ("training_flops", "inference_flops_per_query")
AXIS_TITLES: dict[Axis, str] = {
    "training_flops": "training FLOPs (log scale)",
    "inference_flops_per_query": "inference FLOPs per query (log scale)",
    "lifetime_flops": "whole-life FLOPs (log scale)",
}
NUDGE = 0.016  # of the axis, about six pixels of a panel
# Vega's own exponents read 5e+11; the rest of the report writes 5e11.
FLOPS_LABEL = "replace(format(datum.value, '.0e'), 'e+', 'e')"

SOLID = alt.Legend(symbolOpacity=1)


def frontier_rows(evidence: Evidence, family: str, arms: Palette) -> list[Row]:
    """One row per configuration of the family: what the plots draw, and what the CSV beside them holds."""
    standing = {
        (frontier.axis, member.configuration): member
        for frontier in evidence.frontiers
        if frontier.family == family
        for member in frontier.members
    }
    return [_row(result, standing, arms) for result in evidence.configurations if result.family == family]


def cost_domain(rows: list[Row], axis: Axis) -> tuple[float, float]:
    """The range of a family's costs with room at both ends; another family may be of another scale, if imported."""
    costs = [row[axis] for row in rows if row[axis] > 0]
    if not costs:
        return (1.0, 10.0)
    low, high = min(costs), max(costs)
    room = max(1.5, (high / low) ** 0.07)
    return (low / room, high * room)


def frontier_chart(
    source: alt.Data, axis: Axis, arms: Palette, students: Sizes, domain: tuple[float, float]
) -> alt.LayerChart:
    """The plot of one family over one cost axis; `source` is altair data with the rows of `frontier_rows`."""
    base = alt.Chart(source).transform_filter(f"datum.{axis} > 0")
    base = base.transform_calculate(
        training_text=_text("training_flops"), inference_text=_text("inference_flops_per_query")
    )
    cost = partial(_cost, title=AXIS_TITLES[axis], domain=domain)
    nudged = base
    if axis == "training_flops":
        nudged = base.transform_calculate(nudged=_nudge(axis, arms, domain))
    shown = cost("nudged" if axis == "training_flops" else axis)
    return alt.layer(
        _staircase(nudged, shown, axis),
        _intervals(nudged, shown, arms),
        _points(nudged, shown, axis, arms, students),
    )


def _nudge(axis: Axis, arms: Palette, domain: tuple[float, float]) -> str:
    """A formula that moves each arm sideways: arms of one budget cost the same and would cover each other."""
    step = (domain[1] / domain[0]) ** NUDGE
    middle = (len(arms.arms) - 1) / 2
    return f"datum.{axis} * pow({step!r}, datum.arm_index - {middle!r})"


def _text(field: str) -> str:
    """A formula that writes a cost as the rest of the report does."""
    return f"replace(format(datum.{field}, '.1e'), 'e+', 'e')"


def _cost(field: str, title: str, domain: tuple[float, float]) -> alt.X:
    low, high = domain
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low > 1e4 else (1, 2, 5)
    ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
    return alt.X(
        f"{field}:Q",
        title=title,
        scale=alt.Scale(type="log", nice=False, domain=list(domain)),
        axis=alt.Axis(labelExpr=FLOPS_LABEL, values=ticks, labelOverlap="greedy"),
    )


def _row(result: ConfigurationResult, standing: dict[tuple[Axis, str], FrontierMember], arms: Palette) -> Row:
    row: Row = {
        "configuration": label(result.configuration),
        "student": label(result.student),
        "parameters": result.parameters,
        "arm": label(result.arm),
        "arm_index": arms.arms.index(label(result.arm)),
        "budget_flops": result.budget_flops,
        "seeds": result.seeds,
        "items": result.items,
        "accuracy": round(result.accuracy, 5),
        "low": round(result.interval.low, 5),
        "high": round(result.interval.high, 5),
        "training_flops": significant(result.training_flops),
        "inference_flops_per_query": significant(result.inference_flops_per_query),
        "lifetime_flops": significant(result.lifetime_flops),
    }
    for axis in PAGE_AXES:
        member = standing.get((axis, result.configuration))
        row[f"on_frontier_{axis}"] = bool(member and member.on_frontier)
        row[f"probability_{axis}"] = round(member.probability, 4) if member else None
    return row


def _accuracy() -> alt.Y:
    return alt.Y("accuracy:Q", title="accuracy", scale=alt.Scale(zero=False), axis=alt.Axis(format=".0%", tickCount=6))


def _staircase(base: alt.Chart, cost: alt.X, axis: Axis) -> alt.Chart:
    members = base.transform_filter(f"datum.on_frontier_{axis} == true")
    line = members.mark_line(interpolate="step-after", strokeWidth=1.5, color=GREY, tooltip=False)
    return line.encode(x=cost, y=_accuracy(), order=alt.Order(f"{axis}:Q"))


def _intervals(base: alt.Chart, cost: alt.X, arms: Palette) -> alt.Chart:
    return base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(
        x=cost, y=alt.Y("low:Q", title="accuracy"), y2="high:Q", color=arm_colour(arms)
    )


def _points(base: alt.Chart, cost: alt.X, axis: Axis, arms: Palette, students: Sizes) -> alt.Chart:
    return base.mark_point(filled=True, strokeWidth=1).encode(
        x=cost,
        y=_accuracy(),
        color=arm_colour(arms),
        shape=alt.Shape("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.shapes), legend=SOLID),
        size=student_size(students),
        opacity=alt.Opacity(f"probability_{axis}:Q", scale=alt.Scale(domain=[0, 1], range=[0.55, 1]), legend=None),
        tooltip=_tooltip(axis),
    )


def student_size(students: Sizes) -> alt.Size:
    """Larger marks for larger students; an ordinal scale, since one of points has no size for a single student."""
    return alt.Size(
        "student:O",
        title="student",
        sort=list(students.students),
        scale=alt.Scale(type="ordinal", domain=students.students, range=students.areas),
        legend=alt.Legend(symbolFillColor=GREY, symbolStrokeColor=GREY, symbolOpacity=1),
    )


def arm_colour(arms: Palette) -> alt.Color:
    """The encoding that every figure shares, so that legends agree."""
    return alt.Color("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.colours), legend=SOLID)


def _tooltip(axis: Axis) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("configuration:N", title="configuration"),
        alt.Tooltip("accuracy:Q", title="accuracy", format=".1%"),
        alt.Tooltip("low:Q", title="interval from", format=".1%"),
        alt.Tooltip("high:Q", title="interval to", format=".1%"),
        alt.Tooltip("training_text:N", title="training FLOPs"),
        alt.Tooltip("inference_text:N", title="FLOPs per query"),
        alt.Tooltip(f"probability_{axis}:Q", title="P(on frontier)", format=".2f"),
        alt.Tooltip("seeds:Q", title="seeds"),
        alt.Tooltip("items:Q", title="items"),
    ]
