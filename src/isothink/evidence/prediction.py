"""The rule that predicts: values at sizes that were not run, with intervals, or the reason why not. Called by run/.

Each size asked for is predicted from what may be seen alone (size_forecast.py), and so are gains of one arm over
another (size_gain.py).
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from isothink.evidence.prediction_record import (
    Gain,
    HeldOut,
    HeldOutGain,
    HoldOutSummary,
    Predicted,
    Prediction,
)
from isothink.evidence.size_fit import series_fits
from isothink.evidence.size_forecast import LEVEL, Forecast, Forecaster
from isothink.evidence.size_gain import Pair, PairGain, pair_gains, pairs_of
from isothink.evidence.size_series import SizeSeries

Mode = Literal["larger", "others"]
Unit = Literal["percent", "fraction", "plain"]


@dataclass(frozen=True, kw_only=True)
class GainOver:
    """The level of a column that the others are compared with: `arm` and `ift`, for example."""

    column: str
    baseline: str


def predict(
    series: SizeSeries,
    columns: tuple[str, ...],
    *,
    at: tuple[float, ...] = (),
    hold_out: tuple[float, ...] = (),
    mode: Mode = "larger",
    unit: Unit = "fraction",
    gain_over: GainOver | None = None,
    notes: tuple[str, ...] = (),
) -> Prediction:
    """Fits of all series, predictions at the sizes `at`, and at each size of `hold_out` as if it had not been seen."""
    pairs = pairs_of(series.keys, columns.index(gain_over.column), gain_over.baseline) if gain_over else []
    writer = _Writer(
        series=series, columns=columns, factor=100.0 if unit == "percent" else 1.0, gain_over=gain_over, pairs=pairs
    )
    held = [writer.hold_out(size, mode) for size in hold_out]
    forecasts = Forecaster(series=series).at(at) if at else []
    return Prediction(
        fits=series_fits(series, columns, writer.factor),
        predictions=tuple(cell for forecast in forecasts for cell in writer.predictions(forecast)),
        gains=tuple(cell for forecast in forecasts for cell in writer.gains(forecast)),
        held_out=tuple(cell for cells, _, _ in held for cell in cells),
        held_out_gains=tuple(cell for _, cells, _ in held for cell in cells),
        hold_outs=tuple(summary for _, _, summary in held),
        unit=unit,
        level=LEVEL,
        notes=notes,
    )


@dataclass(frozen=True, kw_only=True)
class _Writer:
    """Turns arrays into records in the unit of the table."""

    series: SizeSeries
    columns: tuple[str, ...]
    factor: float
    gain_over: GainOver | None
    pairs: list[Pair] = field(default_factory=list)

    def _name(self, row: int) -> dict[str, str]:
        return dict(zip(self.columns, self.series.keys[row], strict=True))

    def _interval(self, forecast: Forecast, row: int) -> tuple[float, float] | None:
        if forecast.refused[row] is not None:
            return None
        return self.factor * float(forecast.low[row]), self.factor * float(forecast.high[row])

    def _value(self, forecast: Forecast, row: int) -> float | None:
        return None if forecast.refused[row] is not None else self.factor * float(forecast.predicted[row])

    def predictions(self, forecast: Forecast) -> list[Predicted]:
        return [
            Predicted(
                series=self._name(row),
                size=forecast.target,
                predicted=self._value(forecast, row),
                interval=self._interval(forecast, row),
                position=forecast.sides[row],
                refused=forecast.refused[row],
            )
            for row in range(len(self.series.keys))
        ]

    def gains(self, forecast: Forecast) -> list[Gain]:
        found = pair_gains(self.series, forecast, self.pairs)
        return [self._gain(pair, gain, forecast.target) for pair, gain in zip(self.pairs, found, strict=True)]

    def _gain(self, pair: Pair, found: PairGain, size: float) -> Gain:
        assert self.gain_over is not None, "pairs are made from it"
        others = (column for column in self.columns if column != self.gain_over.column)
        told = found.refused is None
        return Gain(
            series=dict(zip(others, pair.others, strict=True)),
            arm=pair.level,
            baseline=self.gain_over.baseline,
            size=size,
            gain=self.factor * found.gain if told else None,
            interval=(self.factor * found.low, self.factor * found.high) if told else None,
            refused=found.refused,
        )

    def hold_out(self, size: float, mode: Mode) -> tuple[list[HeldOut], list[HeldOutGain], HoldOutSummary]:
        series = self.series
        same = np.isclose(series.sizes, size, rtol=1e-9, atol=0.0)
        seen = series.without(same | (series.sizes > size) if mode == "larger" else same)
        actual = series.values[:, same.argmax()]
        rows = np.flatnonzero(~np.isnan(actual))
        forecast = Forecaster(series=seen).at([size])[0] if seen.sizes.size else None
        cells = [self._held_out(forecast, int(row), size, float(actual[row])) for row in rows]
        pairs = [pair for pair in self.pairs if not np.isnan(actual[[pair.row, pair.baseline_row]]).any()]
        found = pair_gains(seen, forecast, pairs) if forecast else [PairGain.none("no size is left")] * len(pairs)
        gains = [
            HeldOutGain(
                **self._gain(pair, gain, size).model_dump(),
                actual=self.factor * float(actual[pair.row] - actual[pair.baseline_row]),
            )
            for pair, gain in zip(pairs, found, strict=True)
        ]
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
            return cells, gains, summary
        guesses = np.array([_plain_guess(seen, row, size) for row in told])
        inside = (forecast.low[told] <= actual[told]) & (actual[told] <= forecast.high[told])
        figures = {
            "mean_absolute_error": self.factor * float(np.abs(forecast.predicted[told] - actual[told]).mean()),
            "plain_guess_error": self.factor * float(np.abs(guesses - actual[told]).mean()),
            "covered": float(inside.mean()),
            **_gain_figures(gains),
        }
        return cells, gains, summary.model_copy(update=figures)

    def _held_out(self, forecast: Forecast | None, row: int, size: float, actual: float) -> HeldOut:
        return HeldOut(
            series=self._name(row),
            size=size,
            actual=self.factor * actual,
            predicted=None if forecast is None else self._value(forecast, row),
            interval=None if forecast is None else self._interval(forecast, row),
            refused="no size is left" if forecast is None else forecast.refused[row],
        )


def _gain_figures(gains: list[HeldOutGain]) -> dict[str, float | int]:
    told = [(cell.gain, cell.interval, cell.actual) for cell in gains if cell.gain is not None and cell.interval]
    if not told:
        return {}
    return {
        "gains": len(told),
        "gains_of_right_sign": sum(bool(np.sign(gain) == np.sign(actual)) for gain, _, actual in told),
        "gains_mean_absolute_error": float(np.mean([abs(gain - actual) for gain, _, actual in told])),
        "gains_covered": float(np.mean([low <= actual <= high for _, (low, high), actual in told])),
    }


def _plain_guess(series: SizeSeries, row: int, size: float) -> float:
    seen = ~np.isnan(series.values[row])
    return float(np.interp(np.log(size), np.log(series.sizes[seen]), series.values[row][seen]))
