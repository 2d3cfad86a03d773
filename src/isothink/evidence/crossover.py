"""The size of student at which the fitted gain of reasoning is zero. Called by verdict.py and rule.py."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from isothink.domain.numbers import scientific
from isothink.evidence.observations import Floats
from isothink.evidence.rule_record import FamilyRule, RuleCrossover
from isothink.evidence.wording import points

FEWEST_STUDENTS = 3


def crossover_parameters(sizes: Sequence[int], gains: Sequence[float]) -> tuple[float | None, str]:
    """Parameters at which a least-squares line of gain on log size crosses zero, and a reason where there is none.

    A crossing outside the ladder is not reported: a line through few sizes says little beyond them.
    """
    if len(set(sizes)) < FEWEST_STUDENTS:
        return (
            None,
            f"no crossover size: it needs {FEWEST_STUDENTS} students with both arms, and {len(set(sizes))} have",
        )
    logs = np.log(np.array(sizes, dtype=np.float64))
    centred = logs - logs.mean()
    slope = float(centred @ np.array(gains) / (centred @ centred))
    level = float(np.mean(gains))
    if slope == 0.0:
        return None, "no crossover size: the fitted gain of reasoning does not change with size"
    position = float(logs.mean()) - level / slope
    if not math.log(min(sizes)) <= position <= math.log(max(sizes)):
        sign = "positive" if level > 0 else "negative"
        return None, f"no crossover size: the fitted gain of reasoning is {sign} over the whole ladder"
    return math.exp(position), ""


Ends = tuple[float | None, float | None]


def crossover_of(gains: Floats, smallest: float, largest: float) -> tuple[float | None, Ends | None, str]:
    """Where a curve of gains is zero between two sizes, with an interval, or a reason where it is nowhere or often.

    `gains` has rows of size, gain and the ends of its interval, by size, and may go beyond the two sizes. The interval
    holds the sizes around the crossing at which the gain's interval holds zero; None is an end that is not in the rows.
    """
    logs, values = np.log(gains[:, 0]), gains[:, 1]
    crossings = [math.exp(place) for place in _zeros(logs, values)]
    inside = [size for size in crossings if smallest <= size <= largest]
    if len(inside) == 1:
        return inside[0], _around(logs, gains, math.log(inside[0])), ""
    if inside:
        places = " and ".join(scientific(size) for size in inside)
        return None, None, f"no one crossover size: the fitted gain is zero at {places} parameters"
    ladder = (gains[:, 0] >= smallest) & (gains[:, 0] <= largest)
    within = values[ladder] if ladder.any() else values
    sign = "zero" if not within.any() else "positive" if within.max() > 0 else "negative"
    reason = f"no crossover size: the fitted gain is {sign} over the whole ladder"
    reason += f" ({points(float(within.min()))} to {points(float(within.max()))} points)"
    if crossings:
        reason += f"; beyond it, it reaches zero at about {scientific(min(crossings, key=_from(smallest, largest)))}"
    return None, None, reason


def _from(smallest: float, largest: float) -> Callable[[float], float]:
    """How far a size lies outside the ladder, as a ratio."""
    return lambda size: max(smallest / size, size / largest)


def _zeros(logs: Floats, values: Floats) -> list[float]:
    """Where lines between neighbours change sign."""
    places = []
    for index in range(len(logs) - 1):
        first, second = float(values[index]), float(values[index + 1])
        if first * second < 0:
            places.append(float(logs[index] + (logs[index + 1] - logs[index]) * first / (first - second)))
        elif first == 0.0 and second != 0.0 and index and values[index - 1] * second < 0:
            places.append(float(logs[index]))
    return places


def _around(logs: Floats, gains: Floats, place: float) -> Ends:
    """The nearest places below and above at which either end of the gain's interval crosses zero."""
    ends = [zero for column in (2, 3) for zero in _zeros(logs, gains[:, column])]
    low = max((zero for zero in ends if zero <= place), default=None)
    high = min((zero for zero in ends if zero >= place), default=None)
    return (None if low is None else math.exp(low), None if high is None else math.exp(high))


def crossover_at(rules: Sequence[FamilyRule], family: str, arm: str, budget_flops: float) -> RuleCrossover | None:
    """The crossover of an arm at one budget; None where no rule has that arm and budget."""
    found = (
        item
        for rule in rules
        if rule.family == family
        for item in rule.crossovers
        if item.arm == arm and item.budget_flops == budget_flops
    )
    return next(found, None)
