"""One way of drawing a trend through every series at once, and what it predicts. Called by size_choice.py.

On the scale of the line a series is  y = a + b g(s) + walk(s) + noise:  a its own, b drawn from one distribution
for all series (partial pooling: the mean is estimated, `spread` is the variance of b relative to the noise), `walk`
a random walk in g (0: none; large: nearer sizes count, as in kriging), and the noise of sizes far from the
predicted one grows by `forgetting` per unit of log size (a soft window). Everything is closed form: generalised
least squares per series, then Lindley & Smith's pooled slopes (JRSS B 34, 1972, 1-41).
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from isothink.evidence.observations import Floats
from isothink.evidence.size_series import Booleans, SizeSeries
from isothink.evidence.value_scale import bend, from_line, noise, to_line

FEWEST_SIZES = 2
CURVATURES = (0.0, -0.25, 0.25, 0.5, 0.75, 1.0)
_MISSING = 1e9
"""The noise of a cell that is not there: it has no weight."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The settings that decide a series' own line."""

    curvature: float
    forgetting: float
    walk: float


@dataclass(frozen=True, kw_only=True)
class Trend:
    """All settings; a `spread` of infinity leaves every slope alone, None makes every slope zero."""

    shape: Shape
    spread: float | None


def trends() -> list[Trend]:
    """Every trend that is tried, the plainest first."""
    shapes = [
        Shape(curvature=curvature, forgetting=forgetting, walk=walk)
        for curvature, forgetting, walk in itertools.product(CURVATURES, (0.0, 1.0), (0.0, 1.0, 10.0))
    ]
    found = [Trend(shape=shape, spread=spread) for shape in shapes for spread in (math.inf, 1.0, 0.1)]
    flat = [shape for shape in shapes if shape.curvature == 0.0]
    return found + [Trend(shape=shape, spread=None) for shape in flat]


@dataclass(frozen=True, kw_only=True)
class Lines:
    """A trend's lines [targets, series]: value = from_line(level + slope g(size)), and the predicted values."""

    level: Floats
    slope: Floats
    predicted: Floats


def draw(series: SizeSeries, shape: Shape, spreads: list[float | None], targets: Floats) -> list[Lines]:
    """The lines of every series for one shape, once per spread; NaN for series with fewer than two sizes."""
    caps, seen = series.base_caps(), ~np.isnan(series.values)
    enough = seen.sum(axis=1) >= FEWEST_SIZES
    largest = float(series.sizes.max())
    axis = bend(series.sizes, largest, shape.curvature)
    at = bend(targets, largest, shape.curvature)
    walked = shape.walk * np.array([_walk(axis, float(place)) for place in at])
    inverse = _inverse_covariance(series, seen, caps, shape.forgetting, walked[:, :, :-1], targets)
    lines = np.where(seen, to_line(np.where(seen, series.values, 0.5), caps[:, None], series.scale), 0.0)
    slopes, variances = _own_slopes(inverse, axis, lines)
    shared = walked[:, None, :, -1] * seen
    weights = inverse.sum(axis=2)
    total = weights.sum(axis=2)
    found = []
    for spread in spreads:
        slope = _pooled(slopes, variances, spread, enough)
        rest = lines - slope[:, :, None] * axis
        level = (weights * rest).sum(axis=2) / total
        predicted_line = level + slope * at[:, None]
        if shape.walk:
            drift = (inverse @ (rest - level[:, :, None])[..., None])[..., 0]
            predicted_line = predicted_line + (shared * drift).sum(axis=2)
        predicted = from_line(predicted_line, caps, series.scale)
        found.append(
            Lines(
                **{
                    name: np.where(enough, values, np.nan)
                    for name, values in (("level", level), ("slope", slope), ("predicted", predicted))
                }
            )
        )
    return found


def _walk(axis: Floats, at: float) -> Floats:
    """The covariance of a random walk at the sizes, with itself and, in the last column, with the target."""
    start = min(float(axis.min()), at)
    return np.minimum.outer(axis - start, np.append(axis, at) - start)


def _inverse_covariance(
    series: SizeSeries, seen: Booleans, caps: Floats, forgetting: float, walked: Floats, targets: Floats
) -> Floats:
    """[targets, series, sizes, sizes]."""
    distance = np.abs(np.log(series.sizes / targets[:, None]))[:, None, :]
    nearest = np.min(np.where(seen, distance, np.inf), axis=2)
    beyond = np.maximum(distance - np.where(np.isfinite(nearest), nearest, 0.0)[:, :, None], 0.0)
    own = noise(np.where(seen, series.values, 0.5), caps[:, None], series.scale) * np.exp(forgetting * beyond)
    own = np.where(seen, own, _MISSING)
    both = seen[:, :, None] & seen[:, None, :]
    covariance = own[..., None] * np.eye(len(series.sizes)) + walked[:, None] * both
    return np.asarray(np.linalg.inv(covariance))


def _own_slopes(inverse: Floats, axis: Floats, lines: Floats) -> tuple[Floats, Floats]:
    weights = inverse.sum(axis=2)
    total = weights.sum(axis=2)
    by_axis = inverse @ axis
    mean = (weights * axis).sum(axis=2) / total
    curve = by_axis @ axis - total * mean**2
    moment = (by_axis * lines).sum(axis=2) - mean * (weights * lines).sum(axis=2)
    curve = np.maximum(curve, 1e-12)
    return moment / curve, 1.0 / curve


def _pooled(slopes: Floats, variances: Floats, spread: float | None, enough: Booleans) -> Floats:
    if spread is None:
        return np.zeros_like(slopes)
    if math.isinf(spread) or not enough.any():
        return slopes
    weights = enough / (variances + spread)
    mean = (weights * np.where(enough, slopes, 0.0)).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    return np.asarray((variances * mean + spread * slopes) / (variances + spread))
