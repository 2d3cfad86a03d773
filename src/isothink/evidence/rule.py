"""The rule within a run: accuracy, gain, tokens and cost by size, fitted over all of a study. Called by analysis.py."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isothink.evidence.crossover import crossover_of
from isothink.evidence.observations import Floats
from isothink.evidence.prediction_record import SeriesFit
from isothink.evidence.record import Evidence
from isothink.evidence.rule_record import FamilyRule, RuleCrossover, RulePoint
from isothink.evidence.run_series import COLUMNS, Key, RunSeries, run_series
from isothink.evidence.settings import BASELINE
from isothink.evidence.size_fit import series_fits
from isothink.evidence.size_forecast import Forecast, Forecaster
from isothink.evidence.size_gain import PairGain, pair_gains

BELOW, ABOVE = 0.5, 4.0
"""Points go from this multiple of the smallest size to that of the largest."""
STEPS = 13
MOST_RUNGS = 12


def fit_rules(evidence: Evidence, caps: Mapping[str, float] | None = None) -> tuple[FamilyRule, ...]:
    """One rule per family of the study; `caps` are the teacher's accuracies by family, where known."""
    known = dict(caps or {})
    run = run_series(evidence.configurations, known)
    expected = _expect(run, _grid(run.accuracy.series.sizes))
    fits = {
        name: series_fits(forecaster.series, COLUMNS, 1.0, forecaster)
        for name, forecaster in (("fits", run.accuracy), ("token_fits", run.tokens), ("inference_fits", run.inference))
    }
    families = dict.fromkeys(item.family for item in run.configurations)
    return tuple(_family_rule(run, expected, fits, family, known.get(family)) for family in families)


@dataclass(frozen=True, kw_only=True)
class _Expected:
    """Forecasts, one per size of the grid, and the gains of each series [sizes][row]."""

    accuracy: list[Forecast]
    tokens: list[Forecast]
    inference: list[Forecast]
    gains: list[dict[int, PairGain]]


def _expect(run: RunSeries, grid: list[int]) -> _Expected:
    accuracy = run.accuracy.at(grid)
    rows = [pair.row for pair in run.pairs]
    return _Expected(
        accuracy=accuracy,
        tokens=run.tokens.at(grid),
        inference=run.inference.at(grid),
        gains=[
            dict(zip(rows, pair_gains(run.accuracy.series, forecast, run.pairs), strict=True)) for forecast in accuracy
        ],
    )


def _grid(sizes: Floats) -> list[int]:
    """Even steps in log size; where they are few, the sizes that were run and the middles between them."""
    if not sizes.size:
        return []
    even = np.geomspace(BELOW * sizes[0], ABOVE * sizes[-1], STEPS)
    rungs = (*sizes, *np.sqrt(sizes[1:] * sizes[:-1])) if len(sizes) <= MOST_RUNGS else ()
    return sorted({max(round(float(size)), 1) for size in (*even, *rungs)})


def _family_rule(
    run: RunSeries, expected: _Expected, fits: dict[str, tuple[SeriesFit, ...]], family: str, cap: float | None
) -> FamilyRule:
    rows = [row for row, key in enumerate(run.keys) if key[0] == family]
    left_out = [_left_out(key, reason) for key, reason in run.left_out.items() if key[0] == family]
    points = [_point(run, expected, row, index) for row in rows for index in range(len(expected.accuracy))]
    return FamilyRule(
        family=family,
        sizes=tuple(sorted({item.parameters for item in run.configurations if item.family == family})),
        cap=cap,
        **{name: (*(found[row] for row in rows), *left_out) for name, found in fits.items()},
        points=tuple(points),
        crossovers=tuple(_crossover(run, expected, row) for row in rows if any(pair.row == row for pair in run.pairs)),
    )


def _left_out(key: Key, reason: str) -> SeriesFit:
    family, budget, arm = key
    return SeriesFit(
        series=dict(zip(COLUMNS, (family, arm, f"{budget:.10g}"), strict=True)),
        sizes=(),
        cap=None,
        equation=None,
        level=None,
        slope=None,
        curvature=None,
        weight=None,
        refused=reason,
    )


def _point(run: RunSeries, expected: _Expected, row: int, index: int) -> RulePoint:
    _, budget, arm = run.keys[row]
    forecast = expected.accuracy[index]
    refused = forecast.refused[row]
    gain = expected.gains[index].get(row)
    no_gain = f"no {BASELINE} at this budget" if gain is None else gain.refused
    told = gain is not None and gain.refused is None
    cost = _number(expected.inference[index], row)
    return RulePoint(
        arm=arm,
        budget_flops=budget,
        parameters=round(forecast.target),
        accuracy=_number(forecast, row),
        interval=None if refused else (float(forecast.low[row]), float(forecast.high[row])),
        gain=gain.gain if gain and told else None,
        gain_interval=(gain.low, gain.high) if gain and told else None,
        output_tokens=_number(expected.tokens[index], row),
        inference_flops_per_query=None if cost is None else cost * forecast.target,
        extrapolated=forecast.sides[row] != "inside",
        refused=refused,
        gain_refused=None if arm == BASELINE else no_gain,
    )


def _number(forecast: Forecast, row: int) -> float | None:
    return None if forecast.refused[row] is not None else float(forecast.predicted[row])


def _crossover(run: RunSeries, expected: _Expected, row: int) -> RuleCrossover:
    _, budget, arm = run.keys[row]
    ladder = _shared_sizes(run.accuracy, row, next(pair.baseline_row for pair in run.pairs if pair.row == row))
    found = [(forecast.target, gains[row]) for forecast, gains in zip(expected.accuracy, expected.gains, strict=True)]
    told = [(size, gain.gain, gain.low, gain.high) for size, gain in found if gain.refused is None]
    if not told or not len(ladder):
        reasons = [gain.refused for _, gain in found if gain.refused] or ["no size was run with both arms"]
        reason = f"no crossover size: {reasons[-1]}"
        return RuleCrossover(arm=arm, budget_flops=budget, parameters=None, interval=None, reason=reason)
    parameters, interval, reason = crossover_of(np.array(told), float(ladder[0]), float(ladder[-1]))
    return RuleCrossover(arm=arm, budget_flops=budget, parameters=parameters, interval=interval, reason=reason)


def _shared_sizes(forecaster: Forecaster, row: int, other: int) -> Floats:
    values = forecaster.series.values
    return np.asarray(forecaster.series.sizes[~np.isnan(values[row]) & ~np.isnan(values[other])])
