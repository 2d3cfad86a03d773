"""Gain against extra tokens: every student and arm at every budget as one mark.

Drawn by the page's section of gains.
"""

import altair as alt

from isothink.evidence.pattern_record import GainByTokens, GainPoint
from isothink.report import numbers
from isothink.report.figure import Row, significant
from isothink.report.frontier_figure import SOLID, arm_colour
from isothink.report.palette import GREY, Palette, label

HOLLOW_WHEN = "datum.low <= 0 && datum.high >= 0"


def gain_rows(pattern: GainByTokens) -> list[Row]:
    """One row per gain, in percentage points."""
    return [_row(point) for point in pattern.points if point.token_factor > 0]


def gain_chart(source: alt.Data, arms: Palette, factors: list[float]) -> alt.LayerChart:
    """Gains over the factor of output tokens; hollow where the interval holds zero, which is dashed."""
    domain = [min(factors) / 1.12, max(factors) * 1.12]
    factor = alt.X(
        "token_factor:Q",
        title="output tokens, times those of IFT (log scale)",
        scale=alt.Scale(type="log", nice=False, domain=domain),
        axis=alt.Axis(values=_ticks(*domain), labelExpr="datum.label + '×'", labelOverlap="greedy"),
    )
    zero = alt.Chart(source).mark_rule(strokeDash=[4, 3], color=GREY).encode(y=alt.datum(0))
    interval = alt.Chart(source).mark_rule(strokeWidth=1.2, opacity=0.35)
    mark = alt.Chart(source).mark_point(size=60, strokeWidth=1.8, opacity=1)
    return alt.layer(
        zero,
        interval.encode(x=factor, y=_points("low"), y2="high:Q", color=arm_colour(arms)),
        mark.encode(
            x=factor,
            y=_points("gain"),
            color=arm_colour(arms),
            fill=alt.Fill("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.colours), legend=SOLID),
            fillOpacity=alt.condition(HOLLOW_WHEN, alt.value(0), alt.value(0.8)),
            shape=alt.Shape("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.shapes), legend=SOLID),
            tooltip=_tooltip(),
        ),
    )


def _row(point: GainPoint) -> Row:
    return {
        "student": label(point.student),
        "arm": label(point.arm),
        "budget": numbers.scientific(point.budget_flops),
        "token_factor": significant(point.token_factor),
        "gain": round(100 * point.gain, 3),
        "low": round(100 * point.interval.low, 3),
        "high": round(100 * point.interval.high, 3),
    }


def _ticks(low: float, high: float) -> list[float]:
    """Round factors within a range, closer together where it is short."""
    if high / low > 20:
        steps: tuple[float, ...] = (1, 2, 5)
    else:
        steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if high / low > 2.5 else tuple(1 + 0.2 * index for index in range(45))
    return [
        round(step * 10.0**decade, 3) for decade in range(-3, 5) for step in steps if low <= step * 10.0**decade <= high
    ]


def _points(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title="gain over IFT, points", axis=alt.Axis(tickCount=6))


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("student:N", title="student"),
        alt.Tooltip("arm:N", title="arm"),
        alt.Tooltip("budget:N", title="budget, FLOPs"),
        alt.Tooltip("gain:Q", title="gain, points", format="+.1f"),
        alt.Tooltip("low:Q", title="interval from", format="+.1f"),
        alt.Tooltip("high:Q", title="interval to", format="+.1f"),
        alt.Tooltip("token_factor:Q", title="times the tokens of IFT", format=".2f"),
    ]
