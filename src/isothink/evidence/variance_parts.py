"""What makes two arms' accuracies on a family differ by chance, measured on cells that exist. Called by run/power.py.

Only the configurations that decide an outcome are looked at: at each budget the most accurate of an arm and of `ift`.
The parts are shares of the variance of one answer's score, p (1 - p) for scores of 0 and 1:

    items that are hard for both arms  |  for one arm alone  |  for one training run alone  |  for one answer alone
    <------ item_correlation ------>
    <-------------- seed_correlation --------------->
    <-------------------------- repeat_correlation -------------------------->
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from isothink.evidence.family import Benchmark, Configuration, Family
from isothink.evidence.observations import Floats, Integers
from isothink.evidence.seed_variance import estimate_seed_component
from isothink.evidence.settings import BASELINE


@dataclass(frozen=True, kw_only=True)
class VarianceParts:
    """Measured parts; None where the cells do not tell: one seed each, one answer to each item, every item alone.

    `seed_deviation` is the standard deviation of a training run's accuracy, `seed_freedom` how well it is known.
    `cluster_correlation` is that of two items of one cluster in the difference between arms.
    """

    accuracy: float
    item_correlation: float
    seed_correlation: float | None
    repeat_correlation: float | None
    cluster_correlation: float | None
    seed_deviation: float | None
    seed_freedom: int
    cells: int


@dataclass
class _Sums:
    """Sums over benchmarks and pairs of configurations; a correlation is a ratio of two of them."""

    accuracy: float = 0.0
    pairs: int = 0
    variance: float = 0.0
    between_arms: float = 0.0
    seeds_variance: float = 0.0
    between_seeds: float = 0.0
    repeats_variance: float = 0.0
    between_repeats: float = 0.0
    cluster_excess: float = 0.0
    cluster_room: float = 0.0


def measure_parts(family: Family) -> VarianceParts | None:
    """The parts of a family; None where no budget has a cell of an arm beside one of `ift`."""
    sums = _Sums()
    cells: set[int] = set()
    for ours, theirs in _deciding_pairs(family):
        cells.update((*ours.rows, *theirs.rows))
        for benchmark in family.benchmarks:
            _add(sums, family, benchmark, ours, theirs)
    if not sums.pairs:
        return None
    component = estimate_seed_component(family)
    item = _share(sums.between_arms, sums.variance) or 0.0
    seed = _share(sums.between_seeds, sums.seeds_variance)
    repeat = _share(sums.between_repeats, sums.repeats_variance)
    return VarianceParts(
        accuracy=sums.accuracy / sums.pairs,
        item_correlation=item,
        seed_correlation=None if seed is None else max(item, seed),
        repeat_correlation=None if repeat is None else max(item, seed or 0.0, repeat),
        cluster_correlation=_share(sums.cluster_excess, sums.cluster_room),
        seed_deviation=component.standard_deviation,
        seed_freedom=component.degrees_of_freedom,
        cells=len(cells),
    )


def _share(part: float, whole: float) -> float | None:
    return float(np.clip(part / whole, 0.0, 1.0)) if whole > 0 else None


def _deciding_pairs(family: Family) -> Iterator[tuple[Configuration, Configuration]]:
    """The most accurate configuration of every arm and of the baseline, budget by budget."""
    best: dict[tuple[str, str], Configuration] = {}
    highest: dict[tuple[str, str], float] = {}
    for item, accuracy in zip(family.configurations, family.mean(family.observations.correct), strict=True):
        key = (f"{item.budget_flops:.9e}", item.arm)
        if accuracy > highest.get(key, -1.0):
            best[key], highest[key] = item, accuracy
    for (budget, arm), chosen in best.items():
        baseline = best.get((budget, BASELINE))
        if arm != BASELINE and baseline is not None:
            yield chosen, baseline


def _add(sums: _Sums, family: Family, benchmark: Benchmark, ours: Configuration, theirs: Configuration) -> None:
    """Adds one benchmark of one pair."""
    left, right = (_centred(family, benchmark, np.array(item.rows)) for item in (ours, theirs))
    rows = np.array([*ours.rows, *theirs.rows])
    variance = _answer_variance(family, benchmark, rows)
    sums.accuracy += float(np.nanmean(family.observations.correct[np.ix_(rows, benchmark.columns)]))
    sums.pairs += 1
    sums.variance += variance
    sums.between_arms += float(np.mean(left @ right.T)) / benchmark.columns.size
    for own in (left, right):
        if len(own) > 1:
            products = own @ own.T / benchmark.columns.size
            sums.seeds_variance += variance
            sums.between_seeds += float((products.sum() - np.trace(products)) / (products.size - len(own)))
    _add_repeats(sums, family, benchmark, rows)
    _add_clusters(sums, benchmark, left.mean(axis=0) - right.mean(axis=0))


def _centred(family: Family, benchmark: Benchmark, rows: Integers) -> Floats:
    """Scores less their row's mean, 0 where an item has none."""
    scores = family.observations.correct[np.ix_(rows, benchmark.columns)]
    return np.asarray(np.nan_to_num(scores - np.nanmean(scores, axis=1, keepdims=True)))


def _answer_variance(family: Family, benchmark: Benchmark, rows: Integers) -> float:
    """Of one answer's score; never less than with half an item of the other kind, as an all-right cell is not certain.

    Scores that are averaged over repeats vary less than single ones: p (1 - p) stands for those, exact for 0 and 1.
    """
    scores = family.observations.correct[np.ix_(rows, benchmark.columns)]
    mean = np.nanmean(scores, axis=1)
    single = np.nanvar(scores, axis=1) if _repeats(family, benchmark, rows) == 1 else mean * (1 - mean)
    half = 0.5 / (benchmark.columns.size + 1)
    return float(np.maximum(single, half * (1 - half)).mean())


def _repeats(family: Family, benchmark: Benchmark, rows: Integers) -> int:
    """The most answers to one item."""
    answers = family.observations.answers
    return 1 if answers is None else int(answers[np.ix_(rows, benchmark.columns)].max(initial=1))


def _add_repeats(sums: _Sums, family: Family, benchmark: Benchmark, rows: Integers) -> None:
    repeats = _repeats(family, benchmark, rows)
    if repeats == 1:
        return
    scores = family.observations.correct[np.ix_(rows, benchmark.columns)]
    whole = _answer_variance(family, benchmark, rows)
    sampling = (whole - float(np.nanvar(scores, axis=1).mean())) * repeats / (repeats - 1)
    sums.repeats_variance += whole
    sums.between_repeats += whole - float(np.clip(sampling, 0.0, whole))


def _add_clusters(sums: _Sums, benchmark: Benchmark, difference: Floats) -> None:
    """Squares of cluster sums hold each item's square and the products within clusters; alone, items add nothing."""
    sizes = np.bincount(benchmark.clusters, minlength=benchmark.cluster_count)
    own = float((difference**2).sum())
    sums.cluster_excess += float((benchmark.cluster_sums(difference[None]) ** 2).sum()) - own
    sums.cluster_room += own * float((sizes**2).sum() / sizes.sum() - 1.0)
