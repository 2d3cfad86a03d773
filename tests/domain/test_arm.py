"""Names of arms and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.domain.arm import Mixed, Plain, Sequential, parse_arm


def test_each_name_is_its_own_type():
    assert parse_arm("ift") == Plain(format="ift")
    assert parse_arm("reasoning") == Plain(format="reasoning")
    assert parse_arm("sequential(0.25)") == Sequential(rho=0.25)
    assert parse_arm("mixed( 5e-1 )") == Mixed(rho=0.5)


def test_kinds_are_what_the_verdict_speaks_of():
    kinds = [parse_arm(name).kind for name in ("ift", "reasoning", "sequential(0.5)", "mixed(0.5)")]
    assert kinds == ["ift", "reasoning", "curriculum", "curriculum"]


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True), st.sampled_from([Sequential, Mixed]))
def test_text_and_arm_are_inverses_to_the_last_digit(rho, kind):
    arm = kind(rho=rho)
    assert parse_arm(str(arm)) == arm


@pytest.mark.parametrize(
    "text",
    [
        *("", "IFT", " ift", "ift ", "ift\n", "reason", "sequential", "sequential()", "mixed(0.5", "mixed 0.5"),
        *("sequential(0)", "sequential(1)", "sequential(1.5)", "mixed(-0.5)", "mixed(1e-400)", "mixed(nan)"),
        *("mixed(inf)", "mixed(.)", "mixed(e)", "mixed(0x1)", "mixed(0,5)", "mixed(٠.٥)", "mixed(0.5)(0.5)"),
        "sequential(0.99999999999999999999)",
    ],
)
def test_anything_else_is_refused_and_told_what_is_allowed(text):
    with pytest.raises(ValueError, match=r"allowed are ift, reasoning, sequential\(RHO\) or mixed\(RHO\)"):
        parse_arm(text)
