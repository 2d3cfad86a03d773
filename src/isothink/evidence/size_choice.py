"""Which trends are believed, for each series, and how wide an interval has to be: both by inner hold-outs alone.

Called by size_forecast.py with what may be seen. Each size seen that lies as the target does (beyond the others, below
them, or between) is hidden in turn, with those beyond it, and predicted by every trend. A trend's weight for a
series falls with its mean error over these hold-outs: the average of the mean over all series, over each level that
the series shares with others (its family, its arm), and over the series itself. So a series has its own say without
being believed alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

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
    """On the line."""
    errors: Floats
    """Absolute, of the values; of their logarithms on the log scale; 0 where nothing was hidden."""
    actual: Floats
    importance: Floats
    """By series: the nearer the hidden size is to the target (as a ratio), the more; 0 where nothing was hidden."""
    leverage: Floats

    def towards(self, target: float) -> "InnerHoldOut":
        """The same with the importance it has for a target."""
        return replace(self, importance=self.importance / max(self.size / target, target / self.size))


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """How far hidden cells were off: by series the noise around its trend and the degrees of freedom behind it."""

    deviation: Floats
    freedom: Floats
    standardised: Floats
    """Errors [hold-outs, series] over what was expected of them; NaN where nothing was hidden."""
    residuals: int
    """Hidden cells that were predicted."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was learned for one target: by series a Student's t on the line, and the weights of the trends."""

    mean: Floats
    spread: Floats
    weights: Floats
    leading: list[tuple[Trend, float, float]]
    """By series the trend of the largest weight, its level and its slope."""
    scatter: Scatter


def inner_hold_outs(series: SizeSeries, side: Side) -> list[InnerHoldOut]:
    """What is hidden and predicted in turn for targets on one side, whatever their distance."""
    order = range(len(series.sizes)) if side == "below" else range(len(series.sizes) - 1, -1, -1)
    found: list[InnerHoldOut] = []
    for index in order:
        hidden = _hidden(len(series.sizes), index, side)
        rest = series.without(hidden)
        wanted = ~np.isnan(series.values[:, index]) & (rest.counts >= FEWEST_SIZES)
        if side == "inside":
            wanted &= _surrounded(rest, float(series.sizes[index]))
        if wanted.any():
            found.append(_inner_hold_out(series, rest, wanted, index))
        if len(found) == MOST_HOLD_OUTS:
            break
    return found


def choose(
    series: SizeSeries, hold_outs: list[InnerHoldOut], targets: Sequence[float], floor: Floats | None = None
) -> list[Choice]:
    """Predict every series at targets of one side. Series with fewer than two sizes get NaN.

    The spread has two parts (the law of total variance): that of a trend, and how far the trends lie apart, which
    grows where nothing says which of them goes on. `floor` is the least scatter of each series, where it is known from
    elsewhere.
    """
    candidates = trends()
    predicted, level, slope = _all_lines(series, candidates, np.array(targets))
    base = series.base_caps()
    found = []
    for index, target in enumerate(targets):
        folds = [fold.towards(target) for fold in hold_outs]
        weights = _weights(series, folds, None, len(candidates))
        lines = to_line(predicted[:, index], base, series.scale)
        mean = (weights * lines).sum(axis=0)
        apart = (weights * (lines - mean) ** 2).sum(axis=0)
        scatter = _scatter(series, folds, len(candidates))
        if floor is not None:
            scatter = replace(scatter, deviation=np.maximum(scatter.deviation, floor))
        shape = noise(from_line(mean, base, series.scale), base, series.scale)
        best = weights.argmax(axis=0)
        found.append(
            Choice(
                mean=mean,
                spread=np.sqrt(scatter.deviation**2 * (shape + _leverage(series, target)) + apart),
                weights=weights,
                leading=[
                    (candidates[trend], float(level[trend, index, row]), float(slope[trend, index, row]))
                    for row, trend in enumerate(best)
                ],
                scatter=scatter,
            )
        )
    return found


def _all_lines(series: SizeSeries, candidates: list[Trend], targets: Floats) -> tuple[Floats, Floats, Floats]:
    """Predicted values, levels and slopes [trends, targets, series]; trends of one shape are drawn together."""
    by_shape: dict[Shape, list[float | None]] = {}
    for trend in candidates:
        by_shape.setdefault(trend.shape, []).append(trend.spread)
    drawn: dict[tuple[Shape, float | None], Lines] = {
        (shape, spread): line
        for shape, spreads in by_shape.items()
        for spread, line in zip(spreads, draw(series, shape, spreads, targets), strict=True)
    }
    lines = [drawn[trend.shape, trend.spread] for trend in candidates]
    return (
        np.array([line.predicted for line in lines]),
        np.array([line.level for line in lines]),
        np.array([line.slope for line in lines]),
    )


def _hidden(count: int, index: int, side: Side) -> Booleans:
    positions = np.arange(count)
    if side == "inside":
        return np.asarray(positions == index)
    return np.asarray(positions >= index if side == "above" else positions <= index)


def _surrounded(series: SizeSeries, size: float) -> Booleans:
    seen = ~np.isnan(series.values)
    return np.asarray((seen & (series.sizes < size)).any(axis=1) & (seen & (series.sizes > size)).any(axis=1))


def _inner_hold_out(series: SizeSeries, rest: SizeSeries, wanted: Booleans, index: int) -> InnerHoldOut:
    size = float(series.sizes[index])
    predicted, _, _ = _all_lines(rest, trends(), np.array([size]))
    predicted = np.where(wanted, predicted[:, 0], np.nan)
    actual = np.where(wanted, series.values[:, index], np.nan)
    logarithms = series.scale == "log"
    difference = np.log(predicted) - np.log(actual) if logarithms else predicted - actual
    return InnerHoldOut(
        size=size,
        predicted=to_line(predicted, series.base_caps(), series.scale),
        errors=np.nan_to_num(np.abs(difference)),
        actual=actual,
        importance=wanted.astype(float),
        leverage=_leverage(rest, size),
    )


def _weights(series: SizeSeries, folds: list[InnerHoldOut], left_out: Booleans | None, candidates: int) -> Floats:
    """Weights [trends, series]; `left_out` are series whose own hold-outs must not be looked at, one at a time."""
    count = len(series.keys)
    if not folds:
        return np.full((candidates, count), 1.0 / candidates)
    summed = sum((fold.importance * fold.errors for fold in folds), np.zeros((candidates, count)))
    importance = np.sum([fold.importance for fold in folds], axis=0)
    members, own = series.groups
    totals, amounts = (summed @ members.T)[:, own], (members @ importance)[own]
    if left_out is not None:
        totals = totals - (summed * left_out)[:, :, None]
        amounts = amounts - (importance * left_out)[:, None]
    told = amounts > NEGLIGIBLE
    means = np.where(told, totals / np.where(told, amounts, 1.0), 0.0)
    return _softly_least(means.sum(axis=2) / np.maximum(told.sum(axis=1), 1))


def _softly_least(scores: Floats) -> Floats:
    """Weights [trends, series]; without any score all are alike."""
    least = scores.min(axis=0)
    weights = np.exp(-np.maximum(scores - least, 0.0) / (TEMPERATURE * np.maximum(least, 1e-9)))
    return np.asarray(weights / weights.sum(axis=0))


def _leverage(series: SizeSeries, target: float) -> Floats:
    """How much of the noise a line through log sizes passes on to the target, by series."""
    seen = ~np.isnan(series.values)
    counts = np.maximum(series.counts, 1)
    logs = np.log(series.sizes / target)
    mean = (seen * logs).sum(axis=1) / counts
    moment = (seen * (logs - mean[:, None]) ** 2).sum(axis=1)
    return np.asarray(1.0 / counts + mean**2 / np.where(moment > 0, moment, np.inf))


def _scatter(series: SizeSeries, folds: list[InnerHoldOut], candidates: int) -> Scatter:
    """What the hidden cells were missed by.

    Each is predicted by weights from the other hold-outs; where there is only one, from the other series.
    """
    base = series.base_caps()
    standardised = np.full((len(folds), len(series.keys)), np.nan)
    alone = np.ones(len(series.keys), dtype=bool) if len(folds) == 1 else None
    for index, fold in enumerate(folds):
        others = folds if alone is not None else folds[:index] + folds[index + 1 :]
        weights = _weights(series, others, alone, candidates)
        mean = (weights * fold.predicted).sum(axis=0)
        size = noise(from_line(mean, base, series.scale), base, series.scale) + fold.leverage
        standardised[index] = (to_line(fold.actual, base, series.scale) - mean) / np.sqrt(size)
    squares = np.nansum(standardised**2, axis=0)
    counts = (~np.isnan(standardised)).sum(axis=0)
    total = int(counts.sum())
    pooled = (USUAL_SCATTER_WEIGHT * USUAL_SCATTER**2 + squares.sum()) / (USUAL_SCATTER_WEIGHT + total)
    weight = np.minimum(POOLED_WEIGHT, USUAL_SCATTER_WEIGHT + total - counts)
    deviation = np.sqrt((weight * pooled + squares) / (weight + counts))
    return Scatter(
        deviation=deviation,
        freedom=weight + counts,
        standardised=standardised / deviation,
        residuals=total,
    )
