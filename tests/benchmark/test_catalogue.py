"""The published benchmarks: every file parses, and rows in its schema become items whose gold answer scores 1."""

import pytest

from isothink.benchmark.catalogue import published_benchmarks
from isothink.benchmark.reading import read_items
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS
from isothink.scoring.verification import Check, verify
from isothink.store.rows import Row

from .published_rows import ROWS

BENCHMARKS = published_benchmarks()


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
    [item] = read_items([Row(1, row)], benchmark, place="here").items
    assert part in item.prompt and item.prompt.endswith("in \\boxed{}.")
    assert (item.reference, item.benchmark, item.family) == (reference, name, benchmark.family)
    assert "{" not in item.prompt.replace("\\boxed{}", "").replace("\\frac{2}{4}", "")


@pytest.mark.parametrize("name", ROWS)
def test_the_gold_answer_is_right_and_another_wrong(name):
    [item] = read_items(rows_of(name), BENCHMARKS[name], place="here").items
    wrong = {"letter": "D", "math": "123", "exact": "Yes"}[item.answer_format]
    answers = [f"\\boxed{{{item.reference}}}", f"So \\boxed{{{wrong}}} it is, not {item.reference}.", None]
    checks = [Check(answer=text, reference=item.reference, answer_format=item.answer_format) for text in answers]

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
    renamed = {
        f"{key}_{number}" if key == column else key: value for number, (key, value) in enumerate(ROWS[name][0].items())
    }
    with pytest.raises(
        UsageError, match=rf"{name}: reference.column: found no column '{column}' in the set, its columns are"
    ) as error:
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
