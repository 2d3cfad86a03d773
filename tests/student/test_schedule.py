"""The learning rate at each step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.student.schedule import schedule_factor


def whole(warmup, constant, decay, final):
    """The schedule of a cell whose trunk ends after warm-up and `constant` steps."""
    first = warmup + constant
    trunk = [schedule_factor(step, warmup_steps=warmup, decay=None, final_share=final) for step in range(first)]
    tail = [
        schedule_factor(step, warmup_steps=warmup, decay=(first, decay), final_share=final)
        for step in range(first, first + decay)
    ]
    return trunk, tail


def test_by_hand():
    trunk, tail = whole(warmup=4, constant=2, decay=3, final=0.1)
    assert trunk == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert tail == pytest.approx([0.7, 0.4, 0.1])


def test_without_warm_up_the_first_step_is_at_the_peak():
    assert schedule_factor(0, warmup_steps=0, decay=None, final_share=0.1) == 1.0


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.floats(0, 1))
def test_it_rises_to_the_peak_stays_and_falls_to_the_final_share(warmup, constant, decay, final):
    trunk, tail = whole(warmup, constant, decay, final)
    assert trunk == sorted(trunk) and all(0 < factor <= 1 for factor in trunk)
    assert trunk[warmup:] == [1.0] * constant
    assert tail == sorted(tail, reverse=True)
    assert tail[-1] == pytest.approx(final) and all(final - 1e-12 <= factor <= 1 for factor in tail)
    drops = [before - after for before, after in zip([1.0, *tail], tail, strict=False)]
    assert drops == pytest.approx([(1 - final) / decay] * decay)


def test_the_trunk_does_not_know_where_the_decay_will_begin():
    short, _ = whole(warmup=3, constant=5, decay=2, final=0.1)
    long, _ = whole(warmup=3, constant=50, decay=20, final=0.1)
    assert long[: len(short)] == short
