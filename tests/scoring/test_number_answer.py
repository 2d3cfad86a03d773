"""Numbers as people and models write them, the last one that counts, and the tolerance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.scoring.number_answer import extract_number, is_close, power_of_ten, read_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("+65.49", 65.49),
        ("-1.5", -1.5),
        ("−1.5", -1.5),
        (".5", 0.5),
        ("1,000,000.5", 1_000_000.5),
        (r"1{,}000", 1000),
        (r"12\,000", 12000),
        ("6.02e23", 6.02e23),
        ("1.5E-3", 1.5e-3),
        (r"6.02 \times 10^{23}", 6.02e23),
        (r"6.02\cdot10^{-3} \mathrm{~m}^{2}", 6.02e-3),
        ("6.02 × 10²³ mol⁻¹", 6.02e23),
        ("6.02x10^23", 6.02e23),
        ("6.02 * 10**23", 6.02e23),
        (r"-2 \times 10^{ -4 }", -2e-4),
        ("10^{-3}", 1e-3),
        ("10⁻³", 1e-3),
        ("1/3", 1 / 3),
        (r"-\frac{1}{3}", -1 / 3),
        ("5 m/s", 5),
        (r"50\%", 50),
        ("3.4 m^2", 3.4),
    ],
)
def test_values(text, value):
    assert read_number(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "none", "m^2", "CO_2", "1e99999", "1/0", r"x^{12}", "9" * 20_000])
def test_what_is_no_number(text):
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (r"It is \boxed{5.3 \times 10^{-3} \mathrm{~m}^{2}}, not 7.", r"5.3 \times 10^{-3}"),
        (r"\boxed{1} or rather \boxed{2}", "2"),
        (r"\boxed{x = 3.5}", "3.5"),
        (r"\boxed{E = 3 = kT}", "3"),
        (r"\boxed{v_{12} = -4}", "-4"),
        ("The answer is 3.5 J at 300 K.", "3.5"),
        ("The answer is: v = 3.5 m/s", "3.5"),
        ("We get 3, then 4.", "4"),
        ("about 3.4 m^2", "3.4"),
        ("#### 1,234", "1,234"),
        ("no number", None),
        (r"5 in the text, \boxed{nothing} in the box", None),
        ("from 7-8", "8"),
    ],
)
def test_which_number_of_an_answer_counts(answer, number):
    assert extract_number(answer) == number


def test_the_tolerance_is_relative_and_0_is_close_to_0_alone():
    assert is_close(95, 100, 0.05) and not is_close(94, 100, 0.05)
    assert is_close(-9.6e-40, -1e-39, 0.05) and not is_close(9.6e-40, -1e-39, 0.05)
    assert is_close(0, 0, 0.05) and not is_close(1e-12, 0, 0.05)
    assert is_close(0.1 + 0.2, 0.3, None) and not is_close(0.3001, 0.3, None)


@pytest.mark.parametrize(
    ("unit", "power"),
    [
        (r"$10^{-47} \mathrm{~kg}$", -47),
        (" $10^4$", 4),
        ("10⁵ J", 5),
        (r"$\mathrm{~m}^{10}$", 0),
        ("", 0),
        ("100 K", 0),
    ],
)
def test_the_power_of_ten_that_a_unit_begins_with(unit, power):
    assert power_of_ten(unit) == power


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_writes_is_read_back(value):
    assert read_number(repr(value)) == value
    assert read_number(extract_number(rf"so \boxed{{{value!r}}}") or "") == value


@given(st.text() | st.text(alphabet="0123456789.,-+^{}\\ times10/e×"))
def test_any_text_is_read_or_not(text):
    found = extract_number(text)
    assert found is None or found in text
