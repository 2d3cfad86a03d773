"""An arm's gains over `ift`, student by student, and draws of them. Read by the files of patterns.py."""

from dataclasses import dataclass

import numpy as np

from isothink.evidence.draws import FamilyDraws
from isothink.evidence.interval import Interval
from isothink.evidence.observations import Floats
from isothink.evidence.record import Comparison
from isothink.evidence.settings import BASELINE

PATTERN_DRAWS = 2_000
"""The first draws, which are enough for an interval that describes."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """One arm and student at one budget: indices of the family's configurations, and draws of the gain."""

    comparison: Comparison
    chosen: int
    baseline: int
    draws: Floats


def gains_of(drawn: FamilyDraws, comparisons: tuple[Comparison, ...]) -> list[Gain]:
    """Those of a family, from the comparisons that were made anyway, in their order."""
    places = {
        (item.student, item.arm, _budget(item.budget_flops)): index
        for index, item in enumerate(drawn.family.configurations)
    }
    found = []
    for comparison in comparisons:
        if not _is_gain(comparison, drawn.family.name):
            continue
        chosen = places.get((comparison.student, comparison.arm, _budget(comparison.budget_flops)))
        baseline = places.get((comparison.student, BASELINE, _budget(comparison.budget_flops)))
        if chosen is not None and baseline is not None:
            errors = drawn.errors[:PATTERN_DRAWS, chosen] - drawn.errors[:PATTERN_DRAWS, baseline]
            found.append(
                Gain(comparison=comparison, chosen=chosen, baseline=baseline, draws=comparison.difference + errors)
            )
    return found


def _is_gain(comparison: Comparison, family: str) -> bool:
    return comparison.family == family and comparison.kind == "same_student" and comparison.axis == "training_flops"


def _budget(flops: float) -> str:
    """Equal for budgets that differ by rounding alone."""
    return f"{flops:.8e}"


def interval_of(draws: Floats, level: float, estimate: float) -> Interval:
    """The central range of draws, which holds the estimate."""
    tail = (1.0 - level) / 2
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return Interval(low=float(min(low, estimate)), high=float(max(high, estimate)), level=level)


def output_tokens(drawn: FamilyDraws) -> Floats:
    """Mean output tokens of every configuration of a family, trace and answer together."""
    data = drawn.family.observations
    return drawn.family.mean(data.trace_tokens + data.answer_tokens)
