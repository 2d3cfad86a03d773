"""What a reader must know before trusting a verdict. Called by analysis.py."""

import numpy as np

from isothink.evidence.workings import Workings


def family_caveats(workings: Workings, family: str) -> tuple[str, ...]:
    """Single seeds, truncation and answers without a score."""
    return (
        *_single_seed(workings, family),
        *_truncated_arms(workings, family),
        *_unscored(workings, family),
    )


def _single_seed(workings: Workings, family: str) -> tuple[str, ...]:
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
        degrees = f"{freedom} degree{'s' if freedom != 1 else ''} of freedom"
        return (f"{family}: the variance between seeds rests on {degrees}",)
    return ()


def _truncated_arms(workings: Workings, family: str) -> tuple[str, ...]:
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


def _unscored(workings: Workings, family: str) -> tuple[str, ...]:
    members = workings.family(family).drawn.family
    if not members.configurations:
        return ()
    columns = np.concatenate([part.columns for part in members.benchmarks])
    absent, total = members.observations.count_unscored(members.rows, columns)
    return (f"{family}: {absent} of {total} answers have no score and are left out",) if absent else ()
