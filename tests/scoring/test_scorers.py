"""Scorers: what counts as the answer, what is right, and that no text crashes or hangs them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.domain.sample import Item
from isothink.scoring.boxed import last_boxed
from isothink.scoring.verification import Check, verify


class NoMathematics:
    def check(self, pairs):
        raise AssertionError(f"no answer here needs algebra: {pairs}")


def score(item, answer):
    (result,) = verify(
        [Check(answer=answer, reference=item.reference, answer_format=item.answer_format)], NoMathematics()
    )
    return result


def item(reference, answer_format):
    return Item(
        id="i",
        benchmark="b",
        family="f",
        prompt="p",
        reference=reference,
        answer_format=answer_format,
        cluster="i",
    )


@pytest.mark.parametrize("answer", ["even", " even\n", "EVEN", r"so \boxed{even}", r"\boxed{odd} no, \boxed{ even }"])
def test_exact_accepts(answer):
    assert score(item("even", "exact"), answer).correct


@pytest.mark.parametrize("answer", ["odd", "even even", "even odd", "", "evens", r"\boxed{even} \boxed{odd}", "even."])
def test_exact_refuses(answer):
    assert not score(item("even", "exact"), answer).correct


def test_exact_keeps_several_words_in_order():
    assert score(item("new  york", "exact"), "New York").extracted == "New York"
    assert score(item("new york", "exact"), " New\n\tYork ").correct
    assert not score(item("new york", "exact"), "york new").correct


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "B",
            "(B)",
            "B.",
            "B)",
            "**B**",
            "b",
            "(b)",
            "Answer: B",
            "The answer is B.",
            "B B",
            "B, that is (B)",
            "B: 7",
        ),
        *(r"\boxed{B}", r"A or C? \boxed{B}", r"\boxed{A} wait \boxed{(B)}", r"\boxed{\boxed{B}}", "I'm sure: B"),
        *(
            "I think the answer is B.",
            "I choose B",
            "B. A dog",
            "A dog is what is asked for, so B",
            "Option B is right",
        ),
        *("The answer is (B) because A is wrong.", "A or C?\nThe answer is A.\nNo.\n**Answer:** B\nC is too long."),
        *("The correct answer is: **B) Paris**, and not C.", "A? The answer is option B", "Answer: B\n\nA is wrong."),
    ],
)
def test_letter_accepts(answer):
    scored = score(item("B", "letter"), answer)
    assert (scored.extracted, scored.correct) == ("B", True)


@pytest.mark.parametrize(
    "answer",
    [
        "A",
        "",
        "A B",
        "A or B",
        "B, not C",
        "AB",
        "B2",
        "7",
        "Because",
        "the b side",
        r"\boxed{A} B",
        r"\boxed{}",
        "...",
        *("The answer is B or C", "The answer is (B), (C)", "The answer is not B but C", "Answer: A and B"),
        *("I do not know", "A hard question", "the answer is B2 or C", "The answer is B. No, the answer is C."),
    ],
)
def test_letter_refuses(answer):
    assert not score(item("B", "letter"), answer).correct


def test_several_letters_are_no_answer():
    assert score(item("B", "letter"), "A B C D").extracted is None


@pytest.mark.parametrize("answer_format", ["exact", "letter"])
def test_no_answer_is_wrong_and_not_missing(answer_format):
    scored = score(item("B", answer_format), None)
    assert (scored.extracted, scored.correct) == (None, False)


def test_a_reference_outside_its_own_format_is_a_missing_score_and_not_a_wrong_answer():
    result = score(item("A or B", "letter"), "A")
    assert result.score is None and "holds no answer" in result.error


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", None),
        (r"\boxed{}", ""),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{1} and \boxed{2}", "2"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{A \boxed{B}}", "B"),
        (r"\boxed{\{1\}}", r"\{1\}"),
        (r"}}} \boxed{1}", "1"),
        (r"\boxed 1", None),
    ],
)
def test_the_last_closed_box_wins(text, content):
    assert last_boxed(text) == content


HOSTILE = ["x" * 100_000, "B" * 100_000, "(" * 100_000, r"\boxed{" * 15_000, "\\" * 100_000, "{" * 100_000]
HOSTILE += [
    "'" * 100_000,
    "\x00\x1b[31m\u202e" * 20_000,
    "<script>alert(1)</script>" * 4000,
    "\ud7ff\U0010ffff" * 30_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:8]))
@pytest.mark.parametrize("answer_format", ["exact", "letter"])
def test_large_hostile_texts_are_wrong_at_once(text, answer_format):
    start = time.process_time()
    assert not score(item("C", answer_format), text).correct
    assert time.process_time() - start < 1.0


@given(st.text() | st.text(alphabet="\\boxed{}AB ()'\n"), st.sampled_from(["exact", "letter"]))
def test_any_text_gets_a_score(text, answer_format):
    scored = score(item("B", answer_format), text)
    assert scored.extracted is None or (scored.correct == (scored.extracted.casefold() == "b"))
