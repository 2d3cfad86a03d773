"""The rule that predicts: values at sizes that were not run, with intervals, or the reason why not. Called by run/.

Each size asked for is predicted from what may be seen alone; trends and widths come from inner hold-outs
(size_choice.py).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from isothink.evidence.observations import Floats
from isothink.evidence.prediction_record import HeldOut, HoldOutSummary, Predicted, Prediction, SeriesFit
from isothink.evidence.size_choice import Choice, Side, choose
from isothink.evidence.size_series import Booleans, SizeSeries
from isothink.evidence.size_trend import FEWEST_SIZES
from isothink.evidence.value_scale import from_line, noise, to_line

LEVEL = 0.90
FEWEST_FOR_TWO_SIZES = 3
"""Hold-outs of other series that must have been predicted before a series of only two sizes is."""
LARGE_TURN = 0.3
"""In logits, weighted down near the ends: a series that falls and rises by this much (7 points in the middle) ..."""
EVEN_TURN = 0.5
"""... and by no less than this share of the larger of the two has turned, and no trend says where it goes."""
FARTHEST = 100.0
"""A size so many times beyond all that a series has is not predicted."""
STEP_BEYOND = 2.0
"""Equations are those that would predict a size so many times the largest."""

Mode = Literal["larger", "others"]
Unit = Literal["percent", "fraction", "plain"]


@dataclass(frozen=True, kw_only=True)
class _Forecast:
    """One target size, by series: numbers, or NaN with the reason."""

    predicted: Floats
    low: Floats
    high: Floats
    sides: list[Side | None]
    refused: list[str | None]
    choices: dict[Side, Choice]


def predict(
    series: SizeSeries,
    columns: tuple[str, ...],
    *,
    at: tuple[float, ...] = (),
    hold_out: tuple[float, ...] = (),
    mode: Mode = "larger",
    unit: Unit = "fraction",
    notes: tuple[str, ...] = (),
) -> Prediction:
    """Fits of all series, predictions at the sizes `at`, and at each size of `hold_out` as if it had not been seen."""
    writer = _Writer(series=series, columns=columns, factor=100.0 if unit == "percent" else 1.0)
    held, summaries = [], []
    for size in hold_out:
        cells, summary = writer.hold_out(size, mode)
        held.extend(cells)
        summaries.append(summary)
    return Prediction(
        fits=tuple(writer.fits()),
        predictions=tuple(cell for size in at for cell in writer.predictions(size)),
        held_out=tuple(held),
        hold_outs=tuple(summaries),
        unit=unit,
        level=LEVEL,
        notes=notes,
    )


def _forecast(series: SizeSeries, target: float) -> _Forecast:
    count = len(series.keys)
    found = {name: np.full(count, np.nan) for name in ("predicted", "low", "high")}
    far = _far(series, target)
    sides = [None if far[row] else _side(series, row, target) for row in range(count)]
    distant = f"no size of it lies within a factor of {FARTHEST:g}"
    refused: list[str | None] = [distant if number else "no size of it is left" for number in series.counts]
    choices: dict[Side, Choice] = {}
    base = series.base_caps()
    for side in dict.fromkeys(side for side in sides if side is not None):
        choices[side] = choice = choose(series, target, side, LEVEL)
        reasons = _refusals(series, choice, side)
        for row in (row for row in range(count) if sides[row] == side):
            refused[row] = reasons[row]
            if reasons[row] is None:
                ends = choice.mean[row] + choice.half_width[row] * np.array([0.0, -1.0, 1.0])
                values = from_line(ends, base[row], series.scale)
                found["predicted"][row], found["low"][row], found["high"][row] = values
    return _Forecast(**found, sides=sides, refused=refused, choices=choices)


def _side(series: SizeSeries, row: int, target: float) -> Side | None:
    sizes = series.sizes[~np.isnan(series.values[row])]
    if not len(sizes):
        return None
    return "above" if target > sizes.max() else "below" if target < sizes.min() else "inside"


def _refusals(series: SizeSeries, choice: Choice, side: Side) -> list[str | None]:
    turned = _turned(series) if side != "inside" else np.zeros(len(series.keys), dtype=bool)
    reasons: list[str | None] = []
    for count, turn in zip(series.counts.tolist(), turned.tolist(), strict=True):
        if count < FEWEST_SIZES:
            reasons.append("one size only: a trend needs two, and an interval three of it or of other series")
        elif choice.residuals == 0:
            reasons.append("no series has a size that the others could predict: an interval needs three sizes")
        elif count == FEWEST_SIZES and choice.residuals < FEWEST_FOR_TWO_SIZES:
            reasons.append("two sizes only, and too few other series with three to say how far a trend is off")
        elif turn:
            reasons.append("it falls and rises by too much for noise: no trend says where it goes")
        else:
            reasons.append(None)
    return reasons


def _far(series: SizeSeries, target: float) -> Booleans:
    """Which series have no size within the farthest ratio of the target."""
    ratios = np.exp(np.abs(np.log(series.sizes) - np.log(target)))
    return np.asarray(~((ratios <= FARTHEST) & ~np.isnan(series.values)).any(axis=1))


def _turned(series: SizeSeries) -> Booleans:
    """Which series fall and rise by too much for one trend."""
    base = series.base_caps()
    turned = []
    for values, cap in zip(series.values, base, strict=True):
        seen = values[~np.isnan(values)]
        lines = to_line(seen, np.full(len(seen), cap), series.scale)
        scatter = np.sqrt(noise(seen, np.full(len(seen), cap), series.scale))
        differences = np.triu((lines[None, :] - lines[:, None]) / np.maximum(scatter[None, :], scatter[:, None]), 1)
        moves = sorted((float(differences.max(initial=0.0)), float(-differences.min(initial=0.0))))
        turned.append(moves[0] >= LARGE_TURN and moves[0] >= EVEN_TURN * moves[1])
    return np.array(turned, dtype=bool)


@dataclass(frozen=True, kw_only=True)
class _Writer:
    """Turns arrays into records in the unit of the table."""

    series: SizeSeries
    columns: tuple[str, ...]
    factor: float

    def _name(self, row: int) -> dict[str, str]:
        return dict(zip(self.columns, self.series.keys[row], strict=True))

    def _interval(self, forecast: _Forecast, row: int) -> tuple[float, float] | None:
        if forecast.refused[row] is not None:
            return None
        return self.factor * float(forecast.low[row]), self.factor * float(forecast.high[row])

    def _value(self, forecast: _Forecast, row: int) -> float | None:
        return None if forecast.refused[row] is not None else self.factor * float(forecast.predicted[row])

    def fits(self) -> list[SeriesFit]:
        series = self.series
        if not series.sizes.size:
            return []
        forecast = _forecast(series, STEP_BEYOND * float(series.sizes.max()))
        return [self._fit(forecast, row) for row in range(len(series.keys))]

    def _fit(self, forecast: _Forecast, row: int) -> SeriesFit:
        series, side = self.series, forecast.sides[row]
        refused = forecast.refused[row]
        common = {
            "series": self._name(row),
            "sizes": tuple(float(size) for size in series.sizes[~np.isnan(series.values[row])]),
            "cap": None if series.scale == "log" else self.factor * float(series.base_caps()[row]),
            "refused": refused,
        }
        if refused is not None or side is None:
            empty = dict.fromkeys(("equation", "level", "slope", "curvature", "weight"))
            return SeriesFit.model_validate({**common, **empty})
        choice = forecast.choices[side]
        trend, level, slope = choice.leading[row]
        curvature = trend.shape.curvature
        line = f"{level:.3f} {'-' if slope < 0 else '+'} {abs(slope):.3f} * {_bend_text(series, curvature)}"
        cap = f"{self.factor * float(series.base_caps()[row]):.4g}"
        equation = f"exp({line})" if series.scale == "log" else f"{cap} / (1 + exp(-({line})))"
        weight = float(choice.weights[:, row].max())
        return SeriesFit.model_validate(
            {**common, "equation": equation, "level": level, "slope": slope, "curvature": curvature, "weight": weight}
        )

    def predictions(self, size: float) -> list[Predicted]:
        forecast = _forecast(self.series, size)
        return [
            Predicted(
                series=self._name(row),
                size=size,
                predicted=self._value(forecast, row),
                interval=self._interval(forecast, row),
                position=forecast.sides[row],
                refused=forecast.refused[row],
            )
            for row in range(len(self.series.keys))
        ]

    def hold_out(self, size: float, mode: Mode) -> tuple[list[HeldOut], HoldOutSummary]:
        series = self.series
        same = np.isclose(series.sizes, size, rtol=1e-9, atol=0.0)
        seen = series.without(same | (series.sizes > size) if mode == "larger" else same)
        actual = series.values[:, same.argmax()]
        rows = np.flatnonzero(~np.isnan(actual))
        forecast = _forecast(seen, size) if seen.sizes.size else None
        cells = [self._held_out(forecast, int(row), size, float(actual[row])) for row in rows]
        told = [int(row) for row in rows if forecast is not None and forecast.refused[row] is None]
        summary = HoldOutSummary(
            size=size,
            mode=mode,
            predicted=len(told),
            refused=len(rows) - len(told),
            mean_absolute_error=None,
            plain_guess_error=None,
            covered=None,
        )
        if forecast is None or not told:
            return cells, summary
        guesses = np.array([_plain_guess(seen, row, size) for row in told])
        inside = (forecast.low[told] <= actual[told]) & (actual[told] <= forecast.high[told])
        figures = {
            "mean_absolute_error": self.factor * float(np.abs(forecast.predicted[told] - actual[told]).mean()),
            "plain_guess_error": self.factor * float(np.abs(guesses - actual[told]).mean()),
            "covered": float(inside.mean()),
        }
        return cells, summary.model_copy(update=figures)

    def _held_out(self, forecast: _Forecast | None, row: int, size: float, actual: float) -> HeldOut:
        return HeldOut(
            series=self._name(row),
            size=size,
            actual=self.factor * actual,
            predicted=None if forecast is None else self._value(forecast, row),
            interval=None if forecast is None else self._interval(forecast, row),
            refused="no size is left" if forecast is None else forecast.refused[row],
        )


def _bend_text(series: SizeSeries, curvature: float) -> str:
    largest = f"{float(series.sizes.max()):g}"
    if curvature == 0.0:
        return f"ln(size / {largest})"
    return f"(1 - (size / {largest})^{-curvature:g}) / {curvature:g}"


def _plain_guess(series: SizeSeries, row: int, size: float) -> float:
    seen = ~np.isnan(series.values[row])
    return float(np.interp(np.log(size), np.log(series.sizes[seen]), series.values[row][seen]))
