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

    Those made at it; and those of a lower one that are not made again because no other candidate is affordable: of
    imported configurations, and of students with budgets of their own.
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
        or (item.budget_flops == latest.get(_line(item)) and not _replaced(item, known, budget_flops))
    )


def _line(item: Comparison) -> tuple[str, str, str]:
    return item.kind, item.arm, item.student if item.kind == "same_student" else ""


def _replaced(item: Comparison, configurations: Sequence[ConfigurationResult], cap: float) -> bool:
    """Whether a trained student that took part was trained for a budget between the comparison's and the cap.

    What it shows there, or that a side is missing there, replaces what it showed before.
    """
    trained = [one for one in configurations if one.source == "trained"]
    took_part = {
        one.student
        for one in trained
        if one.arm in (item.arm, item.baseline)
        and one.budget_flops <= item.budget_flops
        and (item.kind == "best_student" or one.student == item.student)
    }
    return any(
        one.student in took_part and item.budget_flops < one.budget_flops <= cap
        for one in trained
        if not same_budget(one.budget_flops, item.budget_flops)
    )
