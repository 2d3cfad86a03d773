"""Choosing one configuration: who is eligible, who is recommended, and what is expected of it. Called by verdict.py and
sensitivity.py."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isothink.evidence.configuration import is_edge
from isothink.evidence.observations import Floats
from isothink.evidence.record import Interval, Recommendation
from isothink.evidence.workings import Workings

Booleans = npt.NDArray[np.bool_]

ROUNDING = 1.0 + 1e-6  # a budget is met to rounding


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


def lifetime_costs(workings: Workings, family: str, queries: float) -> Floats:
    """F + V q of every configuration, in the stated convention."""
    drawn = workings.family(family).drawn
    convention = workings.settings.convention
    once = [item.training_flops[convention] + item.fixed_flops for item in drawn.family.configurations]
    return np.array(once) + queries * drawn.inference


def recommendation(
    workings: Workings, family: str, index: int, eligible: Sequence[int], queries: float, *, extrapolated: bool
) -> Recommendation:
    """What is expected of one configuration beside the other eligible ones.

    Its accuracy is the shrunk estimate: under the model that shrinks, the posterior of the selected configuration is
    the same as had it not been selected (Dawid 1994, IMS Lecture Notes 24), which corrects for the selection.
    """
    part = workings.family(family)
    item = part.drawn.family.configurations[index]
    settings = workings.settings
    draws = part.shrunk.draws[:, list(eligible)]
    own = part.shrunk.draws[:, index]
    highest = draws.max(axis=1)
    tail = (1.0 - settings.level) / 2
    low, high = np.clip(np.quantile(own, [tail, 1.0 - tail]), 0.0, 1.0)
    accuracy = float(part.shrunk.accuracy[index])
    return Recommendation(
        cell=item.name,
        source="imported" if item.name in workings.imported else "trained",
        student=item.student,
        parameters=item.parameters,
        arm=item.arm,
        accuracy=accuracy,
        interval=Interval(low=min(float(low), accuracy), high=max(float(high), accuracy), level=settings.level),
        probability_best=float((own >= highest).mean()),
        expected_regret_points=100.0 * float((highest - own).mean()),
        training_flops=item.training_flops[settings.convention],
        inference_flops_per_query=float(part.drawn.inference[index]),
        lifetime_flops=float(lifetime_costs(workings, family, queries)[index]),
        extrapolated=extrapolated,
        edge=is_edge(part.drawn.family, item, workings.question.students),
    )
