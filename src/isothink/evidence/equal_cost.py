"""Arms against what IFT reaches at the same inference cost, or at the same whole-life cost. Called by workings.py.

At equal inference cost the IFT ladder of the same training budget is read at the cost of the arm's cell: between two
students by a straight line of accuracy over log cost, beyond the ladder by a line of logit accuracy over log cost
through all its students, which is marked `extrapolated`. At equal whole-life cost the baseline is the best IFT cell of
any budget that costs no more; an arm's cell dearer than every IFT cell is `extrapolated`: IFT never had as much.
Positions on the cost axis are point estimates: costs are known far better than accuracies.

These comparisons are adjusted among themselves and decide no outcome; how often they resolve what is not there has not
been simulated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import expit, logit, stdtrit

from isothink.evidence.comparison import (
    at_budget,
    interval_and_limit,
    judged,
    seed_share,
    two_sided_p,
)
from isothink.evidence.configuration import truncation_bounds
from isothink.evidence.draws import FamilyDraws, named_generator
from isothink.evidence.multiplicity import holm
from isothink.evidence.observations import Floats
from isothink.evidence.record import Comparison, Interval
from isothink.evidence.settings import BASELINE, AnalysisSettings

EqualAxis = Literal["inference_flops_per_query", "lifetime_flops"]
EQUAL_AXES: tuple[EqualAxis, ...] = ("inference_flops_per_query", "lifetime_flops")
NEAREST = 0.005
"""An accuracy nearer to 0 or 1 counts as this near: the logit of 0 and of 1 is not finite."""
FEWEST_FOR_A_LINE = 2


@dataclass(frozen=True, kw_only=True)
class _Baseline:
    """What IFT reaches at one cost: point and draws, the cells that it is read from, with their shares."""

    accuracy: float
    draws: Floats
    sources: tuple[int, ...]
    shares: tuple[float, ...]
    extrapolated: bool


@dataclass(frozen=True, kw_only=True)
class _Difference:
    drawn: FamilyDraws
    axis: EqualAxis
    kind: Literal["one_student", "best_student"]
    budget_flops: float
    chosen: int
    cost: float
    baseline: _Baseline
    estimate: float
    draws: Floats


def compare_at_equal_cost(
    families: Iterable[FamilyDraws],
    *,
    budgets_flops: Sequence[float],
    arms: Sequence[str],
    queries: float,
    settings: AnalysisSettings,
) -> tuple[Comparison, ...]:
    """All such comparisons, in the order family, axis, budget, arm, kind, student."""
    differences = [
        difference
        for drawn in families
        for axis in EQUAL_AXES
        for budget in budgets_flops
        for arm in arms
        if arm != BASELINE
        for difference in _differences(drawn, axis, budget, arm, queries, settings)
    ]
    deciding = [item for item in differences if item.kind == "best_student"]
    adjusted = holm([two_sided_p(item.draws) for item in deciding])
    by_difference = {id(item): value for item, value in zip(deciding, adjusted, strict=True)}
    return tuple(_judge(item, by_difference.get(id(item)), len(deciding), settings) for item in differences)


def costs_on(drawn: FamilyDraws, axis: EqualAxis, queries: float, convention: str) -> Floats:
    """The cost of every configuration on an axis."""
    if axis == "inference_flops_per_query":
        return drawn.inference
    once = [item.training_flops[convention] + item.fixed_flops for item in drawn.family.configurations]
    return np.asarray(np.array(once) + queries * drawn.inference)


def _differences(
    drawn: FamilyDraws, axis: EqualAxis, budget: float, arm: str, queries: float, settings: AnalysisSettings
) -> list[_Difference]:
    costs = costs_on(drawn, axis, queries, settings.convention)
    found = [(index, _baseline(drawn, axis, budget, index, costs, settings)) for index in at_budget(drawn, arm, budget)]
    known = [(index, baseline) for index, baseline in found if baseline is not None]
    if not known:
        return []
    singles = [
        _Difference(
            drawn=drawn,
            axis=axis,
            kind="one_student",
            budget_flops=budget,
            chosen=index,
            cost=float(costs[index]),
            baseline=baseline,
            estimate=float(drawn.accuracy[index]) - baseline.accuracy,
            draws=drawn.accuracy[index] + drawn.errors[:, index] - baseline.draws,
        )
        for index, baseline in known
    ]
    return [_best(singles), *singles]


def _best(singles: list[_Difference]) -> _Difference:
    """The arm's most accurate student, selected anew in every draw, less the bias of selecting that the draws show.

    Unlike in comparison.py nothing guards against several students that are nearly equal: there a correction of this
    kind resolved a difference that is not there in 13.6 instead of 10 studies in a hundred (three equal IFT students).
    """
    own = np.array([one.drawn.accuracy[one.chosen] + one.drawn.errors[:, one.chosen] for one in singles])
    differences = np.array([one.draws for one in singles])
    leading = int(np.argmax([one.drawn.accuracy[one.chosen] for one in singles]))
    drawn = differences[own.argmax(axis=0), np.arange(own.shape[1])]
    bias = float((drawn - differences[leading]).mean())
    first = singles[leading]
    return _Difference(
        drawn=first.drawn,
        axis=first.axis,
        kind="best_student",
        budget_flops=first.budget_flops,
        chosen=first.chosen,
        cost=first.cost,
        baseline=first.baseline,
        estimate=first.estimate - bias,
        draws=drawn - 2.0 * bias,
    )


def _baseline(
    drawn: FamilyDraws, axis: EqualAxis, budget: float, index: int, costs: Floats, settings: AnalysisSettings
) -> _Baseline | None:
    """What IFT reaches at the cost of the configuration at `index`; None where that cannot be said."""
    if not costs[index] > 0:
        return None
    if axis == "inference_flops_per_query":
        rungs = [rung for rung in at_budget(drawn, BASELINE, budget) if costs[rung] > 0]
        return _on_ladder(drawn, rungs, costs, index, settings)
    rungs = [number for number, item in enumerate(drawn.family.configurations) if item.arm == BASELINE]
    return _best_affordable(drawn, rungs, costs, float(costs[index]), settings)


def _on_ladder(
    drawn: FamilyDraws, rungs: list[int], costs: Floats, index: int, settings: AnalysisSettings
) -> _Baseline | None:
    if not rungs:
        return None
    order = sorted(rungs, key=lambda rung: costs[rung])
    cost, tolerance = float(costs[index]), 1.0 + settings.cost_tolerance
    if cost > costs[order[-1]] * tolerance or cost * tolerance < costs[order[0]]:
        return _beyond(drawn, order, costs, index, settings)
    for low, high in pairwise(order):
        if costs[low] < cost < costs[high]:
            share = float(np.log(cost / costs[low]) / np.log(costs[high] / costs[low]))
            return _mixed(drawn, (low, high), (1.0 - share, share))
    return _mixed(drawn, (min(order, key=lambda rung: abs(np.log(costs[rung] / cost))),), (1.0,))


def _mixed(drawn: FamilyDraws, sources: tuple[int, ...], shares: tuple[float, ...]) -> _Baseline:
    weights, chosen = np.array(shares), list(sources)
    accuracy = float(drawn.accuracy[chosen] @ weights)
    return _Baseline(
        accuracy=accuracy,
        draws=accuracy + drawn.errors[:, chosen] @ weights,
        sources=sources,
        shares=shares,
        extrapolated=False,
    )


def _beyond(
    drawn: FamilyDraws, rungs: list[int], costs: Floats, index: int, settings: AnalysisSettings
) -> _Baseline | None:
    """A least-squares line of logit accuracy over log cost, redrawn in every draw.

    With three students or more the scatter around the line widens the draws as it widens a prediction (Student's t);
    with two there is no scatter to see, and the interval is conditional on the line.
    """
    positions = np.log(costs[rungs])
    if len(rungs) < FEWEST_FOR_A_LINE or np.ptp(positions) <= np.log1p(settings.cost_tolerance):
        return None
    centred = positions - positions.mean()
    reach = float(np.log(costs[index]) - positions.mean())
    weights = 1.0 / len(rungs) + centred * reach / float(centred @ centred)
    lines = logit(np.clip(drawn.accuracy[rungs], NEAREST, 1.0 - NEAREST))
    drawn_lines = logit(np.clip(drawn.accuracy[rungs] + drawn.errors[:, rungs], NEAREST, 1.0 - NEAREST))
    point = float(lines @ weights)
    noise = np.zeros(len(drawn.errors))
    freedom = len(rungs) - 2
    if freedom:
        slope = float(centred @ lines / (centred @ centred))
        scatter = float(((lines - lines.mean() - slope * centred) ** 2).sum() / freedom)
        name = drawn.family.configurations[index].name
        uniform = named_generator(settings, "beyond the ladder", drawn.family.name, name).random(len(noise))
        noise = np.sqrt(scatter * (1.0 + weights @ weights)) * stdtrit(freedom, uniform)
    return _Baseline(
        accuracy=float(expit(point)),
        draws=np.asarray(expit(drawn_lines @ weights + noise)),
        sources=tuple(rungs),
        shares=tuple(float(weight) for weight in weights),
        extrapolated=True,
    )


def _best_affordable(
    drawn: FamilyDraws, rungs: list[int], costs: Floats, cost: float, settings: AnalysisSettings
) -> _Baseline | None:
    if not rungs:
        return None
    tolerance = 1.0 + settings.cost_tolerance
    affordable = [rung for rung in rungs if costs[rung] <= cost * tolerance]
    cheaper_than_all = not affordable
    if cheaper_than_all:
        affordable = [min(rungs, key=lambda rung: costs[rung])]
    best = max(affordable, key=lambda rung: drawn.accuracy[rung])
    values = drawn.accuracy[affordable] + drawn.errors[:, affordable]
    highest = values.max(axis=1)
    bias = float((highest - drawn.accuracy[best] - drawn.errors[:, best]).mean())
    return _Baseline(
        accuracy=float(drawn.accuracy[best]) - bias,
        draws=highest - 2.0 * bias,
        sources=(best,),
        shares=(1.0,),
        extrapolated=cheaper_than_all or cost > max(costs[rung] for rung in rungs) * tolerance,
    )


def _judge(item: _Difference, adjusted: float | None, deciding: int, settings: AnalysisSettings) -> Comparison:
    drawn, baseline = item.drawn, item.baseline
    own = drawn.family.configurations[item.chosen]
    p_value = two_sided_p(item.draws)
    conditional = drawn.seed_component.degrees_of_freedom == 0
    students = [drawn.family.configurations[source].student for source in baseline.sources]
    comparisons = deciding if adjusted is not None else 1
    interval, limit = interval_and_limit(item.estimate, item.draws, settings, comparisons)
    return Comparison(
        family=drawn.family.name,
        kind=item.kind,
        arm=own.arm,
        baseline=BASELINE,
        budget_flops=item.budget_flops,
        student=own.student,
        baseline_student=" and ".join(dict.fromkeys(students)),
        difference=item.estimate,
        interval=interval,
        p_value=p_value,
        adjusted_p_value=adjusted,
        smallest_resolvable=limit,
        truncation_bounds=_bounds(item),
        outcome=judged(
            item.estimate,
            p_value if adjusted is None else adjusted,
            conditional or baseline.extrapolated,
            settings,
        ),
        axis=item.axis,
        cost=item.cost,
        extrapolated=baseline.extrapolated,
        seed_share=seed_share(drawn, item.chosen, baseline.sources[int(np.argmax(baseline.shares))]),
    )


def _bounds(item: _Difference) -> Interval:
    """From every cut-off answer of one arm wrong and of the other right, to the reverse; a line's own value stays."""
    family, baseline = item.drawn.family, item.baseline
    ours = truncation_bounds(family, item.chosen)
    low = high = baseline.accuracy
    if not baseline.extrapolated:
        theirs = [truncation_bounds(family, source) for source in baseline.sources]
        low = sum(share * one.low for share, one in zip(baseline.shares, theirs, strict=True))
        high = sum(share * one.high for share, one in zip(baseline.shares, theirs, strict=True))
    return Interval(low=ours.low - high, high=ours.high - low, level=1.0)
