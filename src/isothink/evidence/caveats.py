"""What a reader must know before trusting a verdict. Called by verdict.py and analysis.py."""

from typing import TYPE_CHECKING

import numpy as np

from isothink.domain.numbers import flops
from isothink.evidence.record import Comparison
from isothink.evidence.wording import interval

if TYPE_CHECKING:  # it brings scipy, which a verdict from stored draws does without
    from isothink.evidence.workings import Workings


def family_caveats(workings: "Workings", family: str) -> tuple[str, ...]:
    """Single seeds, truncation and answers without a score."""
    return (
        *_single_seed(workings, family),
        *_truncated_arms(workings, family),
        *_unscored(workings, family),
    )


def _single_seed(workings: "Workings", family: str) -> tuple[str, ...]:
    part = workings.family(family)
    if not part.drawn.family.configurations:
        return ()
    if part.conditional:
        return (
            f"{family}: one seed everywhere. Every interval is conditional on these training runs, "
            "and no comparison is resolved",
        )
    freedom = part.drawn.seed_component.degrees_of_freedom
    if freedom < 4:
        return (f"{family}: the variance between seeds rests on {freedom} degrees of freedom",)
    return ()


def _truncated_arms(workings: "Workings", family: str) -> tuple[str, ...]:
    members = workings.family(family).drawn.family
    if not members.configurations:
        return ()
    share = members.mean(members.observations.truncated)
    warnings = []
    for arm in workings.question.arms:
        own = [share[index] for index, item in enumerate(members.configurations) if item.arm == arm]
        if own and np.mean(own) > workings.settings.truncation_warning:
            warnings.append(
                f"{family}: {np.mean(own):.0%} of the answers of {arm} were cut off by the cap on new tokens "
                f"and count as wrong (at most {np.max(own):.0%} in one configuration)"
            )
    return tuple(warnings)


def due_to_cap(item: Comparison) -> tuple[str, ...]:
    """Resolved from zero by its interval, but not once the cut-off answers might have been right."""
    apart = item.interval.low > 0 or item.interval.high < 0
    bounds = item.truncation_bounds
    if not apart or not bounds.low <= 0 <= bounds.high:
        return ()
    return (
        f"{item.family}: {item.arm} minus IFT at {flops(item.budget_flops)} could be due to the cap on new tokens: "
        f"with cut-off answers right or wrong it is {interval(bounds)} points",
    )


def _unscored(workings: "Workings", family: str) -> tuple[str, ...]:
    members = workings.family(family).drawn.family
    if not members.configurations:
        return ()
    columns = np.concatenate([part.columns for part in members.benchmarks])
    absent, total = members.observations.count_unscored(members.rows, columns)
    return (f"{family}: {absent} of {total} answers have no score and are left out",) if absent else ()
