"""Verification: missing scores are not wrong ones, and what takes no algebra is decided without a checker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.scoring.verification import Check, CheckResult, Comparison, compare_plainly, verify


class Checker:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, *comparisons):
        self.comparisons = list(comparisons)
        self.asked = []

    def check(self, pairs):
        self.asked.append(list(pairs))
        return [self.comparisons.pop(0) for _ in pairs]


def one(answer, reference, answer_format="math", checker=None):
    (result,) = verify([Check(answer=answer, reference=reference, answer_format=answer_format)], checker or Checker())
    return result


@pytest.mark.parametrize(
    ("answer", "reference", "equal"),
    [
        ("42", "42", True),
        ("The answer is 42.", "#### 42", True),
        ("42.00", "42", True),
        ("$1,000", "1000", True),
        (r"\boxed{\$1{,}000.50}", "1000.5", True),
        ("18 eggs", "18", True),
        (r"\boxed{18 \text{ eggs}}", "18", True),
        ("-5", "5", False),
        ("0.1", "0.10000000000000000001", False),
        ("0." + "3" * 1500, "0.5", False),
        ("50%", r"50\%", True),
        (r"\frac{1}{2}", r"\frac{1}{2}", True),
        ("(B)", "B", True),
        (r"\boxed{C}", r"\text{(B)}", False),
        ("friday", r"\text{Friday}", True),
        ("odd", "dod", False),
    ],
)
def test_what_takes_no_algebra_is_decided_without_a_checker(answer, reference, equal):
    result = one(answer, reference)
    assert (result.correct, result.error) == (equal, None)


@pytest.mark.parametrize(
    ("answer", "reference"), [("1/2", "0.5"), ("50%", "0.5"), ("x", "y"), ("5 km", "5"), ("1, 2", "2, 1")]
)
def test_what_takes_algebra_is_not_decided(answer, reference):
    assert compare_plainly(reference, answer) is None


def test_results_keep_the_order_of_checks_and_each_pair_is_asked_once():
    checker = Checker(
        Comparison(equal=True), Comparison(equal=None, error="no result within 5 s"), Comparison(equal=False)
    )
    answers = ["1/2", "7", "9^9", "1/2", "so it is 2/3", None, "0.5"]
    results = verify([Check(answer=answer, reference="0.5", answer_format="math") for answer in answers], checker)
    assert checker.asked == [[("0.5", "1/2"), ("0.5", "9^9"), ("0.5", "2/3")]]
    assert results == [
        CheckResult(score=1.0, extracted="1/2"),
        CheckResult(score=0.0, extracted="7"),
        CheckResult(score=None, extracted="9^9", error="no result within 5 s"),
        CheckResult(score=1.0, extracted="1/2"),
        CheckResult(score=0.0, extracted="2/3"),
        CheckResult(score=0.0, extracted=None),
        CheckResult(score=1.0, extracted="0.5"),
    ]


@pytest.mark.parametrize(
    ("answer_format", "answer", "reference", "correct"),
    [
        ("exact", " New  York\n", "new york", True),
        ("exact", "Paris", "new york", False),
        ("letter", r"\boxed{b}", "B", True),
        ("letter", "A or B", "B", False),
        ("letter", None, "B", False),
        ("exact", "", "B", False),
        ("math", "", "5", False),
        ("math", "no number\nhere", "5", False),
    ],
)
def test_an_answer_not_given_is_wrong_and_not_missing(answer_format, answer, reference, correct):
    result = one(answer, reference, answer_format)
    assert (result.correct, result.error) == (correct, None)


@pytest.mark.parametrize(
    ("answer_format", "reference"), [("exact", " "), ("letter", "A or B"), ("math", r"\boxed{}"), ("math", "")]
)
def test_a_reference_without_an_answer_is_a_missing_score(answer_format, reference):
    result = one("B", reference, answer_format)
    assert (result.correct, result.extracted) == (None, "B")
    assert "holds no answer" in result.error


@pytest.mark.parametrize("deep", ["{" * 10_000 + "}" * 10_000, "x+" * 1000, "9^" * 600 + "9", "\\frac{" * 400])
def test_what_is_too_long_for_a_parser_is_a_missing_score(deep):
    for result in (one(rf"\boxed{{{deep}}}", "5"), one("5", deep), one(deep, "5")):
        assert result.correct is None
        assert "more than 1,000" in result.error
        assert len(result.extracted) <= 1000


@given(st.text() | st.none(), st.text(), st.sampled_from(["exact", "letter", "math"]))
def test_any_texts_get_a_score_or_a_reason(answer, reference, answer_format):
    result = one(answer, reference, answer_format, checker=Checker(Comparison(equal=False)))
    assert (result.correct is None) == (result.error is not None)


@given(st.text(min_size=1), st.sampled_from(["exact", "math"]))
def test_every_reference_equals_itself(reference, answer_format):
    result = one(reference, reference, answer_format, checker=Checker(Comparison(equal=True)))
    assert result.correct or "holds no answer" in result.error or result.extracted != reference
