"""The closed forms equal sums over tokens that are written out here, and keep their invariants."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.compute.feed_forward import DenseFeedForward, ExpertFeedForward
from isothink.compute.flops import (
    causal_pairs,
    decode_flops,
    forward_flops,
    inference_flops,
    padded_training_flops,
    prefill_flops,
    training_flops,
    training_flops_per_sequence,
)
from isothink.compute.registry import lookup
from isothink.errors import UsageError

from .shapes import SHAPES

windows = st.none() | st.integers(1, 40)
dense = st.builds(DenseFeedForward, size=st.integers(1, 50), gated=st.booleans(), bias=st.booleans())
experts = st.builds(
    ExpertFeedForward,
    experts=st.integers(3, 9),
    active_experts=st.integers(1, 3),
    expert_size=st.integers(1, 20),
    shared_size=st.none() | st.integers(1, 20),
    shared_gate=st.booleans(),
    gated=st.booleans(),
)


@st.composite
def architectures(draw):
    layers = draw(st.integers(1, 5))
    key_value_heads = draw(st.integers(1, 3))
    return Architecture(
        name="drawn",
        hidden_size=draw(st.integers(1, 30)),
        query_heads=key_value_heads * draw(st.integers(1, 3)),
        key_value_heads=key_value_heads,
        head_size=draw(st.integers(1, 20)),
        vocabulary_size=draw(st.integers(1, 99)),
        tied_embeddings=draw(st.booleans()),
        windows=tuple(draw(windows) for _ in range(layers)),
        feed_forwards=tuple(draw(dense | experts) for _ in range(layers)),
        layer_norm_parameters=2,
        final_norm_parameters=1,
    )


def one_token(architecture, position, logits):
    """FLOPs of the token at a position (from 1), each matrix product by its rows, columns and inner size."""
    h, d = architecture.hidden_size, architecture.head_size
    total = 2 * h * architecture.vocabulary_size if logits else 0
    for window, part in zip(architecture.windows, architecture.feed_forwards, strict=True):
        total += 2 * h * architecture.query_heads * d + 2 * (2 * h * architecture.key_value_heads * d)
        keys = len([key for key in range(1, position + 1) if window is None or key > position - window])
        for _ in range(architecture.query_heads):
            total += 2 * d * keys  # scores
            total += 2 * keys * d  # weighted values
        total += 2 * architecture.query_heads * d * h
        matrices = 3 if part.gated else 2
        if isinstance(part, DenseFeedForward):
            total += matrices * 2 * h * part.size
        else:
            total += 2 * h * part.experts
            total += part.active_experts * matrices * 2 * h * part.expert_size
            total += matrices * 2 * h * (part.shared_size or 0)
            total += 2 * h * (1 if part.shared_gate else 0)
    return total


@given(tokens=st.integers(0, 200), window=st.none() | st.integers(1, 250))
def test_causal_pairs(tokens, window):
    assert causal_pairs(tokens, window) == sum(i if window is None else min(i, window) for i in range(1, tokens + 1))


@settings(deadline=None, max_examples=60)
@given(architecture=architectures(), prompt=st.integers(1, 60), output=st.integers(1, 40))
def test_phases_by_brute_force(architecture, prompt, output):
    prefill = sum(one_token(architecture, i, logits=i == prompt) for i in range(1, prompt + 1))
    decode = sum(one_token(architecture, i, logits=True) for i in range(prompt + 1, prompt + output))
    assert prefill_flops(architecture, prompt) == prefill
    assert decode_flops(architecture, prompt, output) == decode
    training = 3 * sum(one_token(architecture, i, logits=True) for i in range(1, prompt + 1))
    assert training_flops(architecture, [prompt]) == training


@settings(deadline=None)
@given(architecture=architectures(), prompt=st.integers(1, 10**6), output=st.integers(1, 10**6))
def test_prefill_and_decoding_make_one_forward_pass(architecture, prompt, output):
    whole = forward_flops(architecture, prompt + output - 1, logits_at=output)
    assert prefill_flops(architecture, prompt) + decode_flops(architecture, prompt, output) == whole
    assert inference_flops(architecture, prompt, output) == whole


@settings(deadline=None)
@given(architecture=architectures(), prompt=st.integers(1, 5000), first=st.integers(1, 900), more=st.integers(0, 900))
def test_decoding_can_be_cut_anywhere(architecture, prompt, first, more):
    parts = decode_flops(architecture, prompt, first) + decode_flops(architecture, prompt + first - 1, more + 1)
    assert parts == decode_flops(architecture, prompt, first + more)


def test_the_first_token_needs_no_decoding():
    assert decode_flops(lookup("Qwen/Qwen2.5-0.5B"), 100, 1) == 0


def test_by_hand():
    """Two layers, hidden 4, two query heads and one key head of size 3, feed-forward 5 gated, vocabulary 7."""
    config = {
        "model_type": "llama",
        "hidden_size": 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 3,
    }
    config |= {"intermediate_size": 5, "num_hidden_layers": 2, "vocab_size": 7}
    architecture = architecture_from_config(config)
    # per layer and token: q 2*4*6, k and v 2*(2*4*3), output 2*6*4, feed-forward 3*(2*4*5): 48 + 48 + 48 + 120
    # three tokens see 1 + 2 + 3 = 6 keys, 4*2*3 FLOPs for each; logits 2*7*4
    assert forward_flops(architecture, 3, logits_at=3) == 2 * (3 * 264 + 6 * 24) + 3 * 56
    assert training_flops(architecture, [3]) == 3 * (2 * (3 * 264 + 6 * 24) + 3 * 56)
    assert prefill_flops(architecture, 3) == 2 * (3 * 264 + 6 * 24) + 56
    assert decode_flops(architecture, 3, 2) == 2 * (264 + 4 * 24) + 56


def test_a_stream_is_the_sum_of_its_sequences():
    architecture = architecture_from_config(SHAPES["local and global"])
    lengths = [5, 0, 17, 5, 1000]
    each = training_flops_per_sequence(architecture, np.array(lengths))
    assert each.tolist() == [training_flops(architecture, [length]) for length in lengths]
    assert all(type(value) is int for value in each)
    assert training_flops(architecture, iter(lengths)) == sum(each)
    assert training_flops(architecture, np.array(lengths, dtype=np.int32)) == sum(each)
    assert training_flops(architecture, []) == 0
    assert training_flops_per_sequence(architecture, []).tolist() == []


def test_a_packed_row_costs_less_than_one_sequence_of_its_length():
    architecture = lookup("Qwen/Qwen2.5-0.5B")
    assert training_flops(architecture, [4096, 4096]) < training_flops(architecture, [8192])


def test_a_million_sequences_stay_exact_and_fast():
    architecture = lookup("Qwen/Qwen2.5-72B")
    lengths = np.random.default_rng(0).integers(1, 32_768, 1_000_000)
    start = time.perf_counter()
    total = training_flops(architecture, lengths)
    each = training_flops_per_sequence(architecture, lengths)
    assert time.perf_counter() - start < 5  # about 0.2 s on an idle core
    assert total > 2**64
    assert sum(each.tolist()) == total
    assert total % 2 == 0


def test_padding_and_recomputation_are_hardware():
    architecture = lookup("Qwen/Qwen2.5-0.5B")
    model = training_flops(architecture, [100, 300])
    hardware = padded_training_flops(architecture, rows=2, length=300)
    assert hardware > model
    assert padded_training_flops(architecture, rows=2, length=300, recompute=True) * 3 == hardware * 4
    # a row of one token has nothing to pad, and its square is its triangle
    assert padded_training_flops(architecture, rows=5, length=1) == training_flops(architecture, [1] * 5)


@pytest.mark.parametrize("lengths", [[-1], [1.5], [True], ["a"], [[1, 2]], [float("nan")], [2**63]])
def test_impossible_lengths(lengths):
    with pytest.raises(UsageError):
        training_flops(lookup("Qwen/Qwen2.5-0.5B"), lengths)


@pytest.mark.parametrize(
    ("prompt", "output"), [(0, 1), (1, 0), (-1, 5), (1.5, 2), (True, 2), (1, float("nan")), ("1", 1)]
)
def test_impossible_counts(prompt, output):
    with pytest.raises(UsageError) as caught:
        decode_flops(lookup("Qwen/Qwen2.5-0.5B"), prompt, output)
    assert "tokens is" in caught.value.message
    assert "\n" not in caught.value.message
