"""What would change a verdict: more items or seeds, other numbers of queries, a longer ladder. Called by verdict.py."""

import math
from collections.abc import Sequence

from isothink.domain.numbers import flops, scientific
from isothink.evidence.draws import FamilyDraws
from isothink.evidence.record import BreakEven, Comparison, Recommendation
from isothink.evidence.wording import points
from isothink.evidence.workings import Workings

MOST_SENSIBLE_FACTOR = 1000


def would_change_it(
    workings: Workings,
    family: str,
    *,
    deciding: Sequence[Comparison],
    recommended: Recommendation,
    even: BreakEven | None,
    queries: float,
) -> tuple[str, ...]:
    """Concrete statements, the most useful first."""
    drawn = workings.family(family).drawn
    statements = [_more_data(drawn, item) for item in deciding if item.outcome == "unresolved"]
    if even is not None and even.queries is not None:
        statements.append(_beyond_break_even(even, even.queries, queries))
    statements.extend(_ends(workings, family, recommended))
    return tuple(statement for statement in statements if statement)


def _beyond_break_even(even: BreakEven, crossing: float, queries: float) -> str:
    """Which arm is the cheaper on the side of the break-even where the number of queries is not.

    It need not be another than the recommended one, which is recommended for its accuracy first.
    """
    fewer = queries > crossing
    arm = "reasoning" if (even.cheaper_below == "reasoning") == fewer else "IFT"
    number = scientific(crossing) if crossing >= 1e4 else f"{crossing:.3g}"
    return f"{'fewer' if fewer else 'more'} than {number} queries: at equal accuracy {arm} is the cheaper"


def _more_data(drawn: FamilyDraws, item: Comparison) -> str:
    """How many times the items or seeds a difference as large as the one seen would need."""
    name = f"{item.arm} minus IFT at {flops(item.budget_flops)}"
    if drawn.seed_component.degrees_of_freedom == 0:
        return f"a second seed: without one, {name} cannot be resolved"
    size = abs(item.difference)
    factor = math.inf if size == 0 else (item.smallest_resolvable / size) ** 2
    limit = f"differences under {points(item.smallest_resolvable).lstrip('+')} points stay unresolved at this size"
    if factor > MOST_SENSIBLE_FACTOR:
        return f"{name}: too close to zero for any sensible number of items; {limit}"
    if factor <= 1:
        return f"{name}: {limit}; about the same number of items again would settle it if the difference holds"
    seeds = item.seed_share
    left = 1.0 / factor - seeds
    if left > 0.1 / factor:
        return f"{name}: about {_times((1.0 - seeds) / left)} the items, if the difference holds ({limit})"
    return f"{name}: about {_times(factor)} the items and seeds, if the difference holds ({limit})"


def _times(factor: float) -> str:
    return f"{factor:.1f} times" if factor < 10 else f"{factor:.0f} times"


def _ends(workings: Workings, family: str, recommended: Recommendation) -> list[str]:
    """Where the recommended configuration lies at an end, what lies beyond was not tried."""
    configurations = workings.family(family).drawn.family.configurations
    own = next(item for item in configurations if item.name == recommended.cell)
    students, budgets = workings.question.students, workings.question.budgets_flops
    statements = []
    if own.student == students[-1]:
        statements.append(f"a student larger than {own.student}: the ladder ends there")
    elif own.student == students[0]:
        statements.append(f"a student smaller than {own.student}: the ladder begins there")
    if budgets and own.budget_flops >= budgets[-1]:
        statements.append(f"a budget above {flops(budgets[-1])}: the grid ends there")
    return statements
