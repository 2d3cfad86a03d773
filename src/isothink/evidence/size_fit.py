"""The leading trend of every series as an equation. Called by prediction.py and rule.py."""

import numpy as np

from isothink.evidence.prediction_record import SeriesFit
from isothink.evidence.size_forecast import Forecast, Forecaster
from isothink.evidence.size_series import SizeSeries

STEP_BEYOND = 2.0
"""Equations are those that would predict a size so many times the largest."""


def series_fits(
    series: SizeSeries, columns: tuple[str, ...], factor: float, forecaster: Forecaster | None = None
) -> tuple[SeriesFit, ...]:
    """One fit per series; `factor` turns shares into the unit of the table."""
    if not series.sizes.size:
        return ()
    forecast = (forecaster or Forecaster(series=series)).at([STEP_BEYOND * float(series.sizes.max())])[0]
    names = [dict(zip(columns, key, strict=True)) for key in series.keys]
    return tuple(_fit(series, forecast, row, name, factor) for row, name in enumerate(names))


def _fit(series: SizeSeries, forecast: Forecast, row: int, name: dict[str, str], factor: float) -> SeriesFit:
    side, refused = forecast.sides[row], forecast.refused[row]
    common = {
        "series": name,
        "sizes": tuple(float(size) for size in series.sizes[~np.isnan(series.values[row])]),
        "cap": None if series.scale == "log" else factor * float(series.base_caps()[row]),
        "refused": refused,
    }
    if refused is not None or side is None:
        empty = dict.fromkeys(("equation", "level", "slope", "curvature", "weight"))
        return SeriesFit.model_validate({**common, **empty})
    choice = forecast.choices[side]
    trend, level, slope = choice.leading[row]
    curvature = trend.shape.curvature
    line = f"{level:.3f} {'-' if slope < 0 else '+'} {abs(slope):.3f} * {_bend_text(series, curvature)}"
    cap = f"{factor * float(series.base_caps()[row]):.4g}"
    equation = f"exp({line})" if series.scale == "log" else f"{cap} / (1 + exp(-({line})))"
    weight = float(choice.weights[:, row].max())
    return SeriesFit.model_validate(
        {**common, "equation": equation, "level": level, "slope": slope, "curvature": curvature, "weight": weight}
    )


def _bend_text(series: SizeSeries, curvature: float) -> str:
    largest = f"{float(series.sizes.max()):g}"
    if curvature == 0.0:
        return f"ln(size / {largest})"
    return f"(1 - (size / {largest})^{-curvature:g}) / {curvature:g}"
