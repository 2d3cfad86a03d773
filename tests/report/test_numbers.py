"""One spelling for every number."""

import pytest

from isothink.report import numbers
from isothink.report.text import script_json, shortened, visible


@pytest.mark.parametrize(
    ("value", "text"),
    [(5e11, "5e11"), (1.25e11, "1.25e11"), (0, "0"), (3, "3e0"), (9.999e11, "1e12"), (1.244e-3, "1.24e-3")],
)
def test_scientific(value, text):
    assert numbers.scientific(value) == text


def test_flops_carry_their_unit():
    assert numbers.flops(5e11) == "5e11 FLOPs"


@pytest.mark.parametrize(("value", "text"), [(0.042, "+4.2"), (-0.0001, "0.0"), (0.0, "0.0"), (-0.1, "-10.0")])
def test_points_have_a_sign_unless_zero(value, text):
    assert numbers.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "< 0.001"), (0.0123, "= 0.012"), (0.0996, "= 0.10"), (1.0, "= 1.00"), (None, "n/a")]
)
def test_p_values(value, text):
    assert numbers.p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(138_000, "138K"), (1_540_000_000, "1.54B"), (999_700, "1000K"), (12, "12"), (7.6e9, "7.6B")]
)
def test_parameters(value, text):
    assert numbers.parameters(value) == text


def test_hidden_characters_get_names_and_line_breaks_stay():
    assert visible("a\x00b\r\n\tc\u202ed\x7f\ud800") == "a\u2400b\n\tc[U+202E]d[U+007F][U+D800]"


def test_shortened_keeps_both_ends():
    assert shortened("ab", 2) == "ab"
    assert shortened("a" * 50 + "z" * 50, 9) == "aaaaaa [... 91 characters left out ...] zzz"


def test_json_in_a_script_cannot_end_it():
    text = script_json({"a": "</script><!--&\u2028\u2029"})
    assert not set(text) & set("<>&\u2028\u2029")
    assert text == '{"a":"\\u003c/script\\u003e\\u003c!--\\u0026\\u2028\\u2029"}'
