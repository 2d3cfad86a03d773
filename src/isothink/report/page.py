"""The report as one self-contained HTML file: built from its sections, opened from disk without a network.

The policy in the page lets only the scripts and the style run that are hashed here, so that nothing inside the data
could run even if it got past the escaping; nothing may be loaded from anywhere.
"""

import gzip
import hashlib
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from isothink.evidence.record import Evidence
from isothink.report.data import ReportData
from isothink.report.decision_data import decision_data
from isothink.report.decision_figure import break_even_chart, choice_chart
from isothink.report.figure import Row
from isothink.report.figures import arms_of, sizes_of
from isothink.report.section import Section
from isothink.report.sections import all_sections
from isothink.report.sections.missing import missing_summary
from isothink.report.text import script_json, visible

SCRIPTS = (
    *("plots.js", "numbers.js", "candidates.js", "break_even.js", "frontier.js", "outlook.js", "decide.js"),
    *(
        "sentences.js",
        "labels.js",
        "rows.js",
        "controls.js",
        "answer.js",
        "explorer.js",
        "page.js",
        "csv.js",
        "samples.js",
    ),
)
"""In the order in which they need each other."""


def render_page(data: ReportData) -> str:
    """The whole page as text; write it as UTF-8."""
    sections = all_sections(data)
    style = template_text("page.css")
    scripts = tuple(template_text(name) for name in SCRIPTS)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            data=data,
            sections=sections,
            missing=missing_summary(data),
            progress=_progress(data),
            policy=_policy(style, (plotting_script(), *scripts)),
            # These are the package's own text, base64, or JSON escaped for a script element.
            style=Markup(style),
            scripts=[Markup(script) for script in scripts],
            plotting=Markup(_packed_plotting_script()),
            plots=Markup(_packed(script_json(_plots(sections)))),
            decision=Markup(script_json(_decision(data.evidence))),
        )
    )


@cache
def plotting_script() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, once per page; made from vl-convert's copy, without a network."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


@cache
def _packed_plotting_script() -> str:
    """The plotting script as it stands in the page: a third as long. plots.js unpacks it; the policy names its hash."""
    return _packed(plotting_script())


def _packed(text: str) -> str:
    """What plots.js unpacks: letters, digits, `+`, `/` and `=`, whatever the text is."""
    return b64encode(gzip.compress(text.encode(), mtime=0)).decode()


@cache
def template_text(name: str) -> str:
    """A file of templates/ that is taken as it is."""
    return files("isothink.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("isothink.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sentence_case"] = _sentence_case
    return environment


def _sentence_case(text: str) -> str:
    """A capital at the start, unless the first word is a name such as `mixed(0.5)`."""
    return text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text


def _shown(value: object) -> object:
    """Every value of every template passes here: hidden characters get a visible name before HTML is escaped."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def _policy(style: str, scripts: tuple[str, ...]) -> str:
    allowed = " ".join(_hash(script) for script in scripts)
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _plots(sections: tuple[Section, ...]) -> dict[str, Any]:
    """Every figure with the numbers of its chart and its rows, which stand in the page once however many share them."""
    figures = [figure for section in sections for figure in section.figures]
    charts = {id(figure.chart): figure.chart for figure in figures}
    tables = {id(figure.rows): figure.rows for figure in figures}
    chart_numbers, table_numbers = _numbered(charts), _numbered(tables)
    plots = [
        {
            "id": figure.id,
            "kind": figure.kind,
            "height": figure.height,
            "panels": figure.panels,
            "row": figure.row,
            "chart": chart_numbers[id(figure.chart)],
            "table": table_numbers[id(figure.rows)],
        }
        for figure in figures
    ]
    return {"plots": plots, "charts": list(charts.values()), "tables": [_columns(rows) for rows in tables.values()]}


def _decision(evidence: Evidence) -> dict[str, Any]:
    """What the first screen computes from and draws with; the charts have no rows yet."""
    arms = arms_of(evidence)
    charts = {"frontier": choice_chart(arms, sizes_of(evidence)), "break-even": break_even_chart()}
    drawn = {name: chart.to_dict(validate=False) for name, chart in charts.items()}
    return {"study": decision_data(evidence), "charts": drawn}


def _numbered(things: Iterable[int]) -> dict[int, int]:
    return {identity: number for number, identity in enumerate(things)}


def _columns(rows: list[Row]) -> dict[str, Any]:
    """Rows with their names written once."""
    return {"names": list(rows[0]), "values": [list(row.values()) for row in rows]}


def _progress(data: ReportData) -> str:
    plan = data.plan
    return f"{plan.cells_complete:,} of {plan.cells_planned:,} planned cells are complete."
