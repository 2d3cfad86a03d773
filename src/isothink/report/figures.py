"""Figures as files: PNG and SVG made without a browser, for a README or a paper; called by run/ and cli/."""

import json
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from isothink.evidence.record import Axis, Evidence
from isothink.report.data import ReportData
from isothink.report.frontier_figure import cost_domain, frontier_chart, frontier_rows
from isothink.report.palette import Palette, Sizes, label, only, only_sizes, palette, sizes

PANEL_WIDTH, PANEL_HEIGHT = 320, 230
COLUMNS = 2


def arms_of(evidence: Evidence) -> Palette:
    """Colours and shapes for every arm that has a result or a comparison."""
    return palette({one.arm for one in evidence.configurations} | {one.arm for one in evidence.comparisons})


def students_of(evidence: Evidence) -> list[str]:
    """The students that have a result, smallest first, by the names that plots show."""
    sizes = {label(one.student): one.parameters for one in evidence.configurations}
    return sorted(sizes, key=lambda name: (sizes[name], name))


def sizes_of(evidence: Evidence) -> Sizes:
    """The students that have a result with the size of their marks, which is the same in every plot."""
    return sizes(students_of(evidence))


def look_of_family(evidence: Evidence, family: str) -> tuple[Palette, Sizes]:
    """The arms and the students with a result in a family, each looking as it does in every plot."""
    found = [one for one in evidence.configurations if one.family == family]
    arms = only(arms_of(evidence), {label(one.arm) for one in found})
    return arms, only_sizes(sizes_of(evidence), {label(one.student) for one in found})


def frontier_figure(data: ReportData, family: str, axis: Axis = "training_flops") -> alt.LayerChart:
    """Accuracy against one cost for one family, with its data inside."""
    evidence = data.evidence
    arms, students = look_of_family(evidence, family)
    rows = frontier_rows(evidence, family, arms)
    chart = frontier_chart(alt.InlineData(values=rows), axis, arms, students, cost_domain(rows, axis))
    return chart.properties(width=PANEL_WIDTH, height=PANEL_HEIGHT, title=label(family))


def overview_figure(data: ReportData, axis: Axis = "training_flops") -> alt.TopLevelMixin:
    """Accuracy against training FLOPs, one panel per family: the picture that shows a whole study."""
    with_results = {one.family for one in data.evidence.configurations}
    panels = [frontier_figure(data, family, axis) for family in data.evidence.families if family in with_results]
    if not panels:
        blank = alt.Chart(alt.InlineData(values=[{"text": "No configuration has a result yet."}]))
        panels = [blank.mark_text(fontSize=14).encode(text="text:N").properties(width=PANEL_WIDTH, height=60)]
    return alt.concat(*panels, columns=COLUMNS, background="white").configure(**file_style())


def file_style() -> dict[str, Any]:
    """Fonts and spacing of pictures that stand alone on white paper."""
    return {
        "font": "Helvetica, Arial, sans-serif",
        "axis": {"gridColor": "#E6E6E6", "domainColor": "#8A8A8A", "tickColor": "#8A8A8A", "titleFontWeight": "normal"},
        "title": {"fontSize": 13, "anchor": "start"},
        "legend": {"orient": "right", "titleFontWeight": "normal"},
        "view": {"stroke": None},
    }


def save_png(chart: alt.TopLevelMixin, path: Path, scale: float = 2.0) -> None:
    """Writes the chart as a PNG of `scale` pixels per point."""
    path.write_bytes(vl_convert.vegalite_to_png(json.dumps(chart.to_dict()), scale=scale))


def save_svg(chart: alt.TopLevelMixin, path: Path) -> None:
    """Writes the chart as an SVG."""
    path.write_text(vl_convert.vegalite_to_svg(json.dumps(chart.to_dict())), encoding="utf-8")
