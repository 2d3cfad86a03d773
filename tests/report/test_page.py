"""The page as a file: whole without a network, closed to what is in its data, honest about what is missing."""

import base64
import csv
import gzip
import io
import json
import time
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
import report_example as example

from isothink.report.figure import csv_text
from isothink.report.page import SCRIPTS, plotting_script, render_page

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADING = ("src", "href", "srcset", "action", "data", "poster", "background", "formaction", "xlink:href")


class Reader(HTMLParser):
    """Elements with their attributes, the text between them, and whether they close in order."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text, self.scripts, self.styles = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        kind = self.open[-1] if self.open else ""
        {"script": self.scripts, "style": self.styles}.get(kind, self.text).append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.fixture(params=["data", "halfway", "all_failed", "empty", "hostile"])
def page(request, pages):
    return pages[request.param]


def test_elements_close_in_order_and_ids_are_unique(page):
    reader = read(page)
    assert reader.open == []
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_from_anywhere(page):
    reader = read(page)
    for tag, attributes in reader.elements:
        for name in LOADING:
            value = attributes.get(name) or ""
            assert not value or value.startswith(("#", "data:text/csv")), (tag, name, value[:80])
        assert tag not in {"img", "iframe", "object", "embed", "link", "base", "form"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert not any(word in style for style in reader.styles for word in ("url(", "@import", "//"))


def test_the_policy_allows_only_the_hashed_scripts_and_style(page):
    elements = read(page).elements
    policy = next(a["content"] for _, a in elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    scripts = [attributes for tag, attributes in elements if tag == "script"]
    assert [one.get("type") for one in scripts] == [
        "application/json",
        "text/plain",
        "text/plain",
        *[None] * len(SCRIPTS),
    ]
    assert policy.count("sha256-") == len(SCRIPTS) + 2


def test_sections_stand_in_their_order(page):
    found = [attributes["id"] for tag, attributes in read(page).elements if tag == "section"]
    assert found == (
        "verdict frontiers areas differences equal_cost gains curricula forms lengths predictions learning ledger "
        "health configurations missing pairs samples reproduce".split()
    )


def test_the_making_of_the_pairs_is_told(pages):
    page = pages["data"]
    for said in ("900 pairs of 1,000 rows of prompts", "enable_thinking", "Pairs are kept whether", "310 of 900"):
        assert said in page
    assert '<th scope="row">reply cut off by the token cap</th>' in page
    assert "No pairs are made yet." in pages["empty"]


def test_tables_have_captions_and_plots_have_labels(page):
    elements = read(page).elements
    tags = [tag for tag, _ in elements]
    assert tags.count("table") == tags.count("caption")
    plots = [attributes for _, attributes in elements if attributes.get("class") == "plot"]
    assert all(one["role"] == "img" and one["aria-label"] for one in plots)
    assert tags.count("figure") == tags.count("figcaption") == len(plots)


def test_the_verdict_is_said_before_any_plot(pages):
    page = pages["data"]
    sentence = "reasoning beats IFT at 2e12 FLOPs of training"
    assert page.index(sentence) < page.index('class="plot"')
    assert "Not resolved at 2e12 FLOPs of training" in page


def test_hostile_text_stays_text(pages):
    reader = read(pages["hostile"])
    text = "".join(reader.text)
    assert "<script>alert(1)</script>" in text
    assert "<img src=x onerror=alert(2)>" in text
    assert "{{7*7}}{% raw %}" in text
    assert "nul\u2400bell\u2407escape\u241b" in text
    assert "[U+202E]right to left" in text
    page = pages["hostile"]
    assert not set(page) & set("\x00\x07\x1b\u202e\u2029")
    assert "\u2028" not in page
    assert "w" * 10_000 in page  # the study file is shown whole
    assert page.count("w" * 50_000) < 6


def test_half_way_and_missing_cells_are_said_at_the_top(pages):
    page = pages["halfway"]
    verdict = page.index('<section id="verdict"')
    assert page.index("This report is made half-way.") < verdict
    assert page.index("3 planned cells have no result: 1 failed, 1 not run yet, 1 infeasible.") < verdict
    assert "the loss is not a number at step 140" in page
    assert "half-way" not in pages["data"]
    assert "None: every planned cell has a result." in pages["data"]


def test_a_study_without_results_has_a_report(pages):
    page = pages["all_failed"]
    assert "12 planned cells have no result: 12 failed." in page
    assert "No verdict, because no configuration of this family has a result." in page
    assert "Nothing has been spent yet." in pages["empty"]


def test_what_the_analysis_misses_is_listed_beside_what_the_run_knows():
    data = example.data(evidence=example.halfway().evidence)
    assert "1 planned cell has no result: 1 no result." in render_page(data)


def test_a_program_as_teacher_is_said(pages):
    said = "The teacher is a program that costs no FLOPs, so no cost here holds a teacher"
    assert said in pages["data"]
    assert said not in pages["empty"]
    assert "sharing the training tree saves 64.8%" in pages["data"]


def test_plots_hold_every_configuration_and_their_csv_reads_back(pages):
    reader = read(pages["data"])
    book = json.loads(gzip.decompress(base64.b64decode(reader.scripts[1])))
    frontier = next(plot for plot in book["plots"] if plot["id"] == "frontier-0-training")
    assert len(book["tables"][frontier["table"]]["values"]) == 36
    links = [a["href"] for tag, a in reader.elements if tag == "a" and "download" in a]
    tables = [list(csv.DictReader(io.StringIO(unquote(link.partition(",")[2])))) for link in links]
    configurations = max(tables, key=len)
    assert len(configurations) == 144
    assert {row["family"] for row in configurations} == set(example.FAMILIES)
    offered = [a["data-csv"] for tag, a in reader.elements if tag == "a" and "data-csv" in a]
    first_screen = {"explorer-frontier", "explorer-break-even"}  # their rows change with the controls
    assert first_screen < set(offered) and len(offered) == len(set(offered))
    below = set(offered) - first_screen
    assert len(below) == len(book["plots"]) - 4  # a family's two frontiers share theirs
    assert below < {plot["id"] for plot in book["plots"]}


def test_a_spreadsheet_does_not_take_text_for_a_formula():
    rows = csv_text([{"name": "=1+1", "value": -2.5}]).splitlines()
    assert rows == ["name,value", "'=1+1,-2.5"]


def test_a_large_study_is_small_and_quick():
    plotting_script()
    students = {f"student-{number}": 24_000 * 3**number for number in range(8)}
    families = tuple(f"family-{number}" for number in range(8))
    example.GAIN.update({family: 0.01 * number for number, family in enumerate(families)})
    budgets = (1e11, 3e11, 1e12, 4e12)
    evidence = example.evidence(students=students, families=families, budgets=budgets)
    assert len(evidence.configurations) == 96 * 8
    long = "A sentence that a model repeats. " * 200
    pair = example.samples()[0].model_copy(update={"prompt": long})
    pairs = (pair.model_copy(update={"left": example.answer("a", long, True)}),) * 400
    start = time.perf_counter()
    page = render_page(example.data(evidence=evidence, samples=pairs))
    seconds = time.perf_counter() - start
    assert len(page.encode()) < 3_000_000
    assert page.count('class="sample"') == 300
    assert seconds < 6  # about 0.7 s alone on a machine; room for busy ones


def test_a_caveat_of_every_family_is_said_once_and_one_of_a_family_beside_it():
    found = example.evidence()
    first = found.verdicts[0]
    own = first.model_copy(update={"caveats": (*first.caveats, "arithmetic-oe: one seed everywhere")})
    evidence = found.model_copy(
        update={"verdicts": (own, *found.verdicts[1:]), "caveats": ("arithmetic-oe: one seed everywhere",)}
    )
    text = "".join(read(render_page(example.data(evidence=evidence))).text)
    assert text.count("the recommended configuration is at the end of the ladder") == 1
    assert text.count("one seed everywhere") == 1
    assert "arithmetic-oe: one seed everywhere" not in text
