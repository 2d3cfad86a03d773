"""What the steps of a stream cost one student, summed up so that budgets can be looked up. Used by plan/tree.py.

All figures are exact integers of the `exact` convention (Python integers: a study can exceed 64 bits).
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.flops import training_flops_per_sequence
from isothink.corpus.corpus import CorpusLengths, Integers
from isothink.corpus.stream import Batching, Stream, StreamArm, cut, open_stream


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
) -> PricedStream:
    """Opens as much of a stream as a student can read with `budget` FLOPs, one step more, and at least `least`."""
    per_length = _flops_by_length(architecture, lengths)
    count = max(1024, least)
    while True:
        stream = open_stream(lengths, arm, seed=seed, count=count)
        costs = per_length[np.searchsorted(per_length[:, 0].astype(np.int64), stream.length), 1]
        before = [0, *accumulate(int(cost) for cost in costs)]
        edges = cut(stream.length, batch)
        if before[int(edges[-1])] > budget:
            return PricedStream(stream=stream, flops_before=before, edges=edges)
        count = max(2 * count, int(count * 1.05 * budget / max(before[-1], 1)))


def _flops_by_length(architecture: Architecture, lengths: CorpusLengths) -> np.ndarray:
    """Rows of (sequence length, training FLOPs), lengths increasing; dtype object for exact integers."""
    unique = np.unique(np.concatenate([lengths.ift, lengths.reasoning]))
    table = np.empty((len(unique), 2), dtype=object)
    table[:, 0] = unique
    table[:, 1] = training_flops_per_sequence(architecture, unique)
    return table
