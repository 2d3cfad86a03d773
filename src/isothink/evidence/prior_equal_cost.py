"""The best published reasoning student against IFT at equal inference cost, and at equal whole-life cost.

Called by prior.py; the rules are those of equal_cost.py, which needs scipy and a study's items. At equal inference cost
the whole published IFT ladder is read at the cost of the reasoning student: between two students by a straight line of
accuracy over log cost, beyond the last one by a line of logit accuracy over log cost through all, marked
`extrapolated`: for most reasoning students no IFT student as dear per query was ever trained.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from isothink.evidence.observations import Floats
from isothink.evidence.prior_comparisons import Baseline, affordable_cells, compared
from isothink.evidence.record import Comparison, ConfigurationResult
from isothink.evidence.setup_variation import clipped, from_logit, logit

TOLERANCE = 1.05
RANDOM_SEED = 2509


def prior_at_equal_cost(
    configurations: Sequence[ConfigurationResult], *, budget_flops: float, level: float
) -> tuple[Comparison, ...]:
    """Of the most accurate reasoning student that the budget pays for, on both axes."""
    reasoning = [one for one in affordable_cells(configurations, budget_flops) if one.arm == "reasoning"]
    ladder = [one for one in configurations if one.arm == "ift"]
    if not reasoning or not ladder:
        return ()
    best = max(reasoning, key=lambda one: one.expected_accuracy)
    return (
        compared(
            "best_student",
            [best],
            _at_inference_cost(best, ladder),
            budget_flops=budget_flops,
            level=level,
            axis="inference_flops_per_query",
            cost=best.inference_flops_per_query,
        ),
        compared(
            "best_student",
            [best],
            _at_lifetime_cost(best, ladder),
            budget_flops=budget_flops,
            level=level,
            axis="lifetime_flops",
            cost=best.lifetime_flops,
        ),
    )


def _at_inference_cost(best: ConfigurationResult, ladder: Sequence[ConfigurationResult]) -> Baseline:
    order = sorted(ladder, key=lambda one: one.inference_flops_per_query)
    cost = best.inference_flops_per_query
    costs = np.array([one.inference_flops_per_query for one in order])
    if cost > costs[-1] * TOLERANCE or cost * TOLERANCE < costs[0]:
        return _beyond(order, costs, cost)
    for low, high in pairwise(range(len(order))):
        if costs[low] < cost < costs[high]:
            share = float(np.log(cost / costs[low]) / np.log(costs[high] / costs[low]))
            return _mixed([order[low], order[high]], np.array([1.0 - share, share]))
    nearest = int(np.abs(np.log(costs / cost)).argmin())
    return _mixed([order[nearest]], np.array([1.0]))


def _at_lifetime_cost(best: ConfigurationResult, ladder: Sequence[ConfigurationResult]) -> Baseline:
    """The most accurate IFT student that costs no more over its life; the cheapest where none does."""
    cost = best.lifetime_flops * TOLERANCE
    cheaper = [one for one in ladder if one.lifetime_flops <= cost]
    found = max(cheaper, key=lambda one: one.expected_accuracy, default=min(ladder, key=lambda one: one.lifetime_flops))
    dearest = max(one.lifetime_flops for one in ladder)
    mixed = _mixed([found], np.array([1.0]))
    return Baseline(
        students=mixed.students,
        accuracy=mixed.accuracy,
        draws=mixed.draws,
        low=mixed.low,
        extrapolated=not cheaper or best.lifetime_flops > dearest * TOLERANCE,
    )


def _mixed(cells: list[ConfigurationResult], shares: Floats) -> Baseline:
    accuracy = float(np.array([one.expected_accuracy for one in cells]) @ shares)
    return Baseline(
        students=tuple(one.student for one in cells),
        accuracy=accuracy,
        draws=_drawn(cells) @ shares,
        low=accuracy,
        extrapolated=False,
    )


def _beyond(order: list[ConfigurationResult], costs: Floats, cost: float) -> Baseline:
    """A least-squares line redrawn in every draw, and the scatter around it as Student's t."""
    centred = np.log(costs) - np.log(costs).mean()
    reach = float(np.log(cost) - np.log(costs).mean())
    weights = 1.0 / len(order) + centred * reach / float(centred @ centred)
    lines = logit(clipped(np.array([one.expected_accuracy for one in order])))
    slope = float(centred @ lines / (centred @ centred))
    freedom = len(order) - 2
    scatter = float(((lines - lines.mean() - slope * centred) ** 2).sum()) / freedom
    drawn = logit(clipped(_drawn(order))) @ weights
    noise = np.random.default_rng(RANDOM_SEED).standard_t(freedom, len(drawn))
    spread = np.sqrt(scatter * (1.0 + float(weights @ weights)))
    accuracy = float(from_logit(np.array(lines @ weights)))
    return Baseline(
        students=tuple(one.student for one in order),
        accuracy=accuracy,
        draws=from_logit(drawn + spread * noise),
        low=accuracy,
        extrapolated=True,
    )


def _drawn(cells: Sequence[ConfigurationResult]) -> Floats:
    return np.array([one.accuracy_draws for one in cells]).T / 1e4
