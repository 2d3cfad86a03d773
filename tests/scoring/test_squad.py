"""SQuAD's rules on known answers: normalisation, token F1, several references, questions without an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.scoring.squad import exact_match, normalized, token_f1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Eiffel-Tower!", "eiffeltower"),
        ("an apple, a day", "apple day"),
        ("Athena theatre", "athena theatre"),
        ("the", ""),
        ("l’été", "l’été"),  # only ASCII punctuation is taken out
        ("U.S.", "us"),
    ],
)
def test_normalisation(text, expected):
    assert normalized(text) == expected


@pytest.mark.parametrize(
    ("answer", "references", "exact", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos", "The Denver Broncos"], 1, 1),
        ("the denver broncos.", ["Denver Broncos"], 1, 1),
        ("Broncos", ["Denver Broncos"], 0, 2 / 3),
        ("the team of the Denver Broncos", ["Denver Broncos"], 0, 2 * 0.5 * 1 / 1.5),
        ("to to be", ["to be to be"], 0, 2 * 1 * 0.75 / 1.75),
        ("Carolina", ["Denver Broncos", "Carolina Panthers", "Carolina"], 1, 1),
        ("Rome", ["Paris"], 0, 0),
        ("", ["Paris"], 0, 0),
        ("", [""], 1, 1),
        ("the", [""], 1, 1),
        ("Paris", [""], 0, 0),
        ("a", ["the", "Paris"], 0, 0),  # a reference of nothing but an article is passed over
    ],
)
def test_known_scores(answer, references, exact, f1):
    assert exact_match(answer, references) == exact
    assert token_f1(answer, references) == pytest.approx(f1)


@given(st.text(), st.text(min_size=1))
def test_f1_is_symmetric_between_0_and_1_and_1_for_the_same(answer, reference):
    score = token_f1(answer, [reference])
    assert 0 <= score <= 1
    assert score == pytest.approx(token_f1(reference, [answer]))
    assert token_f1(reference, [reference]) == exact_match(reference, [reference]) == 1
