"""Which configurations no other beats in both accuracy and cost, and how probably. Called by analysis.py.

`o` dominates `c` if it is no dearer and no less accurate, each within its tolerance, and beyond it better in one.
No chain of dominations closes: around a closed chain, accuracy would rise by more than the tolerance in more links than
it may fall by it, and cost likewise; with n links won by accuracy and m by cost that asks for n < m and m < n. So there
is always a frontier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isothink.evidence.draws import FamilyDraws
from isothink.evidence.hypervolume import hypervolumes
from isothink.evidence.observations import Floats
from isothink.evidence.record import AXES, Axis, Frontier, FrontierMember
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.shrinkage import Shrunk

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Differences up to these are ties: accuracy absolute, cost relative (both a hair wider, for rounding)."""

    accuracy: float
    cost: float

    @property
    def accuracy_step(self) -> float:
        """A difference of accuracies beyond this is one."""
        return self.accuracy + 1e-12

    @property
    def cost_factor(self) -> float:
        """A ratio of costs beyond this is a difference."""
        return 1.0 + self.cost + 1e-12


def frontiers(
    drawn: FamilyDraws, shrunk: Shrunk, *, queries: float, settings: AnalysisSettings
) -> tuple[Frontier, ...]:
    """One frontier per cost axis."""
    tolerances = Tolerances(accuracy=settings.accuracy_tolerance, cost=settings.cost_tolerance)
    names = [item.name for item in drawn.family.configurations]
    arms = [item.arm for item in drawn.family.configurations]
    count = min(settings.frontier_draws, settings.draws)
    result = []
    for axis in AXES:
        cost, cost_draws = axis_costs(drawn, axis, queries, count, settings.convention)
        members = frontier_members(
            names,
            accuracy=drawn.accuracy,
            cost=cost,
            accuracy_draws=shrunk.draws[:count],
            cost_draws=cost_draws,
            tolerances=tolerances,
        )
        result.append(
            Frontier(
                family=drawn.family.name,
                axis=axis,
                members=members,
                accuracy_tolerance=tolerances.accuracy,
                cost_tolerance=tolerances.cost,
                hypervolumes=hypervolumes(
                    arms,
                    accuracy=drawn.accuracy,
                    cost=cost,
                    accuracy_draws=shrunk.draws[:count],
                    cost_draws=cost_draws,
                    level=settings.level,
                ),
            )
        )
    return tuple(result)


def axis_costs(drawn: FamilyDraws, axis: Axis, queries: float, draws: int, convention: str) -> tuple[Floats, Floats]:
    """Costs on one axis [configurations] and their draws [draws, configurations]; training FLOPs are known exactly."""
    training = np.array([item.training_flops[convention] for item in drawn.family.configurations])
    if axis == "training_flops":
        return training, np.broadcast_to(training, (draws, training.size))
    if axis == "inference_flops_per_query":
        return drawn.inference, drawn.inference_draws[:draws]
    once = training + np.array([item.fixed_flops for item in drawn.family.configurations])
    return once + queries * drawn.inference, once + queries * drawn.inference_draws[:draws]


def frontier_members(
    names: Sequence[str],
    *,
    accuracy: Floats,
    cost: Floats,
    accuracy_draws: Floats,
    cost_draws: Floats,
    tolerances: Tolerances,
) -> tuple[FrontierMember, ...]:
    """Every configuration's standing, cheapest first."""
    members = []
    for index in sorted(range(len(names)), key=lambda index: (cost[index], -accuracy[index], names[index])):
        now = dominators(accuracy[None], cost[None], index, tolerances)[0]
        in_draws = dominators(accuracy_draws, cost_draws, index, tolerances)
        often = in_draws.sum(axis=0)
        rivals = sorted(np.flatnonzero(now).tolist(), key=lambda other: (-often[other], -accuracy[other], names[other]))
        tied = _tied(accuracy, cost, index, tolerances)
        members.append(
            FrontierMember(
                configuration=names[index],
                cost=float(cost[index]),
                accuracy=float(accuracy[index]),
                on_frontier=not rivals,
                probability=1.0 - float(in_draws.any(axis=1).mean()),
                tied_with=tuple(names[other] for other in np.flatnonzero(tied).tolist()),
                dominated_by=names[rivals[0]] if rivals else None,
            )
        )
    return tuple(members)


def dominators(accuracy: Floats, cost: Floats, index: int, tolerances: Tolerances) -> Booleans:
    """Which configurations dominate the one at `index`, [draws, configurations]."""
    own_accuracy, own_cost = accuracy[:, [index]], cost[:, [index]]
    more_accurate = (accuracy > own_accuracy + tolerances.accuracy_step) & (cost <= own_cost * tolerances.cost_factor)
    cheaper = (cost * tolerances.cost_factor < own_cost) & (accuracy >= own_accuracy - tolerances.accuracy_step)
    return np.asarray(more_accurate | cheaper)


def _tied(accuracy: Floats, cost: Floats, index: int, tolerances: Tolerances) -> Booleans:
    near = np.abs(accuracy - accuracy[index]) <= tolerances.accuracy_step
    alike = np.maximum(cost, cost[index]) <= np.minimum(cost, cost[index]) * tolerances.cost_factor
    tied = near & alike
    tied[index] = False
    return np.asarray(tied)
