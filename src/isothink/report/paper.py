"""Figures of the report for a paper: one column wide, 300 dots per inch, on white. Called by figure_files.py."""

import json
from typing import Any

import vl_convert

from isothink.report.figure import Chart, Figure
from isothink.report.text import shortened, visible

POINTS_PER_INCH, DOTS_PER_INCH = 72, 300
COLUMN = 241
"""85 mm, the column of most journals, in points."""
COLUMNS, PANEL_WIDTH, PANEL_HEIGHT, SPACING = 2, 88, 72, 14
WIDEST_ROW, CLOSE = 4, 7
SINGLE_HEIGHT = 0.62
"""Height of a single panel, of what it has on the page."""
TITLE_LIMIT = 58
SMALLER = {"size": 0.4, "strokeWidth": 0.65}
INK, QUIET, GRID = "#1B1F24", "#57606A", "#E6E6E6"


def png(figure: Figure) -> bytes:
    """The figure as a PNG."""
    return bytes(vl_convert.vegalite_to_png(json.dumps(specification(figure)), ppi=DOTS_PER_INCH, scale=1))


def svg(figure: Figure) -> str:
    """The figure as an SVG."""
    return str(vl_convert.vegalite_to_svg(json.dumps(specification(figure))))


def specification(figure: Figure) -> Chart:
    """The figure's chart with its rows, its size and its title."""
    chart: Chart = json.loads(json.dumps(figure.chart))
    _thinner(chart)
    chart["datasets"] = {"rows": figure.rows}
    chart["background"] = "white"
    chart["config"] = _style()
    chart["title"] = {"text": [_short(line) for line in (figure.subject, figure.title) if line]}
    if figure.kind == "panels":
        _panels(chart, figure)
    else:
        chart |= {"width": COLUMN, "height": SINGLE_HEIGHT * figure.height}
        chart["autosize"] = {"type": "fit-x", "contains": "padding"}
    return chart


def _panels(chart: Chart, figure: Figure) -> None:
    """Panels in a column of paper; a row that belongs together is not broken, if it has few panels."""
    columns = min(figure.row if 0 < figure.row <= WIDEST_ROW else COLUMNS, figure.panels)
    spacing = SPACING if columns <= COLUMNS else CLOSE
    room = COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * SPACING - (columns - 1) * spacing
    chart |= {"columns": columns, "spacing": spacing}
    chart["spec"] |= {"width": room // columns, "height": PANEL_HEIGHT}
    chart["facet"]["header"]["labelLimit"] = room // columns + spacing
    if figure.panels % columns:
        chart["resolve"] = {"axis": {"x": "independent"}}  # shared ones would stand under empty places, too


def _thinner(chart: Any) -> None:
    """Marks of the page are too heavy for a column of paper: areas and widths of all layers get smaller."""
    for layer in (*chart.get("layer", ()), *([chart["spec"]] if "spec" in chart else ())):
        _thinner(layer)
    mark, encoding = chart.get("mark"), chart.get("encoding", {})
    if isinstance(mark, dict):
        mark |= {key: factor * mark[key] for key, factor in SMALLER.items() if isinstance(mark.get(key), int | float)}
    size = encoding.get("size", {})
    for value in (size, size.get("condition", {})):
        if isinstance(value.get("value"), int | float):
            value["value"] *= SMALLER["size"]
    if "range" in size.get("scale", {}):
        size["scale"]["range"] = [SMALLER["size"] * area for area in size["scale"]["range"]]


def _short(text: str) -> str:
    return shortened(visible(text).replace("\n", " "), TITLE_LIMIT) if len(text) > TITLE_LIMIT else visible(text)


def _style() -> dict[str, Any]:
    plain = {"labelColor": INK, "titleColor": INK, "titleFontWeight": "normal", "labelFontSize": 7, "titleFontSize": 8}
    return {
        "font": "Helvetica, Arial, sans-serif",
        "padding": 2,
        "view": {"stroke": None},
        "axis": {
            **plain,
            "gridColor": GRID,
            "domainColor": QUIET,
            "tickColor": QUIET,
            "tickSize": 3,
            "titlePadding": 4,
        },
        "header": {
            "labelFontSize": 7,
            "labelColor": INK,
            "labelPadding": 3,
            "titleFontSize": 8,
            "titleFontWeight": "normal",
            "titleColor": INK,
            "titlePadding": 3,
        },
        "title": {"fontSize": 9, "anchor": "start", "color": INK, "offset": 6, "lineHeight": 11},
        "legend": {
            **plain,
            "orient": "bottom",
            "direction": "horizontal",
            "titleOrient": "left",
            "columns": 3,
            "symbolSize": 40,
            "labelLimit": 90,
            "offset": 6,
            "layout": {"bottom": {"direction": "vertical", "anchor": "start", "margin": 3}},
        },
    }
