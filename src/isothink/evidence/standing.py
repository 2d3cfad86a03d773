"""Which comparisons hold at a budget: those made at it, and earlier ones that no later candidate replaces.

Called by comparison.py, verdict.py and report/.
"""

import math
from collections.abc import Iterable, Sequence

from isothink.evidence.record import Comparison, ConfigurationResult


def same_budget(one: float, other: float) -> bool:
    """Whether two budgets are one, up to rounding."""
    return math.isclose(one, other, rel_tol=1e-9)


def standing_at(
    comparisons: Iterable[Comparison],
    configurations: Iterable[ConfigurationResult],
    *,
    family: str,
    budget_flops: float | None,
) -> tuple[Comparison, ...]:
    """A family's comparisons at equal training budgets that hold at one budget; `configurations` are the family's.

    Those made at it; and those of a lower one between imported configurations alone, which are not made again until
    another candidate is affordable.
    """
    if budget_flops is None:
        return ()
    known = list(configurations)
    own = [item for item in comparisons if item.family == family and item.axis == "training_flops"]
    affordable = sorted((item for item in own if item.budget_flops <= budget_flops), key=lambda item: item.budget_flops)
    latest = {_line(item): item.budget_flops for item in affordable}
    return tuple(
        item
        for item in own
        if same_budget(item.budget_flops, budget_flops)
        or (item.budget_flops == latest.get(_line(item)) and not _trained_candidates(item, known))
    )


def _line(item: Comparison) -> tuple[str, str, str]:
    return item.kind, item.arm, item.student if item.kind == "same_student" else ""


def _trained_candidates(item: Comparison, configurations: Sequence[ConfigurationResult]) -> bool:
    return any(
        one.source == "trained"
        and one.arm in (item.arm, item.baseline)
        and same_budget(one.budget_flops, item.budget_flops)
        and (item.kind == "best_student" or one.student == item.student)
        for one in configurations
    )
