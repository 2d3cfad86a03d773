"""Choosing one configuration: who is eligible, who is recommended, and what is expected of it. Called by verdict.py and
sensitivity.py."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isothink.evidence.candidates import Candidates
from isothink.evidence.observations import Floats
from isothink.evidence.record import Interval, Recommendation

Booleans = npt.NDArray[np.bool_]

ROUNDING = 1.0 + 1e-6  # a budget is met to rounding


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Who is eligible among candidates, by place, and who of them is chosen, at a training budget in their FLOPs."""

    among: Candidates
    eligible: tuple[int, ...]
    chosen: int
    budget_flops: float


def within(costs: Floats, cap: float | None) -> Booleans:
    """Which costs a cap allows; no cap allows all."""
    return np.asarray(costs <= (np.inf if cap is None else cap * ROUNDING))


def choose(
    eligible: Sequence[int], accuracy: Floats, draws: Floats, lifetime: Floats, *, level: float, tolerance: float
) -> int:
    """The highest expected accuracy, then the lowest whole-life cost among those not resolvably worse.

    Not resolvably worse: the `level` interval of the paired difference contains zero. Costs within the relative
    `tolerance` of the lowest are ties, which the higher accuracy wins: budgets are caps, met to within a step.
    """
    best = max(eligible, key=lambda index: (accuracy[index], -lifetime[index]))
    tail = (1.0 - level) / 2
    near = [best, *(index for index in eligible if np.quantile(draws[:, best] - draws[:, index], tail) <= 0.0)]
    lowest = min(lifetime[index] for index in near)
    cheap = [index for index in near if lifetime[index] <= lowest * (1.0 + tolerance)]
    return max(cheap, key=lambda index: (accuracy[index], -lifetime[index]))


def tied(costs: Floats, tolerance: float) -> Floats:
    """The costs with those within the relative `tolerance` of a lower one made equal to it, from the lowest up."""
    result = np.array(costs, dtype=np.float64)
    anchor = -np.inf
    for index in np.argsort(result, kind="stable"):
        if result[index] > anchor * (1.0 + tolerance) or anchor < 0:
            anchor = result[index]
        result[index] = anchor
    return result


def recommendation(
    choice: Choice,
    index: int,
    *,
    queries: float,
    level: float,
    priced: bool,
    extrapolated: bool,
) -> Recommendation:
    """What is expected of one configuration beside the other eligible ones.

    Its accuracy is the shrunk estimate: under the model that shrinks, the posterior of the selected configuration is
    the same as had it not been selected (Dawid 1994, IMS Lecture Notes 24), which corrects for the selection. Draws in
    which it is as good as the best, both all right for instance, count as ones in which it is the best. `priced` says
    that the candidates' costs are in another unit than the FLOPs of the study's convention.
    """
    among = choice.among
    one = among.results[index]
    drawn = np.clip(among.draws, 0.0, 1.0)  # luck may go beyond all right; no accuracy does
    own, highest = drawn[:, index], drawn[:, list(choice.eligible)].max(axis=1)
    tail = (1.0 - level) / 2
    low, high = np.quantile(own, [tail, 1.0 - tail])
    accuracy = float(among.accuracy[index])
    return Recommendation(
        cell=one.configuration,
        source=one.source,
        student=one.student,
        parameters=one.parameters,
        arm=one.arm,
        accuracy=accuracy,
        interval=Interval(low=min(float(low), accuracy), high=max(float(high), accuracy), level=level),
        probability_best=float((own >= highest).mean()),
        expected_regret_points=100.0 * float((highest - own).mean()),
        training_flops=one.training_flops,
        inference_flops_per_query=one.inference_flops_per_query,
        lifetime_flops=one.training_flops + one.fixed_flops + queries * one.inference_flops_per_query,
        training_cost=float(among.training[index]) if priced else None,
        inference_cost_per_query=float(among.per_query[index]) if priced else None,
        lifetime_cost=float(among.lifetime(queries)[index]) if priced else None,
        extrapolated=extrapolated or (one.source == "predicted" and one.edge),
        edge=one.edge,
    )
