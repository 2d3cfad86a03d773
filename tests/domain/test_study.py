"""What the records of a study guarantee once they exist."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from study_example import put, study_of, valid_study

from isothink.domain.arm import parse_arm
from isothink.domain.training_settings import rule_rate


def changed(*path, to):
    data = valid_study()
    put(data, path, to)
    return data


def test_arms_are_stored_in_one_spelling():
    study = study_of(changed("arms", to=["ift", "mixed( 0.50 )", "sequential(2.5e-1)"]))
    assert study.arms == ("ift", "mixed(0.5)", "sequential(0.25)")
    assert [str(arm) for arm in map(parse_arm, study.arms)] == list(study.arms)


def test_two_spellings_of_one_arm_are_a_repetition():
    with pytest.raises(ValidationError, match="once"):
        study_of(changed("arms", to=["mixed(0.5)", "mixed(0.50)"]))
    with pytest.raises(ValidationError, match="once"):
        study_of(changed("seeds", "arms", to={"mixed(0.5)": 2, "mixed(0.50)": 3}))


def test_arms_that_differ_in_the_last_digit_stay_apart():
    study = study_of({**changed("seeds", to={}), "arms": ["mixed(0.1234567)", "mixed(0.1234568)", "mixed(0.9999999)"]})
    assert len({arm.rho for arm in map(parse_arm, study.arms)}) == 3


def test_seeds_count_from_zero_and_an_arm_may_have_its_own_number():
    study = study_of(changed("seeds", to={"default": 3, "arms": {"mixed(0.50)": 1}}))
    assert list(study.seeds_of("ift")) == [0, 1, 2]
    assert list(study.seeds_of("mixed(0.5)")) == [0]


@given(width=st.integers(1, 10**6), exponent=st.floats(0, 10), rate=st.floats(1e-9, 1000))
def test_the_rule_gives_its_rate_at_the_reference_width_and_falls_with_width(width, exponent, rate):
    rule = {"by": "rule", "rate": rate, "reference_width": width, "exponent": exponent}
    settings = study_of(changed("training", "learning_rate", to=rule)).training.learning_rate
    assert rule_rate(settings, width) == pytest.approx(rate)
    assert rule_rate(settings, 4 * width) == pytest.approx(rate / 4**exponent)
    assert math.isfinite(rule_rate(settings, 1))


def test_a_table_gives_each_student_and_format_its_own_rate():
    rates = {"s": {"ift": 0.1, "reasoning": 0.2}, "m": {"ift": 0.3, "reasoning": 0.4}}
    table = study_of(changed("training", "learning_rate", to={"by": "table", "rates": rates})).training.learning_rate
    for student, formats in rates.items():
        for name, rate in formats.items():
            assert table.rates[student].of(name) == rate
        assert table.rates[student].of("mixed") == formats["reasoning"]


def test_records_cannot_be_changed():
    study = study_of(valid_study())
    with pytest.raises(ValidationError):
        study.name = "other"
    with pytest.raises(ValidationError):
        study.training.warmup_steps = 0
