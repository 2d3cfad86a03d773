"""Plain numbers: which texts are one, and exactly which."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.scoring.plain_number import read_plain_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("42", "42"), ("+42", "42"), ("-42", "-42"), ("−42", "-42"), ("042", "42"), ("42.", "42"), ("42.00", "42")),
        *(
            (".5", ".5"),
            ("-.5", "-.5"),
            ("$42", "42"),
            (r"\$42", "42"),
            ("-$42", "-42"),
            ("$-42", "-42"),
            ("€ 42", "42"),
        ),
        *(("1,000", "1000"), ("1,000,000.5", "1000000.5"), ("1{,}000", "1000"), (r"1\,000", "1000"), ("1 000", "1000")),
        *(("18 eggs", "18"), ("18 red eggs", "18"), ("18 years of age", "18")),
        ("0." + "3" * 2000, "0." + "3" * 2000),
    ],
)
def test_numbers(text, value):
    number = read_plain_number(text)
    assert number is not None
    assert (number.value, number.is_percent) == (Decimal(value), False)


@pytest.mark.parametrize("text", ["50%", r"50\%", "50 %", "$50%"])
def test_percentages(text):
    number = read_plain_number(text)
    assert number is not None
    assert (number.value, number.is_percent) == (50, True)


NO_NUMBERS = "|.|-|$|1,00|1,0000|1,2|1/2|3 1/2|2x|2 x|2 pi|3 sin x|1e6|--1|x|1.2.3|12:30|1 2|5 km|inf|nan|1_000|0x10"


@pytest.mark.parametrize("text", [*NO_NUMBERS.split("|"), r"\frac{1}{2}", "1" * 20_000])
def test_everything_else(text):
    assert read_plain_number(text) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_numbers_survive_being_written(value):
    for text in (f"{value:f}", f"{value:,f}", f"{value:f}0", f"${value:,f} dollars"):
        number = read_plain_number(text)
        assert number is not None
        assert number.value == value


@given(st.text() | st.text(alphabet="0123456789,. $-%{}\\ab", max_size=30))
def test_any_text_is_a_number_or_none(text):
    number = read_plain_number(text)
    assert number is None or number.value.is_finite()
