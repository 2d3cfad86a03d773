"""Which trends are believed, for each series, and how wide an interval has to be: both by inner hold-outs alone.

Called by prediction.py with what may be seen. Each size seen that lies as the target does (beyond the others, below
them, or between) is hidden in turn, with those beyond it, and predicted by every trend. A trend's weight for a
series falls with its mean error over these hold-outs: the average of the mean over all series, over each level that
the series shares with others (its family, its arm), and over the series itself. So a series has its own say without
being believed alone.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from isothink.evidence.observations import Floats
from isothink.evidence.size_series import Booleans, SizeSeries
from isothink.evidence.size_trend import FEWEST_SIZES, Lines, Shape, Trend, draw, trends
from isothink.evidence.value_scale import from_line, noise, to_line

Side = Literal["above", "below", "inside"]

TEMPERATURE = 0.15
"""An error larger than the least by this share costs a trend a factor e of its weight."""
MOST_HOLD_OUTS = 8
"""Inner hold-outs nearest the target; more say little about it and cost time."""
USUAL_SCATTER = 0.2
"""Scatter around a trend, in logits, that is assumed until hold-outs have shown it ..."""
USUAL_SCATTER_WEIGHT = 2.0
"""... with the weight of so many of them."""
NEGLIGIBLE = 1e-9
POOLED_WEIGHT = 4.0
"""Hold-outs that the scatter of all series is worth beside a series' own."""


@dataclass(frozen=True, kw_only=True)
class InnerHoldOut:
    """One hidden size: what each trend predicted for each series [trends, series], NaN where nothing was hidden."""

    size: float
    predicted: Floats
    actual: Floats
    importance: Floats
    """By series: the nearer the hidden size is to the target (as a ratio), the more; 0 where nothing was hidden."""
    leverage: Floats


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was learned for one target: by series the mean on the line, its spread, and the weights of the trends."""

    mean: Floats
    half_width: Floats
    weights: Floats
    leading: list[tuple[Trend, float, float]]
    """By series the trend of the largest weight, its level and its slope."""
    residuals: int
    """Hidden cells that were predicted."""


def choose(series: SizeSeries, target: float, side: Side, level: float) -> Choice:
    """Predict every series at one target. Series with fewer than two sizes get NaN."""
    candidates = trends()
    folds = _inner_hold_outs(series, candidates, side, target)
    weights = _weights(series, folds, None, len(candidates))
    lines = _all_lines(series, candidates, target)
    base = series.base_caps()
    predicted = np.array([line.predicted for line in lines])
    mean = (weights * to_line(predicted, base, series.scale)).sum(axis=0)
    leverage = _leverage(series, target)
    scatter, freedom, residuals = _scatter(series, folds, len(candidates))
    shape = noise(from_line(mean, base, series.scale), base, series.scale)
    half_width = stdtrit(freedom, 0.5 + level / 2) * scatter * np.sqrt(shape + leverage)
    best = weights.argmax(axis=0)
    leading = [
        (candidates[index], float(lines[index].level[row]), float(lines[index].slope[row]))
        for row, index in enumerate(best)
    ]
    return Choice(
        mean=mean,
        half_width=half_width,
        weights=weights,
        leading=leading,
        residuals=residuals,
    )


def _all_lines(series: SizeSeries, candidates: list[Trend], target: float) -> list[Lines]:
    """One `Lines` per trend; trends of one shape are drawn together."""
    by_shape: dict[Shape, list[float | None]] = {}
    for trend in candidates:
        by_shape.setdefault(trend.shape, []).append(trend.spread)
    drawn = {
        (shape, spread): line
        for shape, spreads in by_shape.items()
        for spread, line in zip(spreads, draw(series, shape, spreads, target), strict=True)
    }
    return [drawn[trend.shape, trend.spread] for trend in candidates]


def _inner_hold_outs(series: SizeSeries, candidates: list[Trend], side: Side, target: float) -> list[InnerHoldOut]:
    order = range(len(series.sizes)) if side == "below" else range(len(series.sizes) - 1, -1, -1)
    found: list[InnerHoldOut] = []
    for index in order:
        hidden = _hidden(len(series.sizes), index, side)
        rest = series.without(hidden)
        wanted = ~np.isnan(series.values[:, index]) & (rest.counts >= FEWEST_SIZES)
        if side == "inside":
            wanted &= _surrounded(rest, float(series.sizes[index]))
        if wanted.any():
            found.append(_inner_hold_out(series, rest, wanted, index, candidates, target))
        if len(found) == MOST_HOLD_OUTS:
            break
    return found


def _hidden(count: int, index: int, side: Side) -> Booleans:
    positions = np.arange(count)
    if side == "inside":
        return np.asarray(positions == index)
    return np.asarray(positions >= index if side == "above" else positions <= index)


def _surrounded(series: SizeSeries, size: float) -> Booleans:
    seen = ~np.isnan(series.values)
    return np.asarray((seen & (series.sizes < size)).any(axis=1) & (seen & (series.sizes > size)).any(axis=1))


def _inner_hold_out(
    series: SizeSeries, rest: SizeSeries, wanted: Booleans, index: int, candidates: list[Trend], target: float
) -> InnerHoldOut:
    size = float(series.sizes[index])
    lines = _all_lines(rest, candidates, size)
    return InnerHoldOut(
        size=size,
        predicted=np.where(wanted, np.array([line.predicted for line in lines]), np.nan),
        actual=np.where(wanted, series.values[:, index], np.nan),
        importance=np.where(wanted, 1.0 / max(size / target, target / size), 0.0),
        leverage=_leverage(rest, size),
    )


def _errors(series: SizeSeries, fold: InnerHoldOut) -> Floats:
    if series.scale == "log":
        return np.asarray(np.nan_to_num(np.abs(np.log(fold.predicted) - np.log(fold.actual))))
    return np.nan_to_num(np.abs(fold.predicted - fold.actual))


def _weights(series: SizeSeries, folds: list[InnerHoldOut], left_out: Booleans | None, candidates: int) -> Floats:
    """Weights [trends, series]; `left_out` are series whose own hold-outs must not be looked at, one at a time."""
    count = len(series.keys)
    if not folds:
        return np.full((candidates, count), 1.0 / candidates)
    summed = sum((fold.importance * _errors(series, fold) for fold in folds), np.zeros((candidates, count)))
    importance = np.sum([fold.importance for fold in folds], axis=0)
    means: dict[bytes, tuple[Floats, float]] = {}
    weights = np.empty((candidates, count))
    for row, groups in enumerate(series.groups()):
        scores = []
        for group in groups:
            key = group.tobytes()
            if key not in means:
                means[key] = (summed[:, group].sum(axis=1), float(importance[group].sum()))
            total, amount = means[key]
            if left_out is not None and left_out[row]:
                total, amount = total - summed[:, row], amount - importance[row]
            if amount > NEGLIGIBLE:
                scores.append(total / amount)
        weights[:, row] = _softly_least(np.mean(scores, axis=0)) if scores else 1.0 / candidates
    return weights


def _softly_least(scores: Floats) -> Floats:
    least = float(scores.min())
    weights = np.exp(-np.maximum(scores - least, 0.0) / (TEMPERATURE * max(least, 1e-9)))
    return np.asarray(weights / weights.sum())


def _leverage(series: SizeSeries, target: float) -> Floats:
    """How much of the noise a line through log sizes passes on to the target, by series."""
    seen = ~np.isnan(series.values)
    counts = np.maximum(series.counts, 1)
    logs = np.log(series.sizes / target)
    mean = (seen * logs).sum(axis=1) / counts
    moment = (seen * (logs - mean[:, None]) ** 2).sum(axis=1)
    return np.asarray(1.0 / counts + mean**2 / np.where(moment > 0, moment, np.inf))


def _scatter(series: SizeSeries, folds: list[InnerHoldOut], candidates: int) -> tuple[Floats, Floats, int]:
    """The noise of each series, its degrees of freedom and the number of hold-outs behind both.

    Each is predicted by weights from the other hold-outs; where there is only one, from the other series.
    """
    base = series.base_caps()
    squares, counts = np.zeros(len(series.keys)), np.zeros(len(series.keys))
    alone = np.ones(len(series.keys), dtype=bool) if len(folds) == 1 else None
    for index, fold in enumerate(folds):
        others = folds if alone is not None else folds[:index] + folds[index + 1 :]
        weights = _weights(series, others, alone, candidates)
        mean = (weights * to_line(fold.predicted, base, series.scale)).sum(axis=0)
        size = noise(from_line(mean, base, series.scale), base, series.scale) + fold.leverage
        wanted = fold.importance > 0
        residual = np.where(wanted, to_line(fold.actual, base, series.scale) - mean, 0.0)
        squares += residual**2 / np.where(wanted, size, 1.0)
        counts += wanted
    total = counts.sum()
    pooled = (USUAL_SCATTER_WEIGHT * USUAL_SCATTER**2 + squares.sum()) / (USUAL_SCATTER_WEIGHT + total)
    weight = np.minimum(POOLED_WEIGHT, USUAL_SCATTER_WEIGHT + total - counts)
    return np.sqrt((weight * pooled + squares) / (weight + counts)), weight + counts, int(total)
