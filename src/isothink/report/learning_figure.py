"""Training loss against training FLOPs, a line per cell and a panel per student.

Drawn by the page's section of learning curves.
"""

import math

import altair as alt

from isothink.report import numbers
from isothink.report.data import LearningCurve
from isothink.report.figure import Row, facet, significant
from isothink.report.frontier_figure import FLOPS_LABEL, SOLID, arm_colour
from isothink.report.palette import OTHERS, Palette, label

DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])


def learning_rows(curves: tuple[LearningCurve, ...]) -> list[Row]:
    """One row per point; a curve's lines are told apart by `line`, which is a number."""
    return [
        {
            "student": label(curve.student),
            "arm": label(curve.arm),
            "budget": numbers.scientific(curve.budget_flops),
            "seed": curve.seed,
            "line": number,
            "flops": significant(point.flops),
            "loss": round(point.loss, 4),
        }
        for number, curve in enumerate(curves)
        for point in curve.points
    ]


def learning_chart(source: alt.Data, arms: Palette, students: list[str], rows: list[Row]) -> alt.TopLevelMixin:
    """Loss over FLOPs, both logarithmic."""
    high, low = max(row["flops"] for row in rows), min(row["flops"] for row in rows)
    losses = [row["loss"] for row in rows if row["loss"] > 0]
    domain = [max(low, high / 1e4) / 1.1, high * 1.1]
    decades = range(math.floor(math.log10(domain[0])), math.ceil(math.log10(domain[1])) + 1)
    dashes = [DASHES[index // (len(OTHERS) + 2) % len(DASHES)] for index in range(len(arms.arms))]
    line = alt.Chart().mark_line(strokeWidth=1.4, opacity=0.85, clip=True)
    panel = line.encode(
        x=alt.X(
            "flops:Q",
            title=None,
            scale=alt.Scale(type="log", nice=False, domain=domain),
            axis=alt.Axis(values=[10.0**decade for decade in decades], labelExpr=FLOPS_LABEL, labelOverlap="greedy"),
        ),
        y=alt.Y(
            "loss:Q",
            title="training loss (log scale)",
            scale=alt.Scale(type="log", nice=False, domain=[min(losses) / 1.05, max(losses) * 1.05]),
            axis=alt.Axis(values=_ticks(min(losses), max(losses)), format="~g"),
        ),
        color=arm_colour(arms),
        strokeDash=alt.StrokeDash("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=dashes), legend=SOLID),
        detail="line:N",
        tooltip=[
            alt.Tooltip("arm:N", title="arm"),
            alt.Tooltip("budget:N", title="budget, FLOPs"),
            alt.Tooltip("seed:Q", title="seed"),
            alt.Tooltip("flops:Q", title="training FLOPs", format=".2e"),
            alt.Tooltip("loss:Q", title="loss", format=".3f"),
        ],
    )
    panels = facet("student", students, "training FLOPs (log scale)")
    return panel.properties(width=130, height=130).facet(facet=panels, columns=2, data=source)


def _ticks(low: float, high: float) -> list[float]:
    """Round losses within a range."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 200 else (1,)
    return [round(step * 10.0**decade, 8) for decade in decades for step in steps]
