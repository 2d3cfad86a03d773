"""The published benchmarks: every file parses, and rows in its schema become items whose gold answer scores 1."""

import re

import pytest

from isothink.benchmark.catalogue import published_benchmarks
from isothink.benchmark.reading import read_items
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS
from isothink.scoring.verification import Check, verify
from isothink.store.rows import Row

from .published_rows import ROWS

BENCHMARKS = published_benchmarks()
UNBOXED = ("ifeval", "code-summarisation-c")
"""Where a box would be one more instruction, or hide the answer from its judges."""


class NoMathematics:
    def check(self, pairs):
        raise AssertionError(f"no gold answer needs algebra: {pairs}")


def rows_of(name, **changes):
    return [Row(1, {**ROWS[name][0], **changes})]


def test_every_file_has_its_own_name_and_is_no_procedural_task():
    assert set(BENCHMARKS) == set(ROWS)
    assert not set(BENCHMARKS) & set(TASKS)


@pytest.mark.parametrize("name", ROWS)
def test_rows_in_its_schema_become_items(name):
    benchmark = BENCHMARKS[name]
    row, part, reference = ROWS[name]
    item = read_items([Row(1, row)], benchmark, place="here").items[0]
    assert part in item.prompt
    assert item.prompt.endswith("in \\boxed{}.") == (name not in UNBOXED)
    assert (item.reference, item.benchmark, item.family) == (reference, name, benchmark.family)
    assert not re.search(r"\{[a-z_]+\}", item.prompt.replace("\\mathrm{", "").replace("int a", "{"))


@pytest.mark.parametrize("name", [name for name in ROWS if name not in UNBOXED])
def test_the_gold_answer_is_right_and_another_wrong(name):
    item = read_items(rows_of(name), BENCHMARKS[name], place="here").items[0]
    wrong = {"letter": "D", "math": "123", "exact": "Yes", "number": "123", "squad_f1": "Zanzibar"}[item.answer_format]
    answers = [f"\\boxed{{{item.reference}}}", f"So \\boxed{{{wrong}}} it is, not {item.reference}.", None]
    facts = {name: getattr(item, name) for name in ("reference", "answer_format", "alternatives", "tolerance")}
    checks = [Check(answer=text, **facts) for text in answers]

    class Different:
        def check(self, pairs):
            from isothink.scoring.verification import Comparison

            return [Comparison(equal=False) for _ in pairs]

    right, *others = verify(checks[:1], NoMathematics()) + verify(checks[1:], Different())
    assert right.correct is True
    assert [result.correct for result in others] == [False, False]


@pytest.mark.parametrize("name", ROWS)
def test_what_is_only_expected_is_said(name):
    benchmark = BENCHMARKS[name]
    assert benchmark.items and benchmark.prompt_tokens and benchmark.facts_from
    assert benchmark.verified is False and benchmark.rows.kind == "hub"


@pytest.mark.parametrize("name", ROWS)
def test_a_column_that_is_not_there_is_named_with_those_that_are(name):
    column = BENCHMARKS[name].reference.column
    head = column.partition(".")[0]
    renamed = {
        f"{key}_{number}" if key == head else key: value for number, (key, value) in enumerate(ROWS[name][0].items())
    }
    with pytest.raises(UsageError, match=rf"{name}: .*: found no column '{column}' in the set, its columns") as error:
        read_items([Row(1, renamed)], BENCHMARKS[name], place="the set")
    assert "\n" not in error.value.message


@pytest.mark.parametrize("name", [name for name in ROWS if BENCHMARKS[name].where])
def test_rows_of_other_subjects_are_left_out(name):
    [column] = BENCHMARKS[name].where
    other = Row(2, {**ROWS[name][0], column: "something else"})
    found = read_items([*rows_of(name), other], BENCHMARKS[name], place="here")
    assert (len(found.items), found.others, found.faults) == (1, 1, {})
    with pytest.raises(UsageError, match=f"none of the 1 rows of here has {column} of"):
        read_items([other], BENCHMARKS[name], place="here")


def test_every_turn_of_a_conversation_is_an_item_that_shows_the_turns_before():
    found = read_items(rows_of("coqa"), BENCHMARKS["coqa"], place="here")
    first, second = found.items
    assert (found.rows, found.parts) == (1, 2)
    assert "Question: Who has a cup?\nAnswer: Ann\nQuestion: What colour is it?\nPut" in second.prompt
    assert (second.reference, first.cluster) == ("red", second.cluster)
    assert "Answer: Ann" not in first.prompt
    listed = [{"input_text": "Ann"}, {"input_text": "red"}]  # as the official file has it
    assert read_items(rows_of("coqa", answers=listed), BENCHMARKS["coqa"], place="here").items == found.items


def test_any_reference_of_several_is_right():
    [item] = read_items(rows_of("squad"), BENCHMARKS["squad"], place="here").items
    assert item.alternatives == ("1650s",)
    listed = [{"text": "the 1650s", "answer_start": 24}, {"text": "1650s", "answer_start": 28}]
    assert read_items(rows_of("squad", answers=listed), BENCHMARKS["squad"], place="here").items == [item]


def test_a_number_is_right_with_the_power_of_ten_of_its_unit_or_without():
    [item] = read_items(rows_of("scibench"), BENCHMARKS["scibench"], place="here").items
    facts = {name: getattr(item, name) for name in ("reference", "answer_format", "alternatives", "tolerance")}
    answers = ["2.8", r"\boxed{2.7 \times 10^{-47}}", "2.8e-46", "3.0"]
    results = verify([Check(answer=answer, **facts) for answer in answers], NoMathematics())
    assert [result.score for result in results] == [1, 1, 0, 0]
    [unitless] = read_items(rows_of("scibench", unit=" "), BENCHMARKS["scibench"], place="here").items
    assert "Its unit: none" in unitless.prompt and unitless.alternatives == ()
