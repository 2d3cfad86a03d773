"""How much a frontier buys: the area under it over log cost, per unit of width. Called by frontier.py.

At every cost between the cheapest and the dearest configuration stands the best accuracy that no more than this cost
buys; the hypervolume is its mean, each factor of cost counting the same (Zitzler & Thiele, PPSN 1998, 292-301;
the point of reference is the dearest cost and accuracy 0).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isothink.evidence.observations import Floats
from isothink.evidence.record import Hypervolume, Interval


def hypervolumes(
    arms: Sequence[str], *, accuracy: Floats, cost: Floats, accuracy_draws: Floats, cost_draws: Floats, level: float
) -> tuple[Hypervolume, ...]:
    """That of all configurations, then each arm's; `arms` names the arm of each configuration.

    The draws are the frontier's: one draw resamples the same items for every arm. None where a cost is not positive.
    """
    if not arms or not (np.all(cost > 0) and np.all(cost_draws > 0)):
        return ()
    tail = (1.0 - level) / 2
    found = []
    for arm in (None, *dict.fromkeys(arms)):
        members = np.array([arm in (None, name) for name in arms])
        value = float(hypervolume(accuracy, cost, members))
        low, high = np.quantile(hypervolume(accuracy_draws, cost_draws, members), [tail, 1.0 - tail])
        found.append(
            Hypervolume(
                arm=arm,
                value=value,
                interval=Interval(low=min(float(low), value), high=max(float(high), value), level=level),
                cheapest=float(cost.min()),
                dearest=float(cost.max()),
            )
        )
    return tuple(found)


def hypervolume(accuracy: Floats, cost: Floats, members: npt.NDArray[np.bool_] | None = None) -> Floats:
    """The hypervolume along the last axis; of `members` alone if given, over the range of all costs.

    Where all costs are one, the range is that cost, and the mean over it the best accuracy.
    """
    own = np.clip(accuracy if members is None else np.where(members, accuracy, 0.0), 0.0, 1.0)
    order = np.argsort(cost, axis=-1)
    logs = np.log(np.take_along_axis(cost, order, axis=-1))
    best = np.maximum.accumulate(np.take_along_axis(own, order, axis=-1), axis=-1)
    width = logs[..., -1] - logs[..., 0]
    area = (best[..., :-1] * np.diff(logs, axis=-1)).sum(axis=-1)
    return np.asarray(np.where(width > 0, area / np.where(width > 0, width, 1.0), best[..., -1]))
