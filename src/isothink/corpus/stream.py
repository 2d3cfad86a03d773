"""A stream: the ordered examples that a phase of an arm reads, and how optimizer steps cut it. Used by plan/ and run/.

Batches depend on the position in the stream alone: not on the budget, the worker or what was trained before.
"""

from dataclasses import dataclass

import numpy as np

from isothink.corpus.lengths import CorpusLengths, Integers
from isothink.corpus.order import format_draws, prompt_order
from isothink.domain.arm import Format, Mixed, Plain
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
    order = prompt_order(lengths, seed=seed, count=count)
    if isinstance(arm, Plain):
        return plain_stream(lengths, arm.format, order)
    return mixed_stream(lengths, arm.rho, order, format_draws(lengths, seed=seed))


def plain_stream(lengths: CorpusLengths, format_name: Format, order: Integers) -> Stream:
    """The prompts of `order` in one format."""
    is_reasoning = np.full(len(order), format_name == "reasoning")
    return Stream(pair=order, is_reasoning=is_reasoning, length=lengths.of(format_name)[order])


def mixed_stream(lengths: CorpusLengths, rho: float, order: Integers, draws: np.ndarray) -> Stream:
    """The prompts of `order`, each as reasoning where its draw is below `rho`."""
    is_reasoning = (draws < rho)[order]
    length = np.where(is_reasoning, lengths.reasoning[order], lengths.ift[order])
    return Stream(pair=order, is_reasoning=is_reasoning, length=length)


def cut(length: Integers, batch: Batching, *, start: int = 0) -> Integers:
    """Cuts a stream into optimizer steps from position `start` on.

    Step i reads the positions from entry i up to entry i + 1 of the result, an array of shape [steps + 1]. A step of
    a token batch takes as many whole examples as fit, at least one. What is left over at the end makes no step, since
    a longer stream would fill it.
    """
    if isinstance(batch, InstanceBatch):
        return np.arange(start, len(length) + 1, batch.size, dtype=np.int64)
    return walk(step_ends(length, batch), start)


def step_ends(length: Integers, batch: TokenBatch) -> list[int]:
    """For every position, where a step that begins there ends; beyond the stream where it is not known to be full."""
    before = np.concatenate([[0], np.cumsum(length)])
    ends = np.searchsorted(before, before[:-1] + batch.size, side="right") - 1
    ends = np.maximum(ends, np.arange(1, len(length) + 1))
    ends[ends >= len(length)] = len(length) + 1
    result: list[int] = ends.tolist()
    return result


def walk(ends: list[int], start: int) -> Integers:
    """The steps from `start` on, each beginning where the one before it ends."""
    edges, here = [start], start
    while here < len(ends) and (here := ends[here]) < len(ends):
        edges.append(here)
    return np.asarray(edges, dtype=np.int64)
