"""The sections below the first screen as records: what they show, what they leave out, and what they say instead."""

import csv
import io
from pathlib import Path

import report_example as example

from isothink.report import numbers
from isothink.report.data import PhaseTotal
from isothink.report.equal_cost_figure import BEST
from isothink.report.sections import (
    all_sections,
    curricula,
    equal_cost,
    gains,
    imports,
    learning,
    ledger,
    lengths,
    missing,
    predictions,
)
from isothink.report.sections.samples import PAIR_BYTES, shares
from isothink.report.sections.samples import section as samples
from isothink.report.table import Column, Table
from isothink.report.text import visible

ROOT = Path(__file__).resolve().parent.parent.parent
NOTHING = (
    "No configuration has a result, so there is nothing to show.",
    "Nothing can be compared at equal inference or whole-life cost:",
    "No sizes are predicted",
    "No training is stored here",
    "There is no frontier whose area is known.",
    "There are no sample answers to show.",
)


def test_where_there_is_nothing_to_show_a_sentence_says_why(pages):
    for name in ("all_failed", "empty"):
        assert all(sentence in pages[name] for sentence in NOTHING)
    assert not any(sentence in pages["data"] for sentence in NOTHING)


def test_the_page_that_explains_the_report_has_its_sections_as_headings_in_its_order():
    """Between them may stand others; the imported results, which this study has none of, are looked for as well."""
    titles = [section.title for section in all_sections(example.data())]
    page = (ROOT / "docs" / "reading-the-report.md").read_text(encoding="utf-8")
    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert [heading for heading in headings if heading in titles] == titles
    assert set(headings) - set(titles) <= {imports.section(example.data()).title}


def test_a_pattern_that_the_analysis_misses_is_said_in_its_words():
    assert curricula.section(example.data()).content.absent == ("logic-mc: No curriculum has a result.",)


def test_every_gain_is_a_mark_and_the_rank_correlation_is_in_the_caption():
    figure = gains.section(example.data()).figures[0]
    pattern = example.evidence().patterns.gain_by_tokens[0]
    assert [row["gain"] for row in figure.rows] == [round(100 * point.gain, 3) for point in pattern.points]
    assert "Rank correlation (Spearman) +0.41, 90% interval +0.11 to +0.71. n = 24 gains." in figure.caption
    unknown = pattern.model_copy(update={"rank_correlation": None, "interval": None, "reason": "too few points"})
    patterns = example.evidence().patterns.model_copy(update={"gain_by_tokens": (unknown,)})
    found = gains.section(example.data(evidence=example.evidence().model_copy(update={"patterns": patterns})))
    assert "No rank correlation: too few points." in found.figures[0].caption


def test_a_share_of_the_change_is_drawn_only_where_it_is_known():
    shown = {figure.id: figure for figure in curricula.section(example.data()).figures}
    known = [curve for curve in example.evidence().patterns.curricula if curve.family == "arithmetic-oe"]
    assert len(shown["curriculum-0-accuracy"].rows) == 3 * len(known) == 36
    assert len(shown["curriculum-0-share"].rows) == sum(curve.reason is None for curve in known) == 12
    assert {row["share_of_change"] for row in shown["curriculum-0-share"].rows} == {70.0}
    some = [curve for curve in example.evidence().patterns.curricula if curve.family == "logic-oe"]
    left_out = sum(curve.reason is not None for curve in some)
    assert left_out > 0
    assert f"{left_out} curves left out" in shown["curriculum-2-share"].caption
    assert "curriculum-1-share" not in shown
    note = curricula.section(example.data()).content.families[1].note
    assert note == "No part of the whole change is given: the interval of the whole gain contains zero."


def test_predictions_are_told_from_measurements():
    figure = predictions.section(example.data()).figures[0]
    kinds = {(row["kind"], row["was_run"], row["extrapolated"]) for row in figure.rows}
    assert kinds == {("measured", True, False), ("predicted", True, False), ("predicted", False, True)}
    assert "n = 36 measured, 24 predicted at sizes that were not run." in figure.caption
    measured = [row["value"] for row in figure.rows if row["kind"] == "measured"]
    results = [one for one in example.evidence().configurations if one.family == "arithmetic-oe"]
    assert measured == [round(100 * one.accuracy, 2) for one in results]


def test_what_is_refused_is_said_once_with_all_that_it_holds_for():
    family = predictions.section(example.data()).content.families[0]
    assert family.refused == ("No accuracy for sequential(0.5) at 1e11 FLOPs: the sizes are too few for a trend.",)


def test_a_crossover_and_its_open_end_are_in_words():
    table = predictions.section(example.data()).tables[0]
    assert table.rows[0] == ("arithmetic-oe", "reasoning", "1e11", "50K", "30K to beyond all sizes", "")
    assert table.rows[3][3:] == ("n/a", "n/a", "no crossover size: the fitted gain is negative")


def test_extrapolated_comparisons_are_counted_and_the_best_student_stands_first():
    found = {figure.id: figure for figure in equal_cost.section(example.data()).figures}
    figure = found["equal-0-lifetime"]
    assert "n = 30 comparisons, 6 of them extrapolated." in figure.caption
    assert "1,000,000 queries are served." in figure.caption
    assert figure.chart["facet"]["sort"] == [BEST, "tiny", "small", "medium", "large"]
    assert figure.panels == 5
    assert "queries are served" not in found["equal-0-inference"].caption


def test_learning_curves_say_that_they_are_a_choice():
    figure = learning.section(example.data()).figures[0]
    assert len(figure.rows) == 12 * 20
    assert "n = 12 cells, at most 20 points each; a choice of 108 cells" in figure.caption
    assert "a choice" not in learning.section(example.data(learning_total=12)).figures[0].caption


def test_lengths_are_medians_over_the_configurations_of_an_arm():
    table = lengths.section(example.data()).tables[0]
    assert len(table.rows) == 4 * 3
    assert table.rows[1] == ("arithmetic-oe", "reasoning", "0.80", "0.80 to 0.80", "12 of 12", "12", "0", "n/a", "7.0%")
    assert len(list(csv.DictReader(io.StringIO(table.csv_text)))) == 144


def test_what_was_planned_stands_beside_what_was_spent():
    rows = {row.phase: row for row in ledger.section(example.data()).content.rows}
    assert (rows["training"].planned, rows["training"].flops) == ("3.2e13", "3.1e13")
    assert (rows["waste (lost to interruptions and failures)"].planned, rows["evaluation"].planned) == (
        numbers.NONE,
        "6e12",
    )
    assert ledger.section(example.data()).content.total.planned == "4.2e13"
    half = example.data(ledger={"training": PhaseTotal(flops=1e12, tokens=5, seconds=1.0)})
    assert {row.phase: row.flops for row in ledger.section(half).content.rows}["evaluation"] == "0"


def test_cells_by_student_and_arm_add_up():
    table = missing.section(example.halfway()).tables[0]
    assert table.rows[0] == ("tiny", "ift", "9", "7", "1", "0", "1")
    assert table.rows[-1] == ("all", "all", "108", "84", "12", "0", "12")
    assert len(table.data) == 12


def test_the_texts_of_a_pair_share_their_room():
    assert shares(("a", "b" * 10, "c"), 100) == ["a", "b" * 10, "c"]
    cut = shares(("short", "x" * 5_000, "y" * 5_000), 1_000)
    assert cut[0] == "short"
    assert abs(len(cut[1]) - len(cut[2])) <= 2
    assert 400 < len(cut[1]) < 500
    assert "characters left out" in cut[1]
    for text in ("<&>\"'" * 2_000, "\u202e" * 3_000, "語" * 3_000, "a" * 3_000 + "<" * 3_000):
        kept = shares(("", "", text, text), PAIR_BYTES)
        page = "".join(visible(part) for part in kept)
        assert len(page.replace("&", "&amp;").replace("<", "&lt;").encode()) <= 1.3 * PAIR_BYTES


def test_a_looping_answer_says_so():
    pair = example.samples()[0]
    looping = pair.model_copy(update={"left": pair.left.model_copy(update={"is_looping": True})})
    view = samples(example.data(samples=(looping,))).content.pairs[0]
    assert view.answers[0].note == "12 tokens, did not think, ended by itself, looping"


def test_a_table_as_markdown_is_nothing_but_a_table():
    columns = (Column(name="a|b", kind="name"), Column(name="n"))
    table = Table(
        id="t", title="", caption="", columns=columns, rows=(("<b>\n| [x](y) `z`", "1"),), data=[{"a": "=1", "n": 1}]
    )
    assert table.markdown == "| a\\|b | n |\n| --- | ---: |\n| \\<b\\> \\| \\[x\\](y) \\`z\\` | 1 |\n"
    assert table.csv_text == "a,n\n'=1,1\n"
