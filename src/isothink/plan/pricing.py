"""What the steps of a stream cost: counted once for all students, priced for one. Used by plan/tree.py.

Training FLOPs are linear in tokens and causal pairs (compute/training_cost.py), so that a stream needs one running
total of each, in 64-bit integers; prices are exact Python integers, which a study can need more than 64 bits for.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from isothink.compute.flops import causal_pairs
from isothink.compute.training_cost import TrainingCost, Window, causal_pairs_of_each
from isothink.corpus.lengths import CorpusLengths, Integers
from isothink.corpus.order import format_draws, prompt_order, source_shares
from isothink.corpus.stream import Batching, Stream, StreamArm, cut, mixed_stream, plain_stream, step_ends, walk
from isothink.domain.arm import Arm, Plain, Sequential
from isothink.domain.training_settings import TokenBatch

LONGEST_STREAM = 8_000_000
"""Positions of one stream that a plan holds in memory, about a quarter of a gigabyte."""

FLOAT_MARGIN = 1e-9
"""Far more than the relative error of a price in floating point, far less than a step."""


class RunningTotals:
    """Tokens and causal pairs of all sequences before each position."""

    def __init__(self, length: Integers, windows: Sequence[Window]) -> None:
        self.tokens = _running(length)
        self.pairs = {window: _running(causal_pairs_of_each(length, window)) for window in windows}

    def price(self, cost: TrainingCost, first: int, last: int) -> int:
        """FLOPs of the positions from `first` up to `last`."""
        pairs = {window: int(before[last]) - int(before[first]) for window, before in self.pairs.items()}
        return cost.of(int(self.tokens[last]) - int(self.tokens[first]), pairs)


def _running(values: Integers) -> Integers:
    totals = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=totals[1:])
    return totals


class CountedStream:
    """A stream under one seed, with what all students share of its price, and how optimizer steps cut it."""

    def __init__(self, stream: Stream, batch: Batching, windows: Sequence[Window]) -> None:
        self.stream = stream
        self.totals = RunningTotals(stream.length, windows)
        self._batch = batch

    @cached_property
    def edges(self) -> Integers:
        """The steps cut from position 0."""
        return self.cut_from(0)

    def cut_from(self, start: int) -> Integers:
        """The steps of a phase that starts at position `start`."""
        if isinstance(self._batch, TokenBatch):
            return walk(self._ends, start)
        return cut(self.stream.length, self._batch, start=start)

    @cached_property
    def _ends(self) -> list[int]:
        assert isinstance(self._batch, TokenBatch)
        return step_ends(self.stream.length, self._batch)


@dataclass(frozen=True, kw_only=True)
class PricedStream:
    """A counted stream at one student's prices."""

    counted: CountedStream
    cost: TrainingCost

    def __len__(self) -> int:
        return len(self.counted.stream)

    @property
    def edges(self) -> Integers:
        """The steps cut from position 0."""
        return self.counted.edges

    def flops_between(self, first: int, last: int) -> int:
        """FLOPs of training on the positions from `first` up to `last`."""
        return self.counted.totals.price(self.cost, first, last)

    def tokens_between(self, first: int, last: int) -> int:
        """Tokens of the positions from `first` up to `last`."""
        tokens = self.counted.totals.tokens
        return int(tokens[last]) - int(tokens[first])

    def steps_within(self, edges: Integers, budget: int) -> int:
        """How many of the steps cut at `edges` fit into `budget` FLOPs: the most whose total does not exceed it."""
        start = int(edges[0])
        return bisect_right(edges, budget, key=lambda edge: self.flops_between(start, int(edge))) - 1


class TwoPhases:
    """What prompts cost one student when the first `1 - rho` of them are IFT and the rest is reasoning."""

    def __init__(self, seed_streams: "SeedStreams", cost: TrainingCost, rho: float) -> None:
        self._cost = cost
        self._totals = seed_streams.two_phase_totals(rho)
        floats = float(cost.per_token) * self._totals.tokens
        for window, each in cost.per_pair:
            floats += float(each) * self._totals.pairs[window]
        self._floats = floats

    def affordable(self, budget: int) -> int:
        """The largest number of prompts that the budget affords.

        The cost need not rise with every prompt: one more can turn a long trace at the boundary into a short answer.
        """
        candidates = np.flatnonzero(self._floats <= budget * (1 + FLOAT_MARGIN))
        return next(int(prompts) for prompts in candidates[::-1] if self._price(int(prompts)) <= budget)

    def _price(self, prompts: int) -> int:
        pairs = {window: int(totals[prompts]) for window, totals in self._totals.pairs.items()}
        return self._cost.of(int(self._totals.tokens[prompts]), pairs)


@dataclass(frozen=True, kw_only=True)
class TwoPhaseTotals:
    """Tokens and causal pairs of the first prompts of a sequential arm, by their number."""

    tokens: Integers
    pairs: dict[Window, Integers]


class SeedStreams:
    """The streams of all arms under one seed, as long as any student can read; shared by all of them."""

    def __init__(
        self,
        lengths: CorpusLengths,
        arms: Sequence[Arm],
        *,
        seed: int,
        batch: Batching,
        windows: Sequence[Window],
        needs: "Sequence[Need]",
        most: int = LONGEST_STREAM,
    ) -> None:
        self._lengths = lengths
        self._seed = seed
        self._batch = batch
        self._windows = windows
        self._counted: dict[str, CountedStream] = {}
        self._two_phases: dict[float, TwoPhaseTotals] = {}
        self.holdable = longest_holdable(lengths)
        self.order = self._long_enough(arms, needs, most)

    def _long_enough(self, arms: Sequence[Arm], needs: "Sequence[Need]", most: int) -> Integers:
        """The prompt order up to where no student can afford one more step of any arm, or `most` prompts."""
        cheapest = _cheapest_lengths(self._lengths, arms)
        spare = positions_of_step(self._lengths, self._batch)
        count = min(most, max(1024, max((need.expected_prompts(cheapest) for need in needs), default=0) + 2 * spare))
        while True:
            order = prompt_order(self._lengths, seed=self._seed, count=count)
            if count == most:
                return order
            totals = RunningTotals(cheapest[order], self._windows)
            if count > spare and all(need.is_met(totals, count - spare) for need in needs):
                return order
            count = min(2 * count, most)

    def counted(self, arm: StreamArm) -> CountedStream:
        """The stream of one arm."""
        name = str(arm)
        if name not in self._counted:
            stream = (
                plain_stream(self._lengths, arm.format, self.order)
                if isinstance(arm, Plain)
                else mixed_stream(self._lengths, arm.rho, self.order, self._format_draws)
            )
            self._counted[name] = CountedStream(stream, self._batch, self._windows)
        return self._counted[name]

    @cached_property
    def _format_draws(self) -> npt.NDArray[np.float64]:
        return format_draws(self._lengths, seed=self._seed)

    def two_phase_totals(self, rho: float) -> TwoPhaseTotals:
        """Totals by the number of prompts of `sequential(rho)`."""
        if rho not in self._two_phases:
            ift, reasoning = (self.counted(Plain(format=name)).totals for name in ("ift", "reasoning"))
            plain = np.rint((1 - rho) * np.arange(len(self.order) + 1)).astype(np.int64)
            self._two_phases[rho] = TwoPhaseTotals(
                tokens=ift.tokens[plain] + reasoning.tokens - reasoning.tokens[plain],
                pairs={
                    window: ift.pairs[window][plain] + reasoning.pairs[window] - reasoning.pairs[window][plain]
                    for window in self._windows
                },
            )
        return self._two_phases[rho]

    @cached_property
    def _places(self) -> list[npt.NDArray[np.int64]]:
        """For each source, the positions at which the order reads it."""
        sources = len(self._lengths.sources)
        kind = np.uint16 if sources <= np.iinfo(np.uint16).max else np.int64  # NumPy sorts short integers by radix
        read = self._lengths.source[self.order].astype(kind)
        places = np.argsort(read, kind="stable")
        ends = np.cumsum(np.bincount(read, minlength=sources))
        return np.split(places, ends[:-1])

    def seen(self, prompts: int) -> list[int]:
        """How many of the first prompts come from each source."""
        return [int(np.searchsorted(places, prompts)) for places in self._places]


@dataclass(frozen=True, kw_only=True)
class FlopsNeed:
    """One student must find the end of this many FLOPs in every stream."""

    cost: TrainingCost
    flops: int

    def expected_prompts(self, cheapest: Integers) -> int:
        """About how many of the cheapest prompts that is."""
        count = min(len(cheapest), 4096)
        sample = cheapest[:: max(1, len(cheapest) // count)]
        totals = RunningTotals(sample, self.cost.windows)
        mean = totals.price(self.cost, 0, len(sample)) / len(sample)
        return int(min(1.05 * self.flops / mean, float(LONGEST_STREAM)))

    def is_met(self, totals: RunningTotals, position: int) -> bool:
        """Whether even the cheapest prompts before `position` cost more."""
        return totals.price(self.cost, 0, position) > self.flops


@dataclass(frozen=True, kw_only=True)
class PromptsNeed:
    """Every stream must hold this many prompts."""

    prompts: int

    def expected_prompts(self, cheapest: Integers) -> int:
        """That many."""
        return min(self.prompts, LONGEST_STREAM)

    def is_met(self, totals: RunningTotals, position: int) -> bool:
        """Whether they lie before `position`."""
        return position >= self.prompts


Need = FlopsNeed | PromptsNeed


def _cheapest_lengths(lengths: CorpusLengths, arms: Sequence[Arm]) -> Integers:
    """The shortest sequence that any of the arms can show of each pair."""
    formats = {arm.format for arm in arms if isinstance(arm, Plain)}
    if len(formats) == 1 and all(isinstance(arm, Plain) for arm in arms):
        return lengths.of(formats.pop())
    return np.minimum(lengths.ift, lengths.reasoning)


def stream_arms(arm: Arm) -> tuple[StreamArm, ...]:
    """The streams that an arm reads."""
    if isinstance(arm, Sequential):
        return Plain(format="ift"), Plain(format="reasoning")
    return (arm,)


def positions_of_step(lengths: CorpusLengths, batch: Batching) -> int:
    """As many positions as one optimizer step can have, and one."""
    if isinstance(batch, TokenBatch):
        return batch.size // max(1, int(min(lengths.ift.min(), lengths.reasoning.min()))) + 1
    return batch.size + 1


def longest_useful(lengths: CorpusLengths, max_epochs: float, batch: Batching) -> int:
    """The position from which on every cell exceeds `max_epochs`, with some steps to spare for rounding.

    When the keys of the order (corpus/order.py) reach k, a source has given at least k times its share of prompts, less
    one, and all together at most k times all shares, and one each.
    """
    sizes = np.bincount(lengths.source, minlength=len(lengths.sources)).tolist()
    shares = source_shares(lengths)
    key = min((max_epochs * size + 1) / share for size, share in zip(sizes, shares, strict=True))
    positions = key * sum(shares) + len(shares) + 1 + 4 * positions_of_step(lengths, batch)
    holdable = longest_holdable(lengths)
    return min(max(1024, int(min(positions, holdable))), holdable)


def longest_holdable(lengths: CorpusLengths) -> int:
    """How many positions a plan can hold: memory bounds them, and that running totals of pairs are 64-bit integers."""
    longest = int(max(lengths.ift.max(), lengths.reasoning.max()))
    return max(1, min(LONGEST_STREAM, 2**62 // causal_pairs(longest, None)))
