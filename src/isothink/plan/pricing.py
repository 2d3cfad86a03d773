"""What the steps of a stream cost one student, summed up so that budgets can be looked up. Used by plan/tree.py.

All figures are exact integers of the `exact` convention (Python integers: a study can exceed 64 bits).
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.flops import training_flops_per_sequence
from isothink.corpus.lengths import CorpusLengths, Integers
from isothink.corpus.stream import Batching, Stream, StreamArm, cut, open_stream
from isothink.domain.arm import Format, Plain
from isothink.domain.training_settings import TokenBatch

LONGEST_STREAM = 4_000_000
"""Positions of one stream that a plan holds in memory, about half a gigabyte."""


@dataclass(frozen=True, kw_only=True)
class PricedStream:
    """A stream with running totals of FLOPs by position and by step, long enough for every budget.

    `flops_before[p]` is the cost of the positions before p; `edges` are the steps cut from position 0.
    """

    stream: Stream
    flops_before: list[int]
    edges: Integers

    def flops_between(self, first: int, last: int) -> int:
        """FLOPs of training on the positions from `first` up to `last`."""
        return self.flops_before[last] - self.flops_before[first]

    def tokens_between(self, first: int, last: int) -> int:
        """Tokens of the positions from `first` up to `last`."""
        return int(self.stream.length[first:last].sum())

    def steps_within(self, edges: Integers, budget: int) -> int:
        """How many of the steps cut at `edges` fit into `budget` FLOPs: the most whose total does not exceed it."""
        totals = [self.flops_between(int(edges[0]), int(edge)) for edge in edges]
        return bisect_right(totals, budget) - 1

    def cut_from(self, start: int, batch: Batching) -> Integers:
        """The steps of a phase that starts at position `start`."""
        return self.edges if start == 0 else cut(self.stream.length, batch, start=start)


def price_stream(
    architecture: Architecture,
    lengths: CorpusLengths,
    arm: StreamArm,
    *,
    seed: int,
    batch: Batching,
    budget: int,
    least: int = 0,
    most: int = LONGEST_STREAM,
) -> PricedStream:
    """Opens as much of a stream as a student can read with `budget` FLOPs, one step more, and at least `least`.

    At `most` positions it ends all the same: whoever would read on is not trained.
    """
    per_length = _flops_by_length(architecture, lengths)
    count = min(max(1024, least), most)
    while True:
        stream = open_stream(lengths, arm, seed=seed, count=count)
        costs = per_length[np.searchsorted(per_length[:, 0].astype(np.int64), stream.length), 1]
        before = [0, *accumulate(int(cost) for cost in costs)]
        edges = cut(stream.length, batch)
        if before[int(edges[-1])] > budget or count == most:
            return PricedStream(stream=stream, flops_before=before, edges=edges)
        count = min(max(2 * count, int(count * 1.05 * budget / max(before[-1], 1))), most)


def price_both(
    architecture: Architecture, lengths: CorpusLengths, *, seed: int, batch: Batching, budget: int, most: int
) -> tuple[PricedStream, PricedStream]:
    """The IFT and the reasoning stream, each long enough wherever a sequential arm goes from one to the other."""

    def price(name: Format, least: int) -> PricedStream:
        return price_stream(
            architecture, lengths, Plain(format=name), seed=seed, batch=batch, budget=budget, least=least, most=most
        )

    count = 0
    while True:
        ift = price("ift", count)
        reasoning = price("reasoning", len(ift.stream))
        count = len(reasoning.stream)
        if count > len(ift.stream):
            ift = price("ift", count)
        cheapest = sum(map(min, _costs(ift), _costs(reasoning)))
        if cheapest > budget or count >= most:
            return ift, reasoning
        count = 2 * count


def _costs(priced: PricedStream) -> Iterator[int]:
    return (after - before for before, after in pairwise(priced.flops_before))


def longest_useful(lengths: CorpusLengths, max_epochs: float, batch: Batching) -> int:
    """The position from which on every cell exceeds `max_epochs`, with some steps to spare for rounding."""
    sources = len(lengths.sources)
    smallest = int(np.bincount(lengths.source, minlength=sources).min())
    shortest = int(min(lengths.ift.min(), lengths.reasoning.min()))
    step = batch.size // shortest + 1 if isinstance(batch, TokenBatch) else batch.size
    positions = sources * (max_epochs * smallest + 1) + 4 * step
    return max(1024, int(min(positions, LONGEST_STREAM)))


def _flops_by_length(architecture: Architecture, lengths: CorpusLengths) -> np.ndarray:
    """Rows of (sequence length, training FLOPs), lengths increasing; dtype object for exact integers."""
    unique = np.unique(np.concatenate([lengths.ift, lengths.reasoning]))
    table = np.empty((len(unique), 2), dtype=object)
    table[:, 0] = unique
    table[:, 1] = training_flops_per_sequence(architecture, unique)
    return table
