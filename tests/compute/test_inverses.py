"""The inverses give back what the counts were made from, and never overspend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isothink.compute.architecture import architecture_from_config
from isothink.compute.flops import inference_flops, training_flops
from isothink.compute.inverses import (
    affordable_batches,
    affordable_output_tokens,
    affordable_sequences,
    affordable_tokens,
    cumulative_training_flops,
    longest_training_length,
)
from isothink.compute.registry import lookup
from isothink.errors import UsageError

from .shapes import SHAPES

ARCHITECTURE = architecture_from_config(SHAPES["sliding window"])


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 500), min_size=1, max_size=40), data=st.data())
def test_sequences(lengths, data):
    count = data.draw(st.integers(0, len(lengths)))
    budget = training_flops(ARCHITECTURE, lengths[:count])
    assert affordable_sequences(ARCHITECTURE, lengths, budget) == count
    if count:
        assert affordable_sequences(ARCHITECTURE, lengths, budget - 1) == count - 1


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 500), min_size=1, max_size=40), size=st.integers(1, 9), data=st.data())
def test_batches(lengths, size, data):
    batches = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    count = data.draw(st.integers(0, len(batches)))
    budget = sum(training_flops(ARCHITECTURE, batch) for batch in batches[:count])
    assert affordable_batches(ARCHITECTURE, lengths, size, budget) == count
    if count:
        assert affordable_batches(ARCHITECTURE, lengths, size, budget - 1) == count - 1


@given(length=st.integers(1, 10_000), sequences=st.integers(0, 10_000))
def test_tokens(length, sequences):
    budget = sequences * training_flops(ARCHITECTURE, [length])
    assert affordable_tokens(ARCHITECTURE, length, budget) == sequences * length
    assert affordable_tokens(ARCHITECTURE, length, budget + 1) == sequences * length


@given(length=st.integers(1, 10**7))
def test_length(length):
    budget = training_flops(ARCHITECTURE, [length])
    assert longest_training_length(ARCHITECTURE, budget) == length
    assert longest_training_length(ARCHITECTURE, budget - 1) == length - 1


@given(prompt=st.integers(1, 10**5), output=st.integers(1, 10**6))
def test_output_tokens(prompt, output):
    budget = inference_flops(ARCHITECTURE, prompt, output)
    assert affordable_output_tokens(ARCHITECTURE, prompt, budget) == output
    assert affordable_output_tokens(ARCHITECTURE, prompt, budget - 1) == output - 1


def test_totals_beyond_64_bits_stay_exact():
    architecture = lookup("Qwen/Qwen2.5-72B")
    lengths = np.full(20_000, 131_072)
    one = training_flops(architecture, [131_072])
    totals = cumulative_training_flops(architecture, lengths)
    assert totals[-1] == 20_000 * one > 2e21
    assert affordable_sequences(architecture, lengths, 12_345 * one) == 12_345
    assert affordable_sequences(architecture, lengths, 12_345 * one - 1) == 12_344


def test_nothing():
    assert affordable_sequences(ARCHITECTURE, [], 10) == 0
    assert affordable_batches(ARCHITECTURE, [], 4, 10) == 0
    assert cumulative_training_flops(ARCHITECTURE, []).tolist() == []


@pytest.mark.parametrize("budget", [-1, float("nan"), float("inf"), "1e18", True, None])
def test_impossible_budgets(budget):
    with pytest.raises(UsageError, match="budget"):
        affordable_tokens(ARCHITECTURE, 10, budget)


def test_a_budget_as_written_in_a_study():
    assert affordable_tokens(ARCHITECTURE, 10, 1e18) == affordable_tokens(ARCHITECTURE, 10, 10**18)
