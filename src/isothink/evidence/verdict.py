"""The decision for one family, budget and number of queries. Called by analysis.py, and by `isothink verdict`."""

import math
from collections.abc import Sequence

from isothink.domain.numbers import flops
from isothink.errors import UsageError
from isothink.evidence.break_even import break_even
from isothink.evidence.caveats import family_caveats
from isothink.evidence.choice import ROUNDING, choose, lifetime_costs, recommendation, within
from isothink.evidence.comparison import standing_at
from isothink.evidence.crossover import crossover_parameters
from isothink.evidence.outlook import would_change_it
from isothink.evidence.record import Comparison, Outcome, Recommendation, Verdict
from isothink.evidence.sensitivity import sensitivity
from isothink.evidence.settings import BASELINE
from isothink.evidence.wording import describe
from isothink.evidence.workings import Workings

MOST_ALTERNATIVES = 3


def decide(
    workings: Workings,
    *,
    family: str,
    budget_flops: float,
    queries: float,
    inference_budget_flops: float | None = None,
    lifetime_budget_flops: float | None = None,
    target_accuracy: float | None = None,
    caveats: Sequence[str] = (),
) -> Verdict:
    """Decide for a training budget and a number of queries; the other caps are optional.

    Raises:
        UsageError: an unknown family, a budget that is not positive, or a negative number of queries.
    """
    _check(budget_flops, queries)
    part = workings.family(family)
    lifetime = lifetime_costs(workings, family, queries)
    allowed = _allowed(
        workings,
        family,
        budget_flops=budget_flops,
        inference_budget=inference_budget_flops,
        lifetime_budget=lifetime_budget_flops,
        queries=queries,
    )
    if not allowed:
        return _nothing(workings, family, budget_flops, queries, caveats)
    chosen = choose(
        allowed,
        part.shrunk.accuracy,
        part.shrunk.draws,
        lifetime,
        level=workings.settings.level,
        tolerance=workings.settings.cost_tolerance,
    )
    grid_budget = _budget_that_counts(workings, budget_flops)
    deciding = comparisons_at(workings, family, grid_budget)
    outcome, why = _outcome(workings, family, deciding, allowed, chosen)
    beyond = _beyond_grid(workings, budget_flops)

    def record(index: int) -> Recommendation:
        return recommendation(workings, family, index, allowed, queries, extrapolated=beyond)

    named = record(chosen)
    even, even_notes = break_even(workings, family, allowed, queries=queries, target_accuracy=target_accuracy)
    crossover, crossover_note = _crossover(workings, family, grid_budget)
    notes = [*why, *even_notes, crossover_note, *_extrapolation(workings, budget_flops)]
    return Verdict(
        family=family,
        budget_flops=budget_flops,
        queries=queries,
        outcome=outcome,
        recommended=named,
        alternatives=tuple(record(index) for index in _alternatives(workings, family, allowed, chosen)),
        break_even=even,
        crossover_parameters=crossover,
        sensitivity=sensitivity(workings, family, allowed, chosen, budget_flops=budget_flops, queries=queries),
        reasons=tuple(note for note in notes if note),
        would_change_it=would_change_it(
            workings, family, deciding=deciding, recommended=named, even=even, queries=queries
        ),
        caveats=(*family_caveats(workings, family, deciding), *caveats),
    )


def _check(budget_flops: float, queries: float) -> None:
    if not 0 < budget_flops < math.inf:
        raise UsageError(f"budget: {budget_flops:g} is not a positive number of FLOPs")
    if not 0 <= queries < math.inf:
        raise UsageError(f"queries: {queries:g} is not a number of queries (0 or more)")


def comparisons_at(workings: Workings, family: str, budget_flops: float | None) -> tuple[Comparison, ...]:
    """The comparisons that decide an outcome at one budget of the grid."""
    configurations = workings.family(family).drawn.family.configurations
    standing = standing_at(workings.comparisons, configurations, family=family, budget_flops=budget_flops)
    return tuple(item for item in standing if item.kind == "best_student")


def _allowed(
    workings: Workings,
    family: str,
    *,
    budget_flops: float,
    inference_budget: float | None,
    lifetime_budget: float | None,
    queries: float,
) -> list[int]:
    drawn = workings.family(family).drawn
    training = lifetime_costs(workings, family, 0.0) - [item.fixed_flops for item in drawn.family.configurations]
    allowed = (
        within(training, budget_flops)
        & within(drawn.inference, inference_budget)
        & within(lifetime_costs(workings, family, queries), lifetime_budget)
    )
    return [int(index) for index in allowed.nonzero()[0]]


def _budget_that_counts(workings: Workings, budget_flops: float) -> float | None:
    """The largest budget of the grid that does not exceed the one asked about."""
    return max((item for item in workings.question.budgets_flops if item <= budget_flops * ROUNDING), default=None)


def _beyond_grid(workings: Workings, budget_flops: float) -> bool:
    return budget_flops > max(workings.question.budgets_flops, default=budget_flops) * ROUNDING


def _extrapolation(workings: Workings, budget_flops: float) -> tuple[str, ...]:
    budgets = workings.question.budgets_flops
    if _beyond_grid(workings, budget_flops):
        return (f"extrapolated: nothing was trained above {flops(budgets[-1])}",)
    return ()


def _outcome(
    workings: Workings, family: str, deciding: Sequence[Comparison], allowed: Sequence[int], chosen: int
) -> tuple[Outcome, tuple[str, ...]]:
    """Whose arm is resolved to be better at the budget that counts.

    Of several winners the recommended one gives the outcome its name, else the one estimated highest.
    """
    configurations = workings.family(family).drawn.family.configurations
    kinds = {item.arm: item.arm_kind for item in configurations}
    reasons = tuple(describe(item) for item in deciding)
    own = configurations[chosen].arm
    better = sorted(
        (item for item in deciding if item.outcome == "better"), key=lambda item: (item.arm != own, -item.difference)
    )
    if better:
        if len(better) > 1:
            names = " and ".join(item.arm for item in better)
            why = "is recommended" if better[0].arm == own else "has the highest estimate"
            reasons += (f"{names} are each resolved better than IFT; {better[0].arm} {why}",)
        won = kinds[better[0].arm]
        return ("reasoning" if won == "reasoning" else "other" if won == "other" else "curriculum"), reasons
    rivals = {configurations[index].arm for index in allowed} - {BASELINE}
    judged = {item.arm: item.outcome for item in deciding}
    if rivals and all(judged.get(arm) == "worse" for arm in rivals):
        return "ift", reasons
    if not rivals or not deciding:
        reasons += ("no arm can be compared with IFT at the budget that counts",)
    elif workings.family(family).conditional:
        reasons += ("unresolved: no configuration has two seeds, so training luck cannot be told from a difference",)
    else:
        level = workings.settings.significance
        reasons += (f"unresolved: not every difference from IFT is resolved at adjusted p < {level:g}",)
    return "unresolved", reasons


def _alternatives(workings: Workings, family: str, allowed: Sequence[int], chosen: int) -> list[int]:
    """The most accurate eligible configuration of every other arm, best first."""
    part = workings.family(family)
    configurations, accuracy = part.drawn.family.configurations, part.shrunk.accuracy
    best: dict[str, int] = {}
    for index in sorted(allowed, key=lambda index: -accuracy[index]):
        best.setdefault(configurations[index].arm, index)
    return [index for arm, index in best.items() if arm != configurations[chosen].arm][:MOST_ALTERNATIVES]


def _crossover(workings: Workings, family: str, grid_budget: float | None) -> tuple[float | None, str]:
    """From the same-student gains of reasoning at the budget that counts."""
    configurations = workings.family(family).drawn.family.configurations
    sizes = {item.student: item.parameters for item in configurations}
    reasoning = {item.arm for item in configurations if item.arm_kind == "reasoning"}
    gains = [
        (sizes[item.student], item.difference)
        for item in standing_at(workings.comparisons, configurations, family=family, budget_flops=grid_budget)
        if item.kind == "same_student" and item.arm in reasoning
    ]
    return crossover_parameters([size for size, _ in gains], [gain for _, gain in gains])


def _nothing(workings: Workings, family: str, budget_flops: float, queries: float, caveats: Sequence[str]) -> Verdict:
    """No configuration is eligible."""
    configurations = workings.family(family).drawn.family.configurations
    convention = workings.settings.convention
    if configurations:
        cheapest = min(configurations, key=lambda item: item.training_flops[convention])
        cost = flops(cheapest.training_flops[convention])
        reason = f"no configuration meets every budget; the cheapest to train, {cheapest.name}, cost {cost}"
    else:
        reason = f"no configuration has complete scores on {family}"
    return Verdict(
        family=family,
        budget_flops=budget_flops,
        queries=queries,
        outcome="unresolved",
        recommended=None,
        alternatives=(),
        break_even=None,
        crossover_parameters=None,
        sensitivity={},
        reasons=(reason,),
        would_change_it=(),
        caveats=tuple(caveats),
    )
