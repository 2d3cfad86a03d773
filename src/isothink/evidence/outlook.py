"""What would change a verdict: more items or seeds, other numbers of queries, a longer ladder. Called by verdict.py;
the page says the same, with outlook.js."""

import math
from collections.abc import Sequence

from isothink.domain.numbers import flops, short
from isothink.evidence.record import BreakEven, Comparison, ConfigurationResult, Evidence
from isothink.evidence.wording import can_resolve, points

MOST_SENSIBLE_FACTOR = 1000


def would_change_it(
    evidence: Evidence,
    *,
    deciding: Sequence[Comparison],
    recommended: ConfigurationResult,
    even: BreakEven | None,
    queries: float,
    conditional: bool,
) -> tuple[str, ...]:
    """Concrete statements, the most useful first; `conditional` says that no configuration has two seeds."""
    statements = [more_data(item, conditional) for item in deciding if item.outcome == "unresolved"]
    if even is not None and even.queries is not None:
        statements.append(_beyond_break_even(even, even.queries, queries))
    statements.extend(_ends(evidence, recommended))
    return tuple(dict.fromkeys(statements))  # what holds for several arms is said once


def _beyond_break_even(even: BreakEven, crossing: float, queries: float) -> str:
    """Which arm is the cheaper on the side of the break-even where the number of queries is not.

    It need not be another than the recommended one, which is recommended for its accuracy first.
    """
    fewer = queries > crossing
    arm = "reasoning" if (even.cheaper_below == "reasoning") == fewer else "IFT"
    return f"{'fewer' if fewer else 'more'} than {short(crossing)} queries: at equal accuracy {arm} is the cheaper"


def more_data(item: Comparison, conditional: bool) -> str:
    """How many times the items or seeds a difference as large as the one seen would need."""
    name = f"{item.arm} minus IFT at {flops(item.budget_flops)}"
    if conditional:
        return "a second seed: without one, no difference from IFT can be resolved"
    size = abs(item.difference)
    factor = math.inf if size == 0 else (item.smallest_resolvable / size) ** 2
    smallest = points(item.smallest_resolvable).lstrip("+")
    limit = f"differences under {smallest} points stay unresolved at this size"
    if not can_resolve(item):
        limit = "no difference can be resolved at this size"
    if factor > MOST_SENSIBLE_FACTOR:
        return f"{name}: too close to zero for any sensible number of items; {limit}"
    if factor <= 1:
        return f"{name}: {limit}; about the same number of items again would settle it if the difference holds"
    left = 1.0 / factor - item.seed_share
    if left > 0.1 / factor:
        return f"{name}: about {_times((1.0 - item.seed_share) / left)} the items, if the difference holds ({limit})"
    return f"{name}: about {_times(factor)} the items and seeds, if the difference holds ({limit})"


def _times(factor: float) -> str:
    return f"{factor:.1f} times" if factor < 10 else f"{factor:.0f} times"


def _ends(evidence: Evidence, own: ConfigurationResult) -> list[str]:
    """Where the recommended configuration lies at an end, what lies beyond was not tried."""
    students, budgets = evidence.students, evidence.budgets_flops
    statements = []
    if own.student == students[-1]:
        statements.append(f"a student larger than {own.student}: the ladder ends there")
    elif own.student == students[0]:
        statements.append(f"a student smaller than {own.student}: the ladder begins there")
    if budgets and own.budget_flops >= budgets[-1]:
        statements.append(f"a budget above {flops(budgets[-1])}: the grid ends there")
    return statements
