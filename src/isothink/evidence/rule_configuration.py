"""Configurations that were not run, as candidates of a verdict: what the rule expects of them, as draws.

`predicted_configurations` is for whoever decides with sizes that were asked for; it fits once for all of them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from isothink.domain.numbers import flops, scientific
from isothink.domain.record import Record
from isothink.evidence.candidates import DRAW_UNIT
from isothink.evidence.observations import Floats
from isothink.evidence.record import ConfigurationResult, ConventionCost, Evidence, Interval
from isothink.evidence.run_series import RunSeries, run_series
from isothink.evidence.size_forecast import LEVEL, Forecast
from isothink.evidence.size_gain import correlation, value_draws

DRAWS = 400
RELATIVE = 1.5
"""Costs at one budget differ by a step; by more than this factor, budgets are relative to each student."""
ONCE_AND_SHARES = ("fixed_flops", "completion_rate", "looping_rate", "thinking_rate")
LENGTHS = ("mean_prompt_tokens", "mean_trace_tokens", "mean_answer_tokens")
LARGEST_RATIO = 1e3
"""A draw of a cost is at most so many times the expected cost."""


class NotPredicted(Record):
    """A configuration that was asked for and cannot be had from the rule, and why."""

    family: str
    arm: str
    budget_flops: float
    parameters: int
    reason: str


def predicted_configuration(
    evidence: Evidence, family: str, arm: str, budget_flops: float, parameters: int
) -> ConfigurationResult | NotPredicted:
    """One configuration; several are had at once, and faster, from `predicted_configurations`."""
    found, refused = predicted_configurations(evidence, family, [parameters])
    every: tuple[ConfigurationResult | NotPredicted, ...] = (*found, *refused)
    for item in every:
        if (item.arm, item.budget_flops) == (arm, budget_flops):
            return item
    left_out = run_series(evidence.configurations, {}).left_out
    unknown = f"{arm} was not run on {family} with a budget of {flops(budget_flops)}"
    reason = left_out.get((family, budget_flops, arm), unknown)
    return NotPredicted(family=family, arm=arm, budget_flops=budget_flops, parameters=parameters, reason=reason)


def predicted_configurations(
    evidence: Evidence, family: str, sizes: Sequence[int]
) -> tuple[tuple[ConfigurationResult, ...], tuple[NotPredicted, ...]]:
    """Every arm and budget of a family at these sizes, and those that cannot be predicted.

    Costs are those of the evidence's convention alone. What else is paid once, and shares of answers, are read off the
    line in log size between the neighbours, or at the nearest size.
    """
    caps = {rule.family: rule.cap for rule in evidence.rules if rule.cap is not None}
    run = run_series(evidence.configurations, caps)
    rows = [row for row, key in enumerate(run.keys) if key[0] == family]
    expected = zip(run.accuracy.at(sizes), run.tokens.at(sizes), run.inference.at(sizes), strict=True) if rows else ()
    found, refused = [], []
    for accuracy, tokens, inference in expected:
        for row in rows:
            reason = _refusal(run, row, accuracy, inference)
            if reason is None:
                found.append(_configuration(evidence, run, row, accuracy, tokens, inference))
            else:
                _, budget, arm = run.keys[row]
                size = round(accuracy.target)
                refused.append(
                    NotPredicted(family=family, arm=arm, budget_flops=budget, parameters=size, reason=reason)
                )
    return tuple(found), tuple(refused)


def _refusal(run: RunSeries, row: int, accuracy: Forecast, inference: Forecast) -> str | None:
    if any(item.parameters == round(accuracy.target) for item in _members(run, row)):
        return "it was run"
    if accuracy.refused[row] is not None:
        return accuracy.refused[row]
    return None if inference.refused[row] is None else f"inference FLOPs: {inference.refused[row]}"


def _members(run: RunSeries, row: int) -> list[ConfigurationResult]:
    """What a series was made of, smallest first."""
    members = [item for item in run.configurations if (item.family, item.budget_flops, item.arm) == run.keys[row]]
    return sorted(members, key=lambda item: item.parameters)


def _configuration(
    evidence: Evidence, run: RunSeries, row: int, accuracy: Forecast, tokens: Forecast, inference: Forecast
) -> ConfigurationResult:
    family, budget, arm = run.keys[row]
    members = _members(run, row)
    parameters = round(accuracy.target)
    per_parameter = float(inference.predicted[row])
    cost = per_parameter * parameters
    training = _training_flops(members, parameters, budget)
    between = _between(members, parameters, ONCE_AND_SHARES)
    draws, cost_draws = _accuracy_draws(run, row, accuracy), _cost_draws(run, row, inference)
    expected = float(draws.mean())
    interval = Interval(low=float(accuracy.low[row]), high=float(accuracy.high[row]), level=LEVEL)
    lengths = _lengths(members, parameters, None if tokens.refused[row] is not None else float(tokens.predicted[row]))
    student = f"{scientific(parameters)} parameters"
    return ConfigurationResult(
        configuration=f"{student}, {arm}, {flops(budget)}",
        student=student,
        parameters=parameters,
        arm=arm,
        arm_kind=members[0].arm_kind,
        budget_flops=training,
        family=family,
        seeds=0,
        items=0,
        training_flops=training,
        fixed_flops=between["fixed_flops"],
        inference_flops_per_query=cost,
        lifetime_flops=training + between["fixed_flops"] + evidence.queries * cost,
        accuracy=float(accuracy.predicted[row]),
        interval=interval,
        expected_accuracy=expected,
        accuracy_draws=tuple(int(value) for value in np.rint(draws / DRAW_UNIT)),
        inference_draws=tuple(
            int(value) for value in np.rint(np.minimum(cost_draws / per_parameter, LARGEST_RATIO) / DRAW_UNIT)
        ),
        conventions={evidence.convention: ConventionCost(training_flops=training, inference_flops_per_query=cost)},
        accuracy_by_benchmark={},
        completion_rate=between["completion_rate"],
        accuracy_of_completed=None,
        looping_rate=between["looping_rate"],
        truncation_bounds=interval,
        thinking_rate=between["thinking_rate"],
        mean_prompt_tokens=lengths[0],
        mean_trace_tokens=lengths[1],
        mean_answer_tokens=lengths[2],
        unscored=0,
        edge=accuracy.sides[row] != "inside",
        source="predicted",
        serving=None,
    )


def _between(members: Sequence[ConfigurationResult], parameters: int, names: Sequence[str]) -> Mapping[str, float]:
    logs = np.log([item.parameters for item in members])
    return {
        name: float(np.interp(np.log(parameters), logs, [getattr(item, name) for item in members])) for name in names
    }


def _training_flops(members: Sequence[ConfigurationResult], parameters: int, budget: float) -> float:
    """The budget itself; where budgets are relative to each student, a line of log cost over log size."""
    costs = np.array([item.training_flops for item in members])
    if costs.min() <= 0 or costs.max() <= costs.min() * RELATIVE:
        return budget
    slope, level = np.polyfit(np.log([item.parameters for item in members]), np.log(costs), 1)
    return float(np.exp(level + slope * np.log(parameters)))


def _lengths(
    members: Sequence[ConfigurationResult], parameters: int, output_tokens: float | None
) -> tuple[float | None, float | None, float | None]:
    """Mean tokens of prompt, trace and answer, the last two stretched to the predicted output where there is one."""
    if any(getattr(item, name) is None for item in members for name in LENGTHS):
        return None, None, None
    prompt, trace, answer = _between(members, parameters, LENGTHS).values()
    written = trace + answer
    longer = output_tokens / written if output_tokens is not None and written > 0 else 1.0
    return prompt, longer * trace, longer * answer


def _accuracy_draws(run: RunSeries, row: int, forecast: Forecast) -> Floats:
    """Arms of one size are off together, by as much as in the hold-outs; sizes of one arm by the same in every draw."""
    side = forecast.sides[row]
    shared = correlation(forecast.choices[side], run.pairs) if side is not None else 0.0
    return value_draws(run.accuracy.series, forecast, row, _number(run, row), shared)[:DRAWS]


def _cost_draws(run: RunSeries, row: int, forecast: Forecast) -> Floats:
    return value_draws(run.inference.series, forecast, row, len(run.keys) + _number(run, row), 0.0)[:DRAWS]


def _number(run: RunSeries, row: int) -> int:
    """One for each arm and budget, whatever the family and the size."""
    arms = sorted({(arm, budget) for _, budget, arm in run.keys})
    _, budget, arm = run.keys[row]
    return arms.index((arm, budget))
