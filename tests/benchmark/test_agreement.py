"""Agreement between judges: known figures from the literature and by hand."""

import pytest

from isothink.benchmark.agreement import count_agreement

YES, NO = "correct", "incorrect"


def test_cohens_kappa_of_the_textbook_table():
    """Two judges, 50 answers: 20 both yes, 15 both no, 5 and 10 apart; kappa is 0.4 (Wikipedia, Cohen's kappa)."""
    ballots = [(YES, YES)] * 20 + [(YES, NO)] * 5 + [(NO, YES)] * 10 + [(NO, NO)] * 15
    (pair,) = count_agreement(("a", "b"), ballots).pairs
    assert (pair.both_correct, pair.only_first_correct, pair.only_second_correct, pair.both_incorrect) == (
        20,
        5,
        10,
        15,
    )
    assert pair.agreement == pytest.approx(0.7) and pair.kappa == pytest.approx(0.4)


def test_fleiss_kappa_by_hand():
    """Agreement (1 + 1 + 1/3 + 1/3) / 4 = 2/3; shares 1/2 and 1/2, so that chance gives 1/2 and kappa is 1/3."""
    found = count_agreement("abc", [(YES, YES, YES), (NO, NO, NO), (YES, YES, NO), (NO, YES, NO)])
    assert found.votes_for_correct == (1, 1, 1, 1)
    assert found.kappa == pytest.approx(1 / 3) and found.unanimous == 0.5 and found.undecided == 0


def test_missing_verdicts_are_counted_and_left_out():
    found = count_agreement("abc", [(YES, None, NO), (YES, YES, None), (NO, NO, NO), (None, None, YES)])
    assert (found.answers, found.complete, found.undecided, found.missing) == (4, 1, 2, (1, 2, 1))
    assert [pair.answers for pair in found.pairs] == [2, 2, 1]
    assert [pair.agreement for pair in found.pairs] == [1.0, 0.5, 1.0]


def test_what_is_not_defined_is_absent():
    alike = count_agreement("abc", [(YES, YES, YES)] * 5)
    assert (alike.unanimous, alike.kappa, alike.pairs[0].agreement, alike.pairs[0].kappa) == (1.0, None, 1.0, None)
    nothing = count_agreement("abc", [])
    assert (nothing.unanimous, nothing.kappa, nothing.pairs[0].agreement) == (None, None, None)
    alone = count_agreement("a", [(YES,), (NO,)])
    assert (alone.unanimous, alone.kappa, alone.pairs) == (None, None, ())
    assert alike.facts()["kappa"] is None and alike.facts()["pairs"][0]["agreement"] == 1.0
