"""A run's configurations as series by size, and what predicts them. Called by rule.py and rule_configuration.py.

A series is a family, an arm and a budget; all of a study are fitted together, so that a ladder of three sizes suffices.
Budgets that are relative to each student, such as one epoch, count as one budget, that of the largest student.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isothink.evidence.candidates import DRAW_UNIT
from isothink.evidence.observations import Floats
from isothink.evidence.record import ConfigurationResult
from isothink.evidence.settings import BASELINE
from isothink.evidence.size_forecast import Forecaster
from isothink.evidence.size_gain import Pair, pairs_of
from isothink.evidence.size_series import SizeSeries
from isothink.evidence.size_trend import FEWEST_SIZES
from isothink.evidence.value_scale import ScaleName, noise, steepness

COLUMNS = ("family", "arm", "budget")
ARM = COLUMNS.index("arm")
Key = tuple[str, float, str]
"""Family, budget and arm."""
ONE_SIZE = "one size only at this budget: a trend needs two, and an interval three of it or of other series"
MOST_SIZES = 40
"""The time that fitting takes grows with the cube of the number of sizes."""
TOO_MANY = f"at most {MOST_SIZES} are fitted"


@dataclass(frozen=True, kw_only=True)
class RunSeries:
    """The rows of all three forecasters are the same series, in the order of `keys`."""

    configurations: tuple[ConfigurationResult, ...]
    keys: tuple[Key, ...]
    left_out: dict[Key, str]
    """Series that are not fitted, and why."""
    accuracy: Forecaster
    tokens: Forecaster
    inference: Forecaster
    """FLOPs per query and parameter: what grows with the size by itself is known."""
    pairs: tuple[Pair, ...]
    """Every arm beside `ift` of the same family and budget."""


def run_series(configurations: Sequence[ConfigurationResult], caps: Mapping[str, float]) -> RunSeries:
    """From what was run; predictions themselves are left out. `caps` are accuracies of the teacher by family."""
    run = _levelled(item for item in configurations if item.source != "predicted" and item.parameters > 0)
    sizes_of: dict[Key, set[int]] = {}
    for item in run:
        sizes_of.setdefault((item.family, item.budget_flops, item.arm), set()).add(item.parameters)
    keys = tuple(key for key, found in sizes_of.items() if len(found) >= FEWEST_SIZES)
    sizes = sorted({size for key in keys for size in sizes_of[key]})
    left_out = {key: ONE_SIZE for key in sizes_of if key not in keys}
    if len(sizes) > MOST_SIZES:
        left_out = {key: f"{len(sizes)} sizes in one study: {TOO_MANY}" for key in sizes_of}
        keys, sizes = (), []
    names = tuple((family, arm, f"{budget:.10g}") for family, budget, arm in keys)

    def forecaster(value: Callable[[ConfigurationResult], float], scale: ScaleName) -> Forecaster:
        values = _means(run, keys, sizes, value)
        if scale == "log":
            values = np.where(values > 0, values, np.nan)
        known = [caps.get(family, np.nan) if scale == "logit" else np.nan for family, _, _ in keys]
        series = SizeSeries(
            keys=names,
            sizes=np.array(sizes, dtype=float),
            values=values,
            caps=np.array(known, dtype=float),
            scale=scale,
        )
        return Forecaster(series=series, floor=_sampling_noise(run, keys, sizes, series) if scale == "logit" else None)

    return RunSeries(
        configurations=run,
        keys=keys,
        left_out=left_out,
        accuracy=forecaster(lambda item: item.accuracy, "logit"),
        tokens=forecaster(lambda item: item.mean_output_tokens or np.nan, "log"),
        inference=forecaster(lambda item: item.inference_flops_per_query / item.parameters, "log"),
        pairs=tuple(pairs_of(names, ARM, BASELINE)),
    )


def _levelled(configurations: Iterable[ConfigurationResult]) -> tuple[ConfigurationResult, ...]:
    """Budgets that are relative to each student made those of the largest student at the same level.

    Relative they are where no two sizes share a budget; levels are counted from each student's largest budget down.
    What was trained and paid is left as it was.
    """
    run = tuple(configurations)
    budgets_of: dict[int, set[float]] = {}
    for item in run:
        budgets_of.setdefault(item.parameters, set()).add(item.budget_flops)
    apart = sum(len(found) for found in budgets_of.values()) == len(set().union(*budgets_of.values()))
    if len(budgets_of) < FEWEST_SIZES or not apart or any(item.source == "imported" for item in run):
        return run  # imported models have costs of their own by chance, not by a rule
    levels = {size: sorted(found, reverse=True) for size, found in budgets_of.items()}
    names = levels[max(levels)]
    level_of = [levels[item.parameters].index(item.budget_flops) for item in run]
    return tuple(
        item.model_copy(update={"budget_flops": names[level]}) if level < len(names) else item
        for item, level in zip(run, level_of, strict=True)
    )


def _means(
    run: Sequence[ConfigurationResult],
    keys: Sequence[Key],
    sizes: Sequence[int],
    value: Callable[[ConfigurationResult], float],
) -> Floats:
    """Values [series, sizes], the mean where several students have one size, NaN where none has."""
    rows = {key: row for row, key in enumerate(keys)}
    columns = {size: column for column, size in enumerate(sizes)}
    total, count = np.zeros((len(keys), len(sizes))), np.zeros((len(keys), len(sizes)))
    for item in run:
        row, number = rows.get((item.family, item.budget_flops, item.arm)), value(item)
        if row is not None and np.isfinite(number):
            place = row, columns[item.parameters]
            total[place] += number
            count[place] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _sampling_noise(
    run: Sequence[ConfigurationResult],
    keys: Sequence[Key],
    sizes: Sequence[int],
    series: SizeSeries,
) -> Floats:
    """The scatter that the draws of each series' own accuracies imply on the line, in the unit of its scatter."""
    spread = _means(run, keys, sizes, lambda item: float(np.std(item.accuracy_draws or (0,))) * DRAW_UNIT)
    caps = series.base_caps()[:, None]
    lines = spread * steepness(series.values, caps) / np.sqrt(noise(series.values, caps, series.scale))
    seen = ~np.isnan(lines)
    return np.asarray(np.sqrt(np.where(seen, lines**2, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)))
