"""Bars of FLOPs: by phase, and training as planned, shared and spent; drawn by the page's ledger section."""

import altair as alt

from isothink.report.palette import BLUE

ROOM = 1.35
FLOPS_LABEL = "datum.value == 0 ? '0' : replace(format(datum.value, '.1e'), 'e+', 'e')"


def bar_chart(source: alt.Data, order: list[str], title: str, longest: float) -> alt.LayerChart:
    """Horizontal bars in a fixed order; rows hold `name`, `flops` and `text`, the number written at the bar's end.

    `longest` is the longest bar's value: the axis leaves room for its number, on a narrow screen too.
    """
    scale = alt.Scale(domain=[0, ROOM * longest or 1], nice=False)
    axis = alt.Axis(labelExpr=FLOPS_LABEL, tickCount=4, labelOverlap="greedy", labelSeparation=8)
    base = alt.Chart(source).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
        x=alt.X("flops:Q", title=title, scale=scale, axis=axis),
        tooltip=[alt.Tooltip("name:N", title="phase"), alt.Tooltip("text:N", title="FLOPs")],
    )
    bars = base.mark_bar(color=BLUE, height={"band": 0.7})
    labels = base.mark_text(align="left", dx=4).encode(text="text:N")
    return alt.layer(bars, labels)
