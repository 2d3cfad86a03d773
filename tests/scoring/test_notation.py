"""Typed notation as LaTeX."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.scoring.notation import as_latex, is_balanced


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x**2", "x^2"),
        ("x²", "x^2"),
        ("2*pi", r"2*\pi "),
        ("sqrt(2)/2", r"\sqrt {2}/2"),
        ("√2", r"\sqrt{2}"),
        ("½", r"\frac{1}{2}"),
        ("3 1/2", r"3\frac{1}{2}"),
        ("1 000", "1000"),
        (r"1\,000", "1000"),
        ("90°", r"90^{\circ}"),
        ("−5", "-5"),
        (r"\frac{\pi}{2} + \sin x", r"\frac{\pi}{2} + \sin x"),
        (r"\{1, 2\}", r"\{1, 2\}"),
    ],
)
def test_known_notations(text, latex):
    assert as_latex(text).replace(r"\sqrt{", r"\sqrt {") == latex.replace(r"\sqrt{", r"\sqrt {")


@pytest.mark.parametrize(
    ("latex", "balanced"), [("{}", True), (r"\{", True), ("}{", False), ("{", False), (r"\\{", False)]
)
def test_balance(latex, balanced):
    assert is_balanced(latex) == balanced


@given(st.text(alphabet="{}\\ab"))
def test_what_is_balanced_stays_so_inside_a_box(latex):
    if is_balanced(latex) and not latex.endswith("\\"):
        assert is_balanced(f"{{{latex}}}")
