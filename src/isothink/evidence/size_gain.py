"""The gain of one arm over another at a size: its interval from draws of both predictions. Called by prediction.py and
rule.py.

Two series of one table are off together: what makes one family easier at a size makes it so for both arms. How much
so is the correlation of what the two were missed by in the same inner hold-outs. Draws are made on the line and
turned into values, so that both values stay between 0 and their caps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtrit

from isothink.evidence.observations import Floats
from isothink.evidence.size_choice import Choice, Side
from isothink.evidence.size_forecast import LEVEL, Forecast
from isothink.evidence.size_series import SizeSeries
from isothink.evidence.value_scale import from_line

DRAWS = 4000
RANDOM_SEED = 2509
INDEPENDENCE_WEIGHT = 4.0
"""Pairs of hold-outs without any correlation that those seen are averaged with."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two series, by row, that differ in the level of one column alone."""

    row: int
    baseline_row: int
    level: str
    others: tuple[str, ...]
    """The levels of all other columns."""


@dataclass(frozen=True, kw_only=True)
class PairGain:
    """The expected gain of a pair, with its interval, or why there is none."""

    gain: float
    low: float
    high: float
    refused: str | None

    @classmethod
    def none(cls, reason: str) -> "PairGain":
        """No gain, and why."""
        return cls(gain=np.nan, low=np.nan, high=np.nan, refused=reason)


def pairs_of(keys: Sequence[tuple[str, ...]], column: int, baseline: str) -> list[Pair]:
    """Every series beside the one that has the baseline level in this column, and all else in common."""
    rows = {key: row for row, key in enumerate(keys)}
    found = []
    for key, row in rows.items():
        other = rows.get((*key[:column], baseline, *key[column + 1 :]))
        if other is not None and other != row:
            rest = (*key[:column], *key[column + 1 :])
            found.append(Pair(row=row, baseline_row=other, level=key[column], others=rest))
    return found


def correlation(choice: Choice, pairs: Sequence[Pair]) -> float:
    """Of the errors of the two series of a pair, over all pairs and hold-outs; from 0 to 1."""
    errors = choice.scatter.standardised
    if not pairs or not len(errors):
        return 0.0
    first, second = errors[:, [pair.row for pair in pairs]], errors[:, [pair.baseline_row for pair in pairs]]
    both = ~np.isnan(first) & ~np.isnan(second)
    together = float((first * second)[both].sum())
    alone = float((first**2 + second**2)[both].sum()) / 2
    return max(together / (alone + INDEPENDENCE_WEIGHT), 0.0)


def pair_gains(series: SizeSeries, forecast: Forecast, pairs: Sequence[Pair]) -> list[PairGain]:
    """The gain of every pair at the forecast's size."""
    correlations = {side: correlation(choice, pairs) for side, choice in forecast.choices.items()}
    return [_pair_gain(series, forecast, pair, correlations) for pair in pairs]


def _pair_gain(series: SizeSeries, forecast: Forecast, pair: Pair, correlations: dict[Side, float]) -> PairGain:
    for row, whose in ((pair.row, pair.level), (pair.baseline_row, "the baseline")):
        if forecast.refused[row] is not None:
            return PairGain.none(f"{whose}: {forecast.refused[row]}")
    side, other_side = forecast.sides[pair.row], forecast.sides[pair.baseline_row]
    shared = correlations[side] if side == other_side and side is not None else 0.0
    first, second = (
        value_draws(series, forecast, row, number, shared) for number, row in enumerate((pair.row, pair.baseline_row))
    )
    tail = (1.0 - LEVEL) / 2
    gain = float(forecast.predicted[pair.row] - forecast.predicted[pair.baseline_row])
    low, high = np.quantile(first - second, [tail, 1.0 - tail])
    return PairGain(gain=gain, low=min(float(low), gain), high=max(float(high), gain), refused=None)


def value_draws(series: SizeSeries, forecast: Forecast, row: int, number: int, shared: float) -> Floats:
    """Draws of one series' value, whose normal scores have the correlation `shared` with those of other numbers."""
    lines = forecast.mean[row] + forecast.spread[row] * _student(number, round(shared, 6), float(forecast.freedom[row]))
    return from_line(lines, np.full(DRAWS, series.base_caps()[row]), series.scale)


@lru_cache(maxsize=256)
def _student(number: int, shared: float, freedom: float) -> Floats:
    """Student's t by way of normals of which a part is common to all numbers."""
    common, own = (np.random.default_rng([RANDOM_SEED, stream]).standard_normal(DRAWS) for stream in (0, number + 1))
    return np.asarray(stdtrit(freedom, ndtr(np.sqrt(shared) * common + np.sqrt(1.0 - shared) * own)))
