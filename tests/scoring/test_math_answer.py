"""What is taken for a mathematical answer, and that no text takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.scoring.math_answer import extract_math, extract_math_reference, is_prose


@pytest.mark.parametrize(
    ("text", "extracted"),
    [
        # boxes
        (r"so \boxed{42}", "42"),
        (r"\boxed{1} no, \boxed{\frac{1}{2}}. #### 7", r"\frac{1}{2}"),
        (r"\boxed{$1,000}", "1,000"),
        (r"\boxed{}", None),
        # markers, of which the last wins
        ("2 + 2 = 4\n#### 4", "4"),
        ("#### 3\n#### 4", "4"),
        ("#### Step 1: Add\nIt is 3 * 4 = 12 eggs", "12"),
        ("She has 5.\nA: 18", "18"),
        ("A: 18 eggs", "18"),
        ("Answer: 1\nwait\nAnswer: 2", "2"),
        ("**Answer:** 42", "42"),
        ("**Answer**: 42", "42"),
        ("The answer is 42.", "42"),
        ("The answer is: **42**", "42"),
        ("The final answer is $x = 3$. I hope it is correct.", "x = 3"),
        ("The answer is 42 dollars, not 43.", "42"),
        ("Answer: The total is 3 * 4 = 12 apples", "12"),
        ("It took 12 hours.\n\n**Final Answer**\n\n$$\\frac{1}{2}$$", r"\frac{1}{2}"),
        ("The answer is:\n\n\\[\nx^2 + 1\n\\]", "x^2 + 1"),
        ("The answer is Friday.", "Friday"),
        ("The answer is (B).", "(B)"),
        ("She has 5 eggs. The answer is", None),
        # neither: the text itself, or the last formula or number
        ("42", "42"),
        ("-5", "-5"),
        ("3 1/2", "3 1/2"),
        ("(x + 1)(x - 1)", "(x + 1)(x - 1)"),
        (r"\{1, 2\}", r"\{1, 2\}"),
        ("Friday", "Friday"),
        ("She pays $18 and gets $2 back.", "2"),
        ("She pays $1,018.50.", "1,018.50"),
        (r"We find \(\frac{3}{4}\), since", r"\frac{3}{4}"),
        ("So $x = 5$, where $x$ is the time.", "x = 5"),
        ("It is -5 degrees", "-5"),
        ("It takes 7-8 hours", "8"),
        ("That is 50% of it", "50%"),
        ("It needs 3 1/2 cups", "3 1/2"),
        ("10 - 4 = 6 remain", "6"),
        ("答案是5。", "5"),
        ("No idea at all", "No idea at all"),
        ("No idea.\nNone at all.", None),
        ("", None),
        (" \n", None),
        # what cannot be seen
        ("\u202e42\u202c", "42"),
        ("The answer is \u200e42", "42"),
        ("4\x002", "4 2"),
    ],
)
def test_known_answers(text, extracted):
    assert extract_math(text) == extracted


@pytest.mark.parametrize(
    ("text", "extracted"),
    [
        ("72 / 2 = 36\n#### 36", "36"),
        ("Work.\nA: 1,000", "1,000"),
        (r"Then \boxed{\pi}.", r"\pi"),
        ("$36$", "36"),
        ("18 eggs", "18 eggs"),
        ("the first 5 of them", "the first 5 of them"),
        ("", None),
    ],
)
def test_a_reference_of_one_line_is_the_answer_as_a_whole(text, extracted):
    assert extract_math_reference(text) == extracted


@pytest.mark.parametrize("text", ["x = 1 or x = 2", "3abc", "2xy + 1", r"\frac{1}{2}", "sin x", "5 km", "x_max", "B"])
def test_formulas_are_not_prose(text):
    assert not is_prose(text)


@pytest.mark.parametrize("text", ["18 eggs", "It is 5", r"\text{Friday}", "答案是五", "we have 3"])
def test_sentences_are_prose(text):
    assert is_prose(text)


PIECES = [
    "$",
    "\\[",
    "\\(",
    "1+",
    "####\n",
    "answer is ",
    "A:\n",
    "* ",
    "#",
    "1,",
    "\\boxed{",
    "{",
    "\x00\u202e",
    "x",
    "9^",
]
PIECES += ["( ", "# answer", "answer ", "> ", "\\text{", "1 000", "é", "#### a\n", "1/", " ", "\n", "= 1", "$1 $"]


@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_long_repetitive_texts_take_no_time(piece):
    text = piece * (200_000 // len(piece))
    start = time.perf_counter()
    extract_math(text)
    extract_math_reference(text)
    assert time.perf_counter() - start < 2.0


@given(st.text() | st.text(alphabet="\\boxed{}[]()$#A:=1.,\n answeri*"))
def test_an_answer_is_visible_and_tidy(text):
    extracted = extract_math(text)
    assert extracted is None or extracted == " ".join(extracted.split()) != ""


@given(st.integers(-(10**9), 10**9), st.sampled_from(["#### {}", "A: {}", "The answer is {}.", r"\boxed{{{}}}", "{}"]))
def test_a_number_is_found_wherever_it_is_announced(number, frame):
    assert extract_math("First 17, then 4.\n" * 3 + frame.format(number)) == str(number)
    assert extract_math("First 17, then 4.\n" * 3 + frame.format(f"${number:,}")) == f"{number:,}"
