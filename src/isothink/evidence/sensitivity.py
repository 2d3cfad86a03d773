"""Whether the recommendation survives another FLOPs convention. Called by verdict.py."""

from collections.abc import Sequence

import numpy as np

from isothink.evidence.choice import ROUNDING, choose, within
from isothink.evidence.observations import Floats
from isothink.evidence.workings import FamilyWorkings, Workings

CANNOT_TELL = "cannot tell"


def sensitivity(
    workings: Workings, family: str, eligible: Sequence[int], recommended: int, *, budget_flops: float, queries: float
) -> dict[str, str]:
    """What would be recommended under every other convention the cells are priced in."""
    part = workings.family(family)
    named = {name for item in part.drawn.family.configurations for name in item.training_flops}
    return {
        convention: _under(
            workings,
            part,
            convention,
            eligible=eligible,
            recommended=recommended,
            budget_flops=budget_flops,
            queries=queries,
        )
        for convention in sorted(named - {workings.settings.convention})
    }


def _under(
    workings: Workings,
    part: FamilyWorkings,
    convention: str,
    *,
    eligible: Sequence[int],
    recommended: int,
    budget_flops: float,
    queries: float,
) -> str:
    """The choice with every cell re-priced and the budget rescaled by the recommended cell's ratio."""
    settings, family = workings.settings, part.drawn.family
    inference = family.observations.inference_flops.get(convention)
    if inference is None or any(convention not in item.training_flops for item in family.configurations):
        return CANNOT_TELL
    per_query = _mean_or_nan(part, inference)
    if not np.isfinite(per_query).all():
        return CANNOT_TELL
    here = np.array([item.training_flops[settings.convention] for item in family.configurations])
    there = np.array([item.training_flops[convention] for item in family.configurations])
    if here[recommended] <= 0:
        return CANNOT_TELL
    ratio = there[recommended] / here[recommended]
    if not _bracketed(
        part, here, there, budget=budget_flops, rescaled=budget_flops * ratio, tolerance=settings.cost_tolerance
    ):
        return CANNOT_TELL
    cap = budget_flops * ratio * (1 + settings.cost_tolerance)  # the ratios of cells of one budget differ a little
    affordable = [index for index in range(here.size) if within(there, cap)[index]]
    fixed = ratio * np.array([item.fixed_flops for item in family.configurations])
    lifetime = there + fixed + queries * per_query
    # An inference or lifetime budget is stated in the exact convention: what it excluded there stays excluded.
    capped_out = {index for index in range(here.size) if here[index] <= budget_flops * ROUNDING} - set(eligible)
    candidates = [index for index in affordable if index not in capped_out]
    chosen = choose(
        candidates,
        part.shrunk.accuracy,
        part.shrunk.draws,
        lifetime,
        level=settings.level,
        tolerance=settings.cost_tolerance,
    )
    return family.configurations[chosen].name


def _mean_or_nan(part: FamilyWorkings, values: Floats) -> Floats:
    family = part.drawn.family
    known = [np.isfinite(values[np.ix_(family.rows, item.columns)]).any(axis=1) for item in family.benchmarks]
    return family.mean(values) if np.all(known) else np.full(len(family.configurations), np.nan)


def _bracketed(
    part: FamilyWorkings, here: Floats, there: Floats, *, budget: float, rescaled: float, tolerance: float
) -> bool:
    """Whether every student and arm that reached the budget here also reaches the rescaled one there.

    One that falls short was never trained for as much as the other convention would allow it.
    """
    lines: dict[tuple[str, str], list[int]] = {}
    for index, item in enumerate(part.drawn.family.configurations):
        lines.setdefault((item.student, item.arm), []).append(index)
    top = here[here <= budget * ROUNDING].max()
    for indices in lines.values():
        reached = here[indices].max() * (1 + tolerance) >= top
        if reached and there[indices].max() * (1 + tolerance) < rescaled * min(1.0, top / budget):
            return False
    return True
