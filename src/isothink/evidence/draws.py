"""Joint draws of every configuration's accuracy and inference cost on one family. Called by analysis.py.

Items: a Bayesian bootstrap over clusters (Rubin, Annals of Statistics 9, 1981, 130-134), one set of weights per
benchmark for all cells, so differences are paired. Dirichlet weights of shape a over G clusters give a mean the
variance (population variance) / (G a + 1): with a = 1 that is too small by (G - 1) / (G + 1). The shape is chosen
instead so that a central 90% range is as wide as Student's t with G - 1 degrees of freedom makes it.
Pseudo-items: half an item right and half an item wrong (Jeffreys' prior), drawn for each configuration on its own,
so that an all-right cell is not certain and two all-right cells are not certainly equal.
Seeds: noise with the pooled variance of seed_variance.py, the same for cells of one trunk, divided over seeds.
Each source of chance has a generator named after it: another configuration in the study changes no draw of this one.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from isothink.evidence.family import Benchmark, Family, inference_flops
from isothink.evidence.observations import Floats
from isothink.evidence.seed_variance import SeedComponent, estimate_seed_component, trunk_keys
from isothink.evidence.settings import AnalysisSettings

SMALLEST_SHAPE = (
    0.25  # under five clusters Student's t asks for more than weights can give; pseudo-items widen the rest
)
_ROWS_AT_ONCE = 2_000


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
    for benchmark in family.benchmarks:
        right, cost = _draw_benchmark(family, benchmark, costs, settings)
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


def _draw_benchmark(
    family: Family, benchmark: Benchmark, costs: Floats, settings: AnalysisSettings
) -> tuple[Floats, Floats]:
    """Draws of the accuracy and the inference cost on one benchmark, [draws, configurations] each."""
    names = (family.name, benchmark.name)
    shape = weight_shape(benchmark.cluster_count)
    generator = named_generator(settings, "items", *names)
    right, scored = _sums(family, benchmark, family.observations.correct)
    spent, priced = _sums(family, benchmark, costs)
    pseudo_right, pseudo_wrong = _pseudo_items(family, benchmark, shape, settings)
    owner = np.repeat(np.arange(len(family.configurations)), [len(item.rows) for item in family.configurations])
    average = family.seed_average
    accuracy, inference = [], []
    for start in range(0, settings.draws, _ROWS_AT_ONCE):
        stop = min(settings.draws, start + _ROWS_AT_ONCE)
        weights = generator.standard_gamma(shape, (stop - start, benchmark.cluster_count))
        yes, no = pseudo_right[start:stop, owner], pseudo_wrong[start:stop, owner]
        accuracy.append((weights @ right + yes) / (_denominator(weights, scored) + yes + no) @ average)
        inference.append(weights @ spent / _denominator(weights, priced) @ average)
    return np.concatenate(accuracy), np.concatenate(inference)


def _denominator(weights: Floats, counts: Floats) -> Floats:
    """Total weight of the items that have a value; one column serves all cells where none lacks any."""
    if counts.shape[1] and (counts == counts[:, :1]).all():
        return np.asarray(weights @ counts[:, :1])
    return np.asarray(weights @ counts)


def _sums(family: Family, benchmark: Benchmark, values: Floats) -> tuple[Floats, Floats]:
    """Sums over each cluster's items with a value, and how many there are, [clusters, rows] each."""
    block = values[np.ix_(family.rows, benchmark.columns)]
    known = np.isfinite(block)
    return (
        benchmark.cluster_sums(np.where(known, block, 0.0)).T,
        benchmark.cluster_sums(known.astype(np.float64)).T,
    )


def _pseudo_items(
    family: Family, benchmark: Benchmark, shape: float, settings: AnalysisSettings
) -> tuple[Floats, Floats]:
    """Weights of the right and the wrong pseudo-item, [draws, configurations] each, each half a mean cluster."""
    size = benchmark.columns.size / benchmark.cluster_count
    drawn = np.zeros((2, settings.draws, len(family.configurations)))
    for column, configuration in enumerate(family.configurations):
        generator = named_generator(settings, "pseudo-items", family.name, benchmark.name, configuration.name)
        drawn[:, :, column] = size * generator.standard_gamma(shape / 2, (2, settings.draws))
    return drawn[0], drawn[1]


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
