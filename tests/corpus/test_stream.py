"""Batches are cut by stream position alone."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_lengths import lengths_of

from isothink.corpus.ragged import ragged
from isothink.corpus.stream import cut, open_stream
from isothink.domain.arm import Mixed, Plain
from isothink.domain.training_settings import InstanceBatch, TokenBatch

LENGTHS = st.lists(st.integers(1, 30), max_size=60)
BATCHES = st.one_of(
    st.integers(1, 80).map(lambda size: TokenBatch(unit="tokens", size=size)),
    st.integers(1, 9).map(lambda size: InstanceBatch(unit="instances", size=size)),
)


def edges_of(lengths, batch, start=0):
    return cut(np.array(lengths, dtype=np.int64), batch, start=start).tolist()


def test_token_batches_by_hand():
    tokens = TokenBatch(unit="tokens", size=10)
    assert edges_of([4, 6, 5, 5, 1, 12, 3, 3], tokens) == [0, 2, 4, 5, 6]
    # 4+6 | 5+5 | 1 (12 does not fit) | 12 alone | 3+3 is not full: a longer stream would fill it


def test_instance_batches_by_hand():
    assert edges_of([1] * 8, InstanceBatch(unit="instances", size=3)) == [0, 3, 6]
    assert edges_of([1] * 8, InstanceBatch(unit="instances", size=3), start=2) == [2, 5, 8]


def naive(lengths, batch, start):
    """One example after the other; a step is closed by the example that no longer fits."""
    edges, held = [start], []
    for position in range(start, len(lengths)):
        if batch.unit == "tokens" and held and sum(held) + lengths[position] > batch.size:
            edges.append(position)
            held = []
        held.append(lengths[position])
        if batch.unit == "instances" and len(held) == batch.size:
            edges.append(position + 1)
            held = []
    return edges


@given(LENGTHS, BATCHES, st.data())
def test_it_agrees_with_reading_one_by_one(lengths, batch, data):
    start = data.draw(st.integers(0, len(lengths)))
    assert edges_of(lengths, batch, start) == naive(lengths, batch, start)


@given(LENGTHS, LENGTHS, BATCHES)
def test_what_follows_in_the_stream_does_not_move_a_step(lengths, more, batch):
    edges = edges_of(lengths, batch)
    assert edges_of(lengths + more, batch)[: len(edges)] == edges


@given(LENGTHS, BATCHES)
def test_starting_at_an_edge_gives_the_same_steps(lengths, batch):
    edges = edges_of(lengths, batch)
    for index, start in enumerate(edges):
        assert edges_of(lengths, batch, start) == edges[index:]


@given(LENGTHS, BATCHES)
def test_no_step_is_empty_or_too_large_and_none_could_take_one_more(lengths, batch):
    edges = edges_of(lengths, batch)
    for first, last in itertools.pairwise(edges):
        assert last > first
        if batch.unit == "instances":
            assert last - first == batch.size
        else:
            assert sum(lengths[first:last]) <= batch.size or last == first + 1
            assert sum(lengths[first : last + 1]) > batch.size


def test_a_stream_has_the_length_of_the_format_it_shows():
    lengths = lengths_of([20, 20], spread=2)
    ift = open_stream(lengths, Plain(format="ift"), seed=0, count=70)
    reasoning = open_stream(lengths, Plain(format="reasoning"), seed=0, count=70)
    mixed = open_stream(lengths, Mixed(rho=0.5), seed=0, count=70)
    assert ift.length.tolist() == lengths.ift[ift.pair].tolist() and not ift.is_reasoning.any()
    assert reasoning.length.tolist() == lengths.reasoning[reasoning.pair].tolist() and reasoning.is_reasoning.all()
    assert 0 < mixed.is_reasoning.sum() < 70
    assert mixed.length.tolist() == np.where(mixed.is_reasoning, reasoning.length, ift.length).tolist()
    assert len(mixed) == 70


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=6), max_size=8))
def test_ragged_rows_are_given_back(rows):
    held = ragged(rows)
    assert held.rows() == rows and len(held) == len(rows)
    assert held.lengths.tolist() == [len(row) for row in rows]
    assert [held[index].tolist() for index in range(len(held))] == rows
