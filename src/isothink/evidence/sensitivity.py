"""Whether the recommendation survives another FLOPs convention. Called by verdict.py."""

from collections.abc import Sequence

import numpy as np

from isothink.evidence.candidates import Candidates
from isothink.evidence.choice import ROUNDING, choose, within
from isothink.evidence.observations import Floats

CANNOT_TELL = "cannot tell"


def sensitivity(
    among: Candidates,
    eligible: Sequence[int],
    recommended: int,
    *,
    convention: str,
    budget_flops: float,
    queries: float,
    level: float,
    tolerance: float,
) -> dict[str, str]:
    """What would be recommended under every convention but the stated one that the configurations are priced in."""
    named = {name for one in among.results for name in one.conventions}
    return {
        other: _under(
            among,
            other,
            eligible=eligible,
            recommended=recommended,
            budget_flops=budget_flops,
            queries=queries,
            level=level,
            tolerance=tolerance,
        )
        for other in sorted(named - {convention})
    }


def _under(
    among: Candidates,
    convention: str,
    *,
    eligible: Sequence[int],
    recommended: int,
    budget_flops: float,
    queries: float,
    level: float,
    tolerance: float,
) -> str:
    """The choice with every cell re-priced and the budget rescaled by the recommended cell's ratio."""
    priced = [one.conventions.get(convention) for one in among.results]
    costs = [(one.training_flops, one.inference_flops_per_query) for one in priced if one is not None]
    if len(costs) < len(priced) or any(served is None for _, served in costs):
        return CANNOT_TELL
    here = among.training_flops
    there, per_query = np.array(costs, dtype=np.float64).T
    if here[recommended] <= 0:
        return CANNOT_TELL
    ratio = there[recommended] / here[recommended]
    rescaled = budget_flops * ratio
    if not _bracketed(among, here, there, budget=budget_flops, rescaled=rescaled, tolerance=tolerance):
        return CANNOT_TELL
    cap = rescaled * (1 + tolerance)  # the ratios of cells of one budget differ a little
    affordable = [index for index in range(here.size) if within(there, cap)[index]]
    fixed = ratio * np.array([one.fixed_flops for one in among.results])
    lifetime = there + fixed + queries * per_query
    # An inference or lifetime budget is stated in the exact convention: what it excluded there stays excluded.
    capped_out = {index for index in range(here.size) if here[index] <= budget_flops * ROUNDING} - set(eligible)
    left = [index for index in affordable if index not in capped_out]
    chosen = choose(left, among.accuracy, among.choice_draws, lifetime, level=level, tolerance=tolerance)
    return among.results[chosen].configuration


def _bracketed(
    among: Candidates, here: Floats, there: Floats, *, budget: float, rescaled: float, tolerance: float
) -> bool:
    """Whether every student and arm that reached the budget here also reaches the rescaled one there.

    One that falls short was never trained for as much as the other convention would allow it.
    """
    lines: dict[tuple[str, str], list[int]] = {}
    for index, one in enumerate(among.results):
        lines.setdefault((one.student, one.arm), []).append(index)
    top = here[here <= budget * ROUNDING].max()
    for indices in lines.values():
        reached = here[indices].max() * (1 + tolerance) >= top
        if reached and there[indices].max() * (1 + tolerance) < rescaled * min(1.0, top / budget):
            return False
    return True
