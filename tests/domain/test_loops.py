"""Repetition loops: exact repetitions at a text's end, and nothing that only looks like one."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.domain.loops import ENDING, LOOKED_AT, REPETITIONS, SHORTEST, ends_in_loop


@pytest.mark.parametrize(
    "unit", ["ab", "the same again, ", "Wait, let me check that once more.\n", "a rather long passage " * 30]
)
def test_a_passage_said_again_and_again_is_a_loop(unit):
    begun = "First we add 3 and 4, which is 7. "
    times = max(4, 120 // len(unit) + 1)
    assert ends_in_loop(begun + unit * times)
    assert ends_in_loop(begun + unit * times + unit[: len(unit) // 2]), "the cap cuts the last one off"
    assert ends_in_loop(begun + unit * times + " \n")


def test_three_times_is_none():
    unit = "The quick brown fox jumps over the lazy dog near the bank of the river. "
    assert not ends_in_loop("x" + unit * 3)
    assert ends_in_loop("x" + unit * 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "0." + "3" * 60,
        "-" * 99,
        "no no no no no no",
        " ".join(str(number) for number in range(400)),
        "the same again, " * 30 + "but then it went on to say something else, and that is the end of it.",
    ],
)
def test_what_is_no_loop(text):
    assert not ends_in_loop(text)


def test_random_texts_are_none_and_long_ones_take_linear_time():
    chance = random.Random(3)
    for _ in range(50):
        assert not ends_in_loop("".join(chance.choices("abcdefgh ", k=2000)))
    assert ends_in_loop("a" * 10 * LOOKED_AT)
    assert not ends_in_loop(("a" * 24 + "b" * 75 + "c") * 3)


def by_definition(text):
    """Every passage tried at every length, and white space at the end allowed for."""
    text = text.rstrip()
    for length in range(SHORTEST, len(text) + 1):
        tail = text[-length:]
        for period in range(1, (length + 1) // REPETITIONS + 1):
            if tail[period:] == tail[:-period]:
                return True
    return False


@given(
    begun=st.text("ab ", max_size=20),
    unit=st.text("ab ", min_size=1, max_size=30),
    times=st.integers(1, 110),
    cut=st.integers(0, 30),
    ending=st.sampled_from(["", "", " ", "b", "c"]),
)
def test_loops_are_those_of_the_definition(begun, unit, times, cut, ending):
    text = (begun + unit * times + unit[:cut] + ending)[-250:]
    assert ends_in_loop(text) == by_definition(text)
    assert ENDING + (SHORTEST + 1) // REPETITIONS <= SHORTEST
