"""The two plots of the first screen, whose rows the page computes: accuracy against a cost, and cost against queries.

Called by sections/verdict.py. templates/explorer.js fills the named data and sets the range, the ticks and the title of
each cost axis, so that a control moves the marks of a plot that is drawn once.
"""

import altair as alt

from isothink.report.frontier_figure import SOLID, arm_colour, student_size
from isothink.report.palette import BLUE, GREY, VERMILION, Palette, Sizes

NUMBER_LABEL = (
    "datum.value >= 10000 || datum.value < 0.001 ? replace(format(datum.value, '.0e'), 'e+', 'e')"
    " : format(datum.value, '~g')"
)
PERCENT = alt.Axis(format=".0%", tickCount=6)
INK = "#1B1F24"
"""Of the ring and the cross; the page's style puts the theme's own in its place."""
HALO = {"stroke": "#FFFFFF", "strokeWidth": 4}
"""Around words within a plot, to be read over a mark; the page's style draws it behind them and in its own paper."""
CROSS = "M-1,-1L1,1M-1,1L1,-1"


def choice_chart(arms: Palette, students: Sizes) -> alt.LayerChart:
    """Every configuration over the chosen cost: the frontier, the recommended one ringed, what the budget allows."""
    cost = _log("cost")
    place = _log("place")
    accuracy = alt.Y(
        "accuracy:Q", title="accuracy", axis=PERCENT, scale=alt.Scale(zero=False, nice=False, domain=[0, 1])
    )
    faded = alt.Opacity("opacity:Q", scale=None, legend=None)
    cells = alt.Chart(_named("cells"))
    limit = alt.Chart(_named("limit")).mark_rule(strokeDash=[2, 3], strokeWidth=1.5, color=GREY).encode(x=cost)
    limit_text = (
        alt.Chart(_named("limit"))
        .mark_text(align="right", baseline="bottom", dx=-4, dy=-3, fontSize=11, color=GREY, **HALO)
        .encode(x=cost, y=alt.value("height"), text="text:N")
    )
    target = alt.Chart(_named("target")).mark_rule(strokeDash=[6, 4], strokeWidth=1, color=GREY).encode(y=accuracy)
    target_text = (
        alt.Chart(_named("target_label"))
        .mark_text(align="left", baseline="middle", fontSize=11, color=GREY, **HALO)
        .encode(x=cost, y=accuracy, text="text:N")
    )
    even = (
        alt.Chart(_named("even"))
        .mark_point(shape="square", size=420, strokeWidth=1.5, filled=False, strokeDash=[3, 2], color=INK)
        .encode(x=place, y=accuracy, tooltip=_tooltip("text"))
    )
    line = alt.Chart(_named("members")).mark_line(interpolate="step-after", strokeWidth=1.5, color=GREY, tooltip=False)
    bars = cells.mark_rule(strokeWidth=1.5).encode(
        x=place,
        y=alt.Y("low:Q", title="accuracy"),
        y2="high:Q",
        color=arm_colour(arms),
        opacity=alt.Opacity("bar_opacity:Q", scale=None),
    )
    points = cells.mark_point(filled=True, strokeWidth=1).encode(
        x=place,
        y=accuracy,
        color=arm_colour(arms),
        shape=alt.Shape("arm:N", title="arm", scale=alt.Scale(domain=arms.arms, range=arms.shapes), legend=SOLID),
        size=student_size(students),
        opacity=faded,
        tooltip=[
            *_tooltip("configuration"),
            alt.Tooltip("accuracy:Q", title="accuracy", format=".1%"),
            alt.Tooltip("low:Q", title="interval from", format=".1%"),
            alt.Tooltip("high:Q", title="interval to", format=".1%"),
            alt.Tooltip("expected:Q", title="expected accuracy", format=".1%"),
            alt.Tooltip("cost_text:N", title="cost"),
            alt.Tooltip("probability:Q", title="P(on frontier)", format=".2f"),
            alt.Tooltip("standing:N", title="at this setting"),
        ],
    )
    ring = (
        alt.Chart(_named("recommended"))
        .mark_point(shape="circle", size=520, filled=False, strokeWidth=2.5, color=INK)
        .encode(x=place, y=accuracy, tooltip=_tooltip("configuration"))
    )
    staircase = line.encode(x=cost, y=accuracy, order=alt.Order("cost:Q"))
    return alt.layer(limit, target, staircase, bars, points, even, ring, limit_text, target_text)


def break_even_chart() -> alt.LayerChart:
    """What each arm's cheapest configuration at the target accuracy costs over its life, against queries served."""
    queries = _log("queries")
    cost = alt.Y("cost:Q", title=None, scale=_log_scale(), axis=_number_axis())
    colour = alt.Color(
        "arm:N",
        title="cheapest at equal accuracy",
        scale=alt.Scale(domain=["IFT", "reasoning"], range=[BLUE, VERMILION]),
        legend=SOLID,
    )
    band = (
        alt.Chart(_named("band")).mark_rect(opacity=0.18, color=GREY, tooltip=False).encode(x=_log("low"), x2="high:Q")
    )
    lines = (
        alt.Chart(_named("lines"))
        .mark_line(strokeWidth=2.5, tooltip=False)
        .encode(
            x=queries,
            y=cost,
            color=colour,
            strokeDash=alt.StrokeDash(
                "arm:N",
                title="cheapest at equal accuracy",
                scale=alt.Scale(domain=["IFT", "reasoning"], range=[[1, 0], [7, 3]]),
            ),
        )
    )
    now = alt.Chart(_named("now")).mark_rule(strokeDash=[2, 3], strokeWidth=1.5, color=GREY).encode(x=queries)
    now_texts = [  # on the side of the line where there is room
        alt.Chart(_named(name))
        .mark_text(align=align, baseline="top", dx=dx, fontSize=11, color=GREY)
        .encode(x=queries, y=alt.value(2), text="text:N")
        for name, align, dx in (("now_before", "right", -4), ("now_after", "left", 4))
    ]
    even = (
        alt.Chart(_named("even"))
        .mark_point(shape=CROSS, size=90, strokeWidth=2.5, filled=False, color=INK)
        .encode(x=queries, y=cost, tooltip=_tooltip("text"))
    )
    return alt.layer(band, lines, now, *now_texts, even)


def _named(name: str) -> alt.NamedData:
    return alt.NamedData(name=name)


def _log(field: str) -> alt.X:
    return alt.X(f"{field}:Q", title=None, scale=_log_scale(), axis=_number_axis())


def _log_scale() -> alt.Scale:
    return alt.Scale(type="log", nice=False, domain=[1, 10])


def _number_axis() -> alt.Axis:
    return alt.Axis(labelExpr=NUMBER_LABEL, labelOverlap="greedy")


def _tooltip(field: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:N", title=field)]
