"""The smallest true difference between two arms that a design resolves: the analysis, foreseen. Called by power.py.

The analysis (evidence/draws.py) draws a difference from two parts, and calls it resolved when zero lies outside its
central 1 - significance / comparisons. Items: a paired mean, as wide as Student's t makes it. Seeds: normal, with a
variance drawn as  between nu / chi^2_nu - interaction  from the variance `between` runs that is found with nu degrees
of freedom, interaction with items in it. What `between` will be is chance too, so the half width is worked out for the
quantiles of its distribution, and the smallest difference is that which exceeds the half widths, on average over them,
with the stated power. Sums over fixed quantiles stand for integrals: the same design always gives the same number.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri, ndtr

from isothink.evidence.draws import weight_shape
from isothink.evidence.observations import Floats
from isothink.evidence.seed_variance import LARGEST_STANDARD_DEVIATION

ENDLESS = 10**12
"""As many items or answers as make no chance of their own."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkItems:
    """The items of one benchmark. `cluster_size` is the size of the cluster that the mean item is in.

    `most` is how many items there are at all, None where that is not known. `shares_unknown` says that items share
    passages, and how they do is not known yet.
    """

    name: str
    items: int
    clusters: int
    cluster_size: float = 1.0
    most: int | None = None
    shares_unknown: bool = False

    def with_items(self, items: int) -> "BenchmarkItems":
        """The same with another number of items, in clusters as before; no more than there are."""
        items = items if self.most is None else min(items, self.most)
        return replace(self, items=items, clusters=max(1, round(items * self.clusters / self.items)))


@dataclass(frozen=True, kw_only=True)
class Side:
    """How one arm is trained and asked."""

    seeds: int
    repeats: int
    is_greedy: bool


@dataclass(frozen=True, kw_only=True)
class Chance:
    """The numbers of `power_record.Assumptions`."""

    accuracy: float
    item_correlation: float
    seed_correlation: float
    repeat_correlation: float
    cluster_correlation: float
    seed_deviation: float


@dataclass(frozen=True, kw_only=True)
class Design:
    """Everything that decides what can be resolved on one family."""

    benchmarks: tuple[BenchmarkItems, ...]
    arm: Side
    baseline: Side
    freedom: int
    comparisons: int
    chance: Chance
    significance: float
    power: float

    @property
    def item_variance(self) -> float:
        """Of the difference, through the choice of items and through answers; what one run has alone is in it."""
        return sum(self._benchmark_variances())

    @property
    def seed_variance(self) -> float:
        """Of the difference, through training runs."""
        return self.chance.seed_deviation**2 * self.run_share

    @property
    def run_share(self) -> float:
        """How much of one run's variance the difference has."""
        return 1.0 / self.arm.seeds + 1.0 / self.baseline.seeds

    @property
    def drawn_item_variance(self) -> float:
        """The same as the analysis draws it: with few clusters wider, as Student's t is."""
        return sum(
            variance * _inflation(benchmark.clusters)
            for variance, benchmark in zip(self._benchmark_variances(), self.benchmarks, strict=True)
        )

    @property
    def interaction(self) -> float:
        """The variance of one run's accuracy through what items are to that run alone."""
        own = (self._of_one_run(self.arm) + self._of_one_run(self.baseline)) / 2
        return sum(own / benchmark.items for benchmark in self.benchmarks) / len(self.benchmarks) ** 2

    def _benchmark_variances(self) -> list[float]:
        chance, sides = self.chance, (self.arm, self.baseline)
        single = chance.accuracy * (1 - chance.accuracy)
        per_item = 2 * single * (chance.seed_correlation - chance.item_correlation)
        per_item += sum(self._of_one_run(side) / side.seeds for side in sides)
        return [
            per_item
            * (1 + (benchmark.cluster_size - 1) * chance.cluster_correlation)
            / benchmark.items
            / len(self.benchmarks) ** 2
            for benchmark in self.benchmarks
        ]

    def _of_one_run(self, side: Side) -> float:
        """The variance of an item's score that one run, or one answer, has alone; greedy answers are all alike."""
        chance = self.chance
        single = chance.accuracy * (1 - chance.accuracy)
        if side.is_greedy:
            return single * (1 - chance.seed_correlation)
        return single * (
            chance.repeat_correlation - chance.seed_correlation + (1 - chance.repeat_correlation) / side.repeats
        )


def _inflation(clusters: int) -> float:
    """How much wider than normal `draws.weight_shape` draws a mean over so many clusters, as a ratio of variances."""
    shape = weight_shape(clusters)
    return max(1.0, (clusters - 1) / (clusters * shape + 1))


def smallest_resolvable(design: Design) -> float | None:
    """The smallest difference that is resolved with the design's power.

    None with one seed everywhere, where nothing ever is, and where no difference between accuracies is large enough.
    """
    if design.freedom == 0 or design.comparisons == 0:
        return None
    tail = design.significance / (2 * design.comparisons)
    found, share = _quantiles(design.freedom, _COARSE)
    interaction = design.interaction
    expected = design.chance.seed_deviation**2 + interaction
    between = np.maximum(expected * found / design.freedom, interaction)
    half_widths = _half_widths(design, between, tail)
    deviation = float(np.sqrt(design.item_variance + design.seed_variance))
    low, high = 0.0, 1.0
    if not _resolved(high, half_widths, share, deviation) >= design.power:
        return None
    for _ in range(40):
        middle = (low + high) / 2
        if _resolved(middle, half_widths, share, deviation) >= design.power:
            high = middle
        else:
            low = middle
    return high


def _resolved(difference: float, half_widths: Floats, share: Floats, deviation: float) -> float:
    """How probably an estimate of a true difference exceeds the half width."""
    if deviation == 0:
        return float(share @ (difference > half_widths))
    return float(share @ ndtr((difference - half_widths) / deviation))


def _half_widths(design: Design, between: Floats, tail: float) -> Floats:
    """For each possible `between`, the quantile at 1 - `tail` of what the analysis draws around its estimate."""
    drawn, share = _quantiles(design.freedom, _FINE)
    seed = np.clip(between[:, None] * design.freedom / drawn - design.interaction, 0.0, LARGEST_STANDARD_DEVIATION**2)
    deviations = np.sqrt(np.maximum(design.drawn_item_variance + seed * design.run_share, 1e-30))
    low, high = np.zeros(between.size), np.full(between.size, 40.0)
    for _ in range(40):
        middle = (low + high) / 2
        beyond = ndtr(-middle[:, None] / deviations) @ share
        low, high = np.where(beyond > tail, middle, low), np.where(beyond > tail, high, middle)
    return high


def _edges(parts: int) -> Floats:
    """Probabilities between which quantiles are taken: closer together in the lower tail, where seeds look alike."""
    return np.concatenate([[0.0], np.logspace(-7, -1, parts), np.linspace(0.1, 1.0, parts + 1)[1:]])


_COARSE, _FINE = _edges(8), _edges(24)


def _quantiles(freedom: int, edges: Floats) -> tuple[Floats, Floats]:
    """Values of chi-squared and their probabilities, which sum to one."""
    middle = (edges[1:] + edges[:-1]) / 2
    return np.asarray(chdtri(freedom, 1.0 - middle)), np.diff(edges)
