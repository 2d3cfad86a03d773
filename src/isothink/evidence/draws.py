"""Joint draws of every configuration's accuracy and inference cost on one family. Called by analysis.py.

Items: a Bayesian bootstrap over clusters (Rubin, Annals of Statistics 9, 1981, 130-134), one set of weights per
benchmark for all cells, so differences are paired. Dirichlet weights of shape a over G clusters give a mean the
variance (population variance) / (G a + 1): with a = 1 that is too small by (G - 1) / (G + 1). The shape is chosen
instead so that a central 90% range is as wide as Student's t with G - 1 degrees of freedom makes it. Gamma variates
take ten times as long as exponential ones x; where the shape is near one, x + s x^2 of the same coefficient of
variation stands in for them.
Pseudo-items: half an item right and half an item wrong (Jeffreys' prior), drawn for each configuration on its own,
so that an all-right cell is not certain and two all-right cells are not certainly equal.
Seeds: noise with the pooled variance of seed_variance.py, the same for cells of one trunk, divided over seeds.
Each source of chance has a generator named after it: another configuration in the study changes no draw of this one.
"""

import os
import zlib
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from isothink.evidence.family import Benchmark, Family, inference_flops
from isothink.evidence.observations import Floats
from isothink.evidence.seed_variance import SeedComponent, estimate_seed_component, trunk_keys
from isothink.evidence.settings import AnalysisSettings

Singles = npt.NDArray[np.float32]

SMALLEST_SHAPE = (
    0.25  # under five clusters Student's t asks for more than weights can give; pseudo-items widen the rest
)
FEWEST_FOR_EXPONENTIALS = 60  # clusters; from here the two kinds of weights give means of one spread, to 1 in 400
_WEIGHTS_AT_ONCE = 2**18  # by one thread: a megabyte, which stays in its cache; the draws depend on this number
_ROWS = 8  # of weights in one matrix product
_ONE_THREAD = 2**19  # multiplications: below it OpenBLAS 0.3 stays on one thread (interface/gemm.c)


@dataclass(frozen=True, kw_only=True)
class FamilyDraws:
    """Point estimates [configurations] and draws [draws, configurations] of one family.

    `accuracy_draws` are what an interval of one accuracy is read from; `errors` are the same, centred on zero, and
    serve differences (pseudo-items pull draws towards one half, which a difference must not inherit).
    `seed_variance_of_mean` is the seed component's part of each configuration's variance.
    """

    family: Family
    accuracy: Floats
    accuracy_draws: Floats
    errors: Floats
    inference: Floats
    inference_draws: Floats
    seed_component: SeedComponent
    seed_variance_of_mean: Floats


def draw_family(family: Family, settings: AnalysisSettings) -> FamilyDraws:
    """Draw the family's accuracies and inference costs."""
    costs = inference_flops(family.observations, settings.convention)
    size = (settings.draws, len(family.configurations))
    accuracy, inference = np.zeros(size), np.zeros(size)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # numpy computes outside Python's lock
        for benchmark in family.benchmarks:
            right, cost = _draw_benchmark(family, benchmark, costs, settings, threads)
            accuracy += right / len(family.benchmarks)
            inference += cost / len(family.benchmarks)
    component = estimate_seed_component(family)
    noise = _seed_noise(family, component, settings)
    accuracy += noise
    seeds = np.array([len(item.rows) for item in family.configurations], dtype=np.float64)
    return FamilyDraws(
        family=family,
        accuracy=family.mean(family.observations.correct),
        accuracy_draws=accuracy,
        errors=accuracy - accuracy.mean(axis=0),
        inference=family.mean(costs),
        inference_draws=inference,
        seed_component=component,
        seed_variance_of_mean=(component.standard_deviation or 0.0) ** 2 / np.maximum(seeds, 1.0),
    )


def named_generator(settings: AnalysisSettings, *names: str) -> np.random.Generator:
    """A generator that depends on the settings' seed and the names alone."""
    return np.random.default_rng([settings.random_seed, *(zlib.crc32(name.encode()) for name in names)])


def weight_shape(clusters: int) -> float:
    """The gamma shape of the weights of `clusters` clusters (see the module's docstring)."""
    if clusters < 3:
        return SMALLEST_SHAPE
    inflation = (stdtrit(clusters - 1, 0.95) / ndtri(0.95)) ** 2
    return float(max(SMALLEST_SHAPE, ((clusters - 1) / inflation - 1) / clusters))


def draw_weights(generator: np.random.Generator, draws: int, clusters: int) -> Singles:
    """Weights of a benchmark's clusters, [draws, clusters], not yet divided by their sum."""
    if clusters < FEWEST_FOR_EXPONENTIALS:
        return generator.standard_gamma(weight_shape(clusters), (draws, clusters), dtype=np.float32)
    weights = generator.random((draws, clusters), dtype=np.float32)
    np.log1p(np.negative(weights, out=weights), out=weights)  # minus an exponential; numpy's own takes twice as long
    weights *= _stretch(clusters) * weights - np.float32(1.0)
    return weights


def _stretch(clusters: int) -> np.float32:
    """The s of x + s x^2: to first order its squared coefficient of variation is 1 + 4 s, a gamma's 1 / shape."""
    return np.float32((1.0 / weight_shape(clusters) - 1.0) / 4.0)


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """One benchmark's values as a weighted mean needs them.

    A column is a configuration where no cell lacks a value: its seeds have one denominator, so they are averaged first.
    Otherwise it is a row of the family. `deviations` are sums over each cluster's items of what differs from the
    column's mean, `counts` how many items those are (one column for all, where they are the same).
    """

    mean: Floats
    deviations: Floats
    counts: Floats
    complete: bool


def _draw_benchmark(
    family: Family, benchmark: Benchmark, costs: Floats, settings: AnalysisSettings, threads: Executor
) -> tuple[Floats, Floats]:
    """Draws of the accuracy and the inference cost on one benchmark, [draws, configurations] each.

    Weights multiply deviations from means: single precision then loses nothing, and a constant stays one.
    """
    right = _columns(family, benchmark, family.observations.correct)
    spent = _columns(family, benchmark, costs)
    parts = (right.deviations, right.counts, spent.deviations, spent.counts)
    sums = _weighted_sums(family, benchmark, np.hstack(parts), settings, threads)
    excess, scored, excess_cost, priced = np.split(sums, np.cumsum([part.shape[1] for part in parts[:-1]]), axis=1)
    yes, no = _pseudo_items(family, benchmark, settings, threads)
    if not right.complete:
        owner = np.repeat(np.arange(len(family.configurations)), [len(item.rows) for item in family.configurations])
        yes, no = yes[:, owner], no[:, owner]
    mean = right.mean.astype(np.float32)
    excess += yes * (1 - mean) - no * mean
    accuracy = right.mean + excess / (scored + yes + no)
    inference = spent.mean + excess_cost / priced
    return (
        accuracy if right.complete else accuracy @ family.seed_average,
        inference if spent.complete else inference @ family.seed_average,
    )


def _columns(family: Family, benchmark: Benchmark, values: Floats) -> _Columns:
    block = values[np.ix_(family.rows, benchmark.columns)]
    known = np.isfinite(block)
    complete = bool(known.all())
    mean = np.sum(block, axis=1, where=known) / known.sum(axis=1)
    deviations = benchmark.cluster_sums(np.where(known, block - mean[:, None], 0.0)).T
    if complete:
        mean, deviations = mean @ family.seed_average, deviations @ family.seed_average
        known = np.ones((1, benchmark.columns.size), dtype=np.bool_)
    counts = benchmark.cluster_sums(known.astype(np.float64)).T
    return _Columns(mean=mean, deviations=deviations, counts=counts, complete=complete)


def _weighted_sums(
    family: Family, benchmark: Benchmark, values: Floats, settings: AnalysisSettings, threads: Executor
) -> Singles:
    """Weighted sums of `values` [clusters, columns], [draws, columns]."""
    clusters = benchmark.cluster_count
    columns = values.astype(np.float32)
    step = max(_ROWS, _WEIGHTS_AT_ONCE // clusters // _ROWS * _ROWS)

    def draw(start: int) -> Singles:
        generator = named_generator(settings, "items", family.name, benchmark.name, str(start))
        count = min(step, settings.draws - start)
        return _product(draw_weights(generator, count + -count % _ROWS, clusters), columns)[:count]

    return np.concatenate(list(threads.map(draw, range(0, settings.draws, step))))


def _product(weights: Singles, columns: Singles) -> Singles:
    """`weights @ columns`, in pieces so small that OpenBLAS (as built for numpy) gives each to one thread.

    Its threads and ours would otherwise hold each other up: on two busy cores by a factor of 30.
    """
    pieces = weights.reshape(-1, _ROWS, len(columns))
    width = max(1, _ONE_THREAD // (_ROWS * max(1, columns.shape[1])))
    starts = range(0, len(columns), width)
    sums = sum(pieces[:, :, start : start + width] @ columns[start : start + width] for start in starts)
    return np.asarray(sums).reshape(len(weights), columns.shape[1])


def _pseudo_items(family: Family, benchmark: Benchmark, settings: AnalysisSettings, threads: Executor) -> Singles:
    """Weights of the right and the wrong pseudo-item, [2, draws, configurations], each half a mean cluster."""
    size = np.float32(benchmark.columns.size / benchmark.cluster_count)
    drawn = np.zeros((2, settings.draws, len(family.configurations)), dtype=np.float32)

    def draw(column: int) -> None:
        name = family.configurations[column].name
        generator = named_generator(settings, "pseudo-items", family.name, benchmark.name, name)
        drawn[:, :, column] = size * _half_weights(generator, settings.draws, benchmark.cluster_count)

    list(threads.map(draw, range(len(family.configurations))))
    return drawn


def _half_weights(generator: np.random.Generator, draws: int, clusters: int) -> Singles:
    """Two weights per draw, [2, draws], of half the shape of `draw_weights`."""
    if clusters < FEWEST_FOR_EXPONENTIALS:
        return generator.standard_gamma(weight_shape(clusters) / 2, (2, draws), dtype=np.float32)
    normal = generator.standard_normal((2, draws), dtype=np.float32)
    half = normal * normal / 2  # a gamma of shape one half
    return np.asarray(half + _stretch(clusters) * half * half, dtype=np.float32)


def _seed_noise(family: Family, component: SeedComponent, settings: AnalysisSettings) -> Floats:
    """Noise of training runs, [draws, configurations]: one standard normal per trunk, averaged over seeds."""
    trunks: dict[tuple[str, str, str], int] = {}
    for configuration in family.configurations:
        for key in trunk_keys(configuration):
            trunks.setdefault(key, len(trunks))
    share = np.zeros((len(trunks), len(family.configurations)))
    for column, configuration in enumerate(family.configurations):
        for key in trunk_keys(configuration):
            share[trunks[key], column] += 1.0 / len(configuration.rows)
    luck = np.zeros((settings.draws, len(trunks)))
    for key, row in trunks.items():
        luck[:, row] = named_generator(settings, "trunk", family.name, *key).standard_normal(settings.draws)
    spread = component.draw_standard_deviations(named_generator(settings, "seeds", family.name), settings.draws)
    return np.asarray(spread[:, None] * (luck @ share))
