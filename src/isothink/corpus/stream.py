"""A stream: the ordered examples that a phase of an arm reads, and how optimizer steps cut it. Used by plan/ and run/.

Batches depend on the position in the stream alone: not on the budget, the worker or what was trained before.
"""

from dataclasses import dataclass

import numpy as np

from isothink.corpus.lengths import CorpusLengths, Integers
from isothink.corpus.order import format_draws, prompt_order
from isothink.domain.arm import Mixed, Plain
from isothink.domain.training_settings import InstanceBatch, TokenBatch

Batching = TokenBatch | InstanceBatch
StreamArm = Plain | Mixed
"""What a stream shows: all of one format, or a mixture. A sequential arm reads two streams, one after the other."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The first positions of a stream: which pair, in which format, how many tokens; arrays of shape [count]."""

    pair: Integers
    is_reasoning: np.ndarray
    length: Integers

    def __len__(self) -> int:
        return len(self.pair)


def open_stream(lengths: CorpusLengths, arm: StreamArm, *, seed: int, count: int) -> Stream:
    """The first `count` positions of what `arm` reads under `seed`."""
    pair = prompt_order(lengths, seed=seed, count=count)
    if isinstance(arm, Plain):
        is_reasoning = np.full(count, arm.format == "reasoning")
    else:
        is_reasoning = (format_draws(lengths, seed=seed) < arm.rho)[pair]
    length = np.where(is_reasoning, lengths.reasoning[pair], lengths.ift[pair])
    return Stream(pair=pair, is_reasoning=is_reasoning, length=length)


def cut(length: Integers, batch: Batching, *, start: int = 0) -> Integers:
    """Cuts a stream into optimizer steps from position `start` on.

    Step i reads the positions from entry i up to entry i + 1 of the result, an array of shape [steps + 1]. A step of
    a token batch takes as many whole examples as fit, at least one. What is left over at the end makes no step, since
    a longer stream would fill it.
    """
    if isinstance(batch, InstanceBatch):
        return np.arange(start, len(length) + 1, batch.size, dtype=np.int64)
    ends = np.concatenate([[0], np.cumsum(length)])
    edges = [start]
    while edges[-1] < len(length):
        here = edges[-1]
        there = int(np.searchsorted(ends, ends[here] + batch.size, side="right")) - 1
        there = max(there, here + 1)
        if there >= len(length):
            break
        edges.append(there)
    return np.asarray(edges, dtype=np.int64)
