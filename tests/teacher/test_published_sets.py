"""What is known of published data sets is compared with what was loaded."""

import pytest

from isothink.errors import UsageError
from isothink.teacher.published_sets import check_published, published_sets

GENERAL = "Scale-or-Reason/general-reasoning-ift-pairs"
COLUMNS = ("prompt", "reasoning", "ift")


def test_the_sets_of_the_experiment_and_gsm8k_are_known_and_none_is_called_verified():
    assert set(published_sets()) == {GENERAL, "Scale-or-Reason/math-reasoning-ift-pairs", "openai/gsm8k"}
    for known in published_sets().values():
        assert known.licence == "MIT" and known.facts_from and known.columns
        assert not known.verified and known.revision is None
        assert known.pairs_split is None or known.splits[known.pairs_split]


@pytest.mark.parametrize(
    ("name", "columns", "rows", "split"),
    [
        (GENERAL, (*COLUMNS, "more"), 990098, "reasoning_ift_pairs"),
        ("openai/gsm8k", ("question", "answer"), 7473, "train"),
        ("openai/gsm8k", ("question", "answer"), 100, "train[:100]"),
        ("nobody/nothing", (), 0, "train"),
    ],
)
def test_what_is_as_published_gives_no_finding(name, columns, rows, split):
    assert check_published(name, columns, rows, split) == []


def test_another_number_of_rows_is_a_finding_that_names_both():
    (finding,) = check_published(GENERAL, COLUMNS, 990097, "reasoning_ift_pairs")
    assert "990097" in finding and "990098" in finding and GENERAL in finding


def test_a_split_of_one_side_and_an_unknown_split_are_findings():
    (finding,) = check_published(GENERAL, COLUMNS, 990098, "ift")
    assert "reasoning_ift_pairs" in finding
    (finding,) = check_published(GENERAL, COLUMNS, 5, "train")
    assert "'train' is not known" in finding
    (finding,) = check_published("Scale-or-Reason/math-reasoning-ift-pairs", COLUMNS, 5, "ift")
    assert "one side" in finding, "nobody says how many rows this split has"


def test_a_missing_column_is_an_error():
    with pytest.raises(UsageError, match="found no column 'ift', its columns are prompt, reasoning"):
        check_published(GENERAL, ("prompt", "reasoning"), 990098, "reasoning_ift_pairs")
