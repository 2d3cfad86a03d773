"""Reasoning minus IFT at one budget, from published cells that cost no more. Called by prior.py and its equal costs.

Nothing here is ever resolved: there is one training run per cell, so no figure of training luck but what contrasts
between setups hold, and a user's own study with one seed resolves nothing either. Intervals and p-values are those of
the draws, setup variation included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from isothink.evidence.multiplicity import holm
from isothink.evidence.observations import Floats
from isothink.evidence.record import Axis, Comparison, ConfigurationResult, Interval

SIGNIFICANCE = 0.10
POWER = 0.80
_ROUNDING = 1.0 + 1e-6


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What IFT reaches: the students that it is read from, its accuracy, draws of it, and the least that it may be.

    How many answers were cut off is not known, so `low` is the published accuracy and the highest that it may be is 1.
    """

    students: tuple[str, ...]
    accuracy: float
    draws: Floats
    low: float
    extrapolated: bool


def affordable_cells(configurations: Sequence[ConfigurationResult], budget_flops: float) -> list[ConfigurationResult]:
    """The cells whose own training cost is within the budget."""
    return [item for item in configurations if item.training_flops <= budget_flops * _ROUNDING]


def prior_comparisons(
    configurations: Sequence[ConfigurationResult], *, budget_flops: float, level: float
) -> tuple[Comparison, ...]:
    """The best student of each arm among what the budget pays for, then every student that has both arms.

    A student's two cells cost what they cost whatever the budget, and what its gain is by size does not depend on it.
    """
    eligible = affordable_cells(configurations, budget_flops)
    ift, reasoning = ([item for item in eligible if item.arm == arm] for arm in ("ift", "reasoning"))
    baselines = {item.student: item for item in configurations if item.arm == "ift"}
    same = [
        compared("same_student", [item], _best([baselines[item.student]]), budget_flops=budget_flops, level=level)
        for item in configurations
        if item.arm == "reasoning" and item.student in baselines
    ]
    if not ift or not reasoning:
        return tuple(same)
    return (compared("best_student", reasoning, _best(ift), budget_flops=budget_flops, level=level), *same)


def _best(cells: Sequence[ConfigurationResult]) -> Baseline:
    """The most accurate of IFT's cells; draws select it anew."""
    chosen = max(cells, key=lambda item: item.expected_accuracy)
    return Baseline(
        students=(chosen.student,),
        accuracy=chosen.expected_accuracy,
        draws=_highest(cells),
        low=chosen.truncation_bounds.low,
        extrapolated=False,
    )


def compared(
    kind: Literal["same_student", "best_student"],
    ours: Sequence[ConfigurationResult],
    theirs: Baseline,
    *,
    budget_flops: float,
    level: float,
    axis: Axis = "training_flops",
    cost: float | None = None,
) -> Comparison:
    """The selection of the best student is redone in every draw."""
    chosen = max(ours, key=lambda item: item.expected_accuracy)
    draws = _highest(ours) - theirs.draws
    difference = chosen.expected_accuracy - theirs.accuracy
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    p_value = _two_sided_p(draws)
    [adjusted] = holm([p_value])  # one arm at one budget of one family is all that is reported on an axis
    return Comparison(
        family=chosen.family,
        kind=kind,
        arm=chosen.arm,
        baseline="ift",
        budget_flops=budget_flops,
        student=chosen.student,
        baseline_student=" and ".join(theirs.students),
        difference=difference,
        interval=Interval(low=min(float(low), difference), high=max(float(high), difference), level=level),
        p_value=p_value,
        adjusted_p_value=adjusted if kind == "best_student" else None,
        smallest_resolvable=_smallest_resolvable(draws),
        truncation_bounds=Interval(
            low=chosen.truncation_bounds.low - 1.0, high=chosen.truncation_bounds.high - theirs.low, level=1.0
        ),
        outcome="unresolved",
        axis=axis,
        cost=chosen.training_flops if cost is None else cost,
        extrapolated=theirs.extrapolated,
        seed_share=1.0,
    )


def _highest(items: Sequence[ConfigurationResult]) -> Floats:
    return np.asarray(np.max([item.accuracy_draws for item in items], axis=0) / 1e4)


def _two_sided_p(draws: Floats) -> float:
    """As in comparison.py, which needs scipy: twice the share beyond zero, counting one more."""
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2.0 * (1 + beyond) / (draws.size + 1))


def _smallest_resolvable(draws: Floats) -> float:
    """Half the width at the level of significance, plus a normal quantile of the power: more runs of the same table
    would not lower it."""
    tail = SIGNIFICANCE / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    one_low, one_high = np.quantile(draws, [0.15866, 0.84134])
    return float((high - low) / 2 + NormalDist().inv_cdf(POWER) * (one_high - one_low) / 2)
