"""Arms against `ift` at equal budgets, fixed before any score is seen. Called by analysis.py.

`same_student` differences describe (their `outcome` is read from the unadjusted p-value); only `best_student` ones
decide a verdict's outcome, adjusted together over the whole report.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from isothink.evidence.configuration import truncation_bounds
from isothink.evidence.draws import FamilyDraws
from isothink.evidence.family import Configuration
from isothink.evidence.multiplicity import holm
from isothink.evidence.observations import Floats
from isothink.evidence.record import Comparison, Interval
from isothink.evidence.settings import BASELINE, AnalysisSettings
from isothink.evidence.standing import same_budget

ONE_DEVIATION = (0.15866, 0.84134)
"""Quantiles of a normal distribution, one standard deviation to either side of its middle."""
POSSIBLY_BEST = 1.3
"""Standard deviations of a difference between two students. The fewer, the more power, and the more false outcomes
where one arm has many equal students; with 1.3 nine against one still keep the stated level."""

Kind = Literal["same_student", "best_student"]
Outcome = Literal["better", "worse", "unresolved"]


@dataclass(frozen=True, kw_only=True)
class _Difference:
    """A comparison before it is judged: two configurations, those they were chosen among, the estimate, its draws."""

    drawn: FamilyDraws
    kind: Kind
    arm: str
    budget_flops: float
    candidates: tuple[int, ...]
    baseline_candidates: tuple[int, ...]
    chosen: int
    baseline: int
    estimate: float
    draws: Floats


def compare(
    families: Iterable[FamilyDraws], *, budgets_flops: Sequence[float], arms: Sequence[str], settings: AnalysisSettings
) -> tuple[Comparison, ...]:
    """All comparisons of a report, in the order family, budget, arm, kind, student."""
    differences = list(_all_differences(families, budgets_flops, arms))
    deciding = [item for item in differences if item.kind == "best_student"]
    p_values = [two_sided_p(item.draws) for item in deciding]
    adjusted = {id(item): value for item, value in zip(deciding, holm(p_values), strict=True)}
    return tuple(_judge(item, adjusted.get(id(item)), len(deciding), settings) for item in differences)


def two_sided_p(draws: Floats) -> float:
    """Twice the share of draws beyond zero, counting one more so that it is never 0 (Davison & Hinkley 1997, ISBN
    0-521-57471-4, eq. 4.11)."""
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2.0 * (1 + beyond) / (draws.size + 1))


def at_budget(drawn: FamilyDraws, arm: str, budget_flops: float) -> list[int]:
    """Indices of the arm's configurations that count at a budget, smallest student first.

    A budget is a cap. Where a student was trained for it, its cells at this budget count; else those at the largest
    budget below that it was trained for, the same one for all its arms. Budgets relative to each student are compared
    across sizes in this way. An imported student and arm, which nobody here can train for another budget, counts with
    its dearest configuration that the cap allows.
    """
    configurations = drawn.family.configurations
    counting: dict[tuple[str, ...], float] = {}
    for item in configurations:
        if item.budget_flops <= budget_flops or same_budget(item.budget_flops, budget_flops):
            line = _line(item)
            counting[line] = max(item.budget_flops, counting.get(line, 0.0))
    return [  # configurations stand in the order of the ladder
        index
        for index, item in enumerate(configurations)
        if item.arm == arm and same_budget(item.budget_flops, counting.get(_line(item), -1.0))
    ]


def _line(item: Configuration) -> tuple[str, ...]:
    """What is compared at one budget of its own: a trained student, or an imported student and arm."""
    return (item.student,) if item.source == "trained" else (item.student, item.arm)


def _all_differences(
    families: Iterable[FamilyDraws], budgets_flops: Sequence[float], arms: Sequence[str]
) -> Iterator[_Difference]:
    """Every comparison once: where a budget adds no candidate to either side, that of the budget before stands."""
    for drawn in families:
        made: set[tuple[Kind, str, tuple[int, ...], tuple[int, ...]]] = set()
        for budget in budgets_flops:
            for arm in arms:
                if arm == BASELINE:
                    continue
                for difference in _differences(drawn, arm, budget):
                    key = (difference.kind, arm, difference.candidates, difference.baseline_candidates)
                    if key not in made:
                        made.add(key)
                        yield difference


def _differences(drawn: FamilyDraws, arm: str, budget_flops: float) -> list[_Difference]:
    ours, theirs = at_budget(drawn, arm, budget_flops), at_budget(drawn, BASELINE, budget_flops)
    if not ours or not theirs:
        return []
    configurations = drawn.family.configurations
    # of one student trained here and imported, each is compared with its like
    same = {(configurations[index].student, configurations[index].source): index for index in theirs}
    only = {configurations[index].student: index for index in theirs}
    pairs = [
        (index, same.get((configurations[index].student, configurations[index].source), only.get(student)))
        for index in ours
        for student in [configurations[index].student]
    ]
    result = [_best_student(drawn, arm, budget_flops, ours, theirs)]
    for chosen, baseline in pairs:
        if baseline is not None:
            result.append(
                _Difference(
                    drawn=drawn,
                    kind="same_student",
                    arm=arm,
                    budget_flops=budget_flops,
                    candidates=(chosen,),
                    baseline_candidates=(baseline,),
                    chosen=chosen,
                    baseline=baseline,
                    estimate=float(drawn.accuracy[chosen] - drawn.accuracy[baseline]),
                    draws=drawn.accuracy[chosen]
                    - drawn.accuracy[baseline]
                    + drawn.errors[:, chosen]
                    - drawn.errors[:, baseline],
                )
            )
    return result


def _best_student(drawn: FamilyDraws, arm: str, budget_flops: float, ours: list[int], theirs: list[int]) -> _Difference:
    """Best of one arm minus best of the other, selected anew in every draw.

    The best of several noisy accuracies is too high, and by how much depends on how many students are nearly the best,
    which the scores tell badly. So each half of the draws supposes what is unfavourable to its bound: the lower half
    that every student of this arm may be the best whose accuracy is no further below than chance explains
    (`POSSIBLY_BEST`), while the baseline's best is only as much too high as its own draws show; the upper half the
    reverse (moment selection: Andrews & Soares, Econometrica 78, 2010, 119-157; Hansen, Journal of Business & Economic
    Statistics 23, 2005, 365-380). With one student per arm both halves are the same draws.
    """
    best, our_bias, our_luck = _best(drawn, ours)
    other, their_bias, their_luck = _best(drawn, theirs)
    apart = float(drawn.accuracy[best] - drawn.accuracy[other])
    below = np.sort(apart + our_luck - drawn.errors[:, other] + their_bias)
    above = np.sort(apart + drawn.errors[:, best] - their_luck - our_bias)
    middle = below.size // 2
    return _Difference(
        drawn=drawn,
        kind="best_student",
        arm=arm,
        budget_flops=budget_flops,
        candidates=tuple(ours),
        baseline_candidates=tuple(theirs),
        chosen=best,
        baseline=other,
        estimate=apart - our_bias + their_bias,
        draws=np.concatenate([below[:middle], above[middle:]]),
    )


def _best(drawn: FamilyDraws, indices: list[int]) -> tuple[int, float, Floats]:
    """The index of the highest accuracy, how much too high it is by the draws, and the luck of having selected it.

    The luck is, in every draw, how far the truth lies above the highest accuracy if all who may be the best are equal.
    """
    chosen = max(indices, key=lambda index: drawn.accuracy[index])
    errors, own = drawn.errors[:, indices], drawn.errors[:, chosen]
    behind = drawn.accuracy[chosen] - drawn.accuracy[indices]
    spread = np.array([robust_standard_deviation(error - own) for error in errors.T])
    luck = (errors + np.maximum(0.0, behind - POSSIBLY_BEST * spread)).min(axis=1)
    return chosen, float(((errors - behind).max(axis=1) - own).mean()), np.asarray(luck)


def _judge(item: _Difference, adjusted: float | None, deciding: int, settings: AnalysisSettings) -> Comparison:
    p_value = two_sided_p(item.draws)
    ours, theirs = (item.drawn.family.configurations[index] for index in (item.chosen, item.baseline))
    conditional = item.drawn.seed_component.degrees_of_freedom == 0
    comparisons = deciding if item.kind == "best_student" else 1
    interval, limit = interval_and_limit(item.estimate, item.draws, settings, comparisons)
    return Comparison(
        family=item.drawn.family.name,
        kind=item.kind,
        arm=item.arm,
        baseline=BASELINE,
        budget_flops=item.budget_flops,
        student=ours.student,
        baseline_student=theirs.student,
        difference=item.estimate,
        interval=interval,
        p_value=p_value,
        adjusted_p_value=adjusted,
        smallest_resolvable=limit,
        truncation_bounds=_difference_bounds(item),
        outcome=judged(item.estimate, p_value if adjusted is None else adjusted, conditional, settings),
        cost=ours.training_flops[settings.convention],
        seed_share=seed_share(item.drawn, item.chosen, item.baseline),
    )


def interval_and_limit(
    estimate: float, draws: Floats, settings: AnalysisSettings, comparisons: int
) -> tuple[Interval, float]:
    """The interval of a difference of accuracies, and the smallest true difference that these items and seeds resolve.

    Accuracies differ by at most 1. The limit is half the width that the difference must exceed at the level of Holm's
    first step, plus the normal quantile of the stated power times a standard deviation (read from quantiles: with few
    seeds the tails are Student's).
    """
    outer, tail = (1.0 - settings.level) / 2, settings.significance / (2 * comparisons)
    ends = [outer, 1.0 - outer, tail, 1.0 - tail, *ONE_DEVIATION]
    low, high, least, most, below, above = np.quantile(draws, ends)  # in one pass: there are hundreds of differences
    interval = Interval(
        low=float(max(-1.0, min(low, estimate))), high=float(min(1.0, max(high, estimate))), level=settings.level
    )
    return interval, float((most - least) / 2 + ndtri(settings.power) * (above - below) / 2)


def seed_share(drawn: FamilyDraws, chosen: int, baseline: int) -> float:
    """The part of a difference's variance that more items cannot lower."""
    total = robust_standard_deviation(drawn.errors[:, chosen] - drawn.errors[:, baseline]) ** 2
    seeds = drawn.seed_variance_of_mean[chosen] + drawn.seed_variance_of_mean[baseline]
    return float(min(1.0, seeds / total)) if total > 0 else 0.0


def judged(estimate: float, p_value: float, conditional: bool, settings: AnalysisSettings) -> Outcome:
    """Never resolved where no configuration has two seeds: the statement is then about those training runs alone."""
    if conditional or p_value >= settings.significance or estimate == 0:
        return "unresolved"
    return "better" if estimate > 0 else "worse"


def robust_standard_deviation(draws: Floats) -> float:
    """Half the central 68.27% of the draws."""
    low, high = np.quantile(draws, ONE_DEVIATION)
    return float((high - low) / 2)


def _difference_bounds(item: _Difference) -> Interval:
    """From every cut-off answer of one arm wrong and of the other right, to the reverse."""
    ours, theirs = (truncation_bounds(item.drawn.family, index) for index in (item.chosen, item.baseline))
    return Interval(low=ours.low - theirs.high, high=ours.high - theirs.low, level=1.0)
