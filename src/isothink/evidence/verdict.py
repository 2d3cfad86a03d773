"""The decision for one family, budget and number of queries, from stored evidence alone.

Called by analysis.py for the study's own question, and by run/ for `isothink verdict` and `isothink ask`.
"""

import math
from collections.abc import Sequence

from isothink.domain.numbers import flops, scientific
from isothink.errors import UsageError
from isothink.evidence.break_even import break_even
from isothink.evidence.candidates import Candidates, candidates, family_results
from isothink.evidence.choice import ROUNDING, choose, recommendation, within
from isothink.evidence.crossover import crossover_at, crossover_parameters
from isothink.evidence.outlook import would_change_it
from isothink.evidence.record import (
    Comparison,
    ConfigurationResult,
    Evidence,
    Money,
    Outcome,
    Recommendation,
    Verdict,
)
from isothink.evidence.rule_record import RuleCrossover
from isothink.evidence.sensitivity import sensitivity
from isothink.evidence.settings import BASELINE
from isothink.evidence.standing import standing_at
from isothink.evidence.wording import describe, due_to_cap

MOST_ALTERNATIVES = 3


def decide(
    evidence: Evidence,
    *,
    family: str,
    budget_flops: float,
    queries: float,
    inference_budget: float | None = None,
    lifetime_budget: float | None = None,
    target_accuracy: float | None = None,
    money: Money | None = None,
    predicted: Sequence[ConfigurationResult] = (),
) -> Verdict:
    """Decide for a training budget and a number of queries; the other caps are optional.

    `inference_budget` (of one query) and `lifetime_budget` are in the unit of the cost axis: FLOPs, or the seconds or
    dollars of `money`. `predicted` are configurations that were not run, which may be recommended too.

    Raises:
        UsageError: an unknown family, a budget that is not positive, or a negative number of queries.
    """
    _check(budget_flops, queries, {"inference budget": inference_budget, "lifetime budget": lifetime_budget})
    everything = [*family_results(evidence, family), *predicted]
    among = candidates(everything, money)
    notes = _without_serving(everything, among, money)
    affordable = within(among.training_flops, budget_flops)
    allowed = affordable & within(among.per_query, inference_budget) & within(among.lifetime(queries), lifetime_budget)
    eligible = [int(index) for index in allowed.nonzero()[0]]
    grid_budget = _budget_that_counts(evidence, budget_flops)
    deciding = comparisons_at(evidence, family, grid_budget)
    if not eligible:
        return _nothing(evidence, family, budget_flops=budget_flops, queries=queries, money=money, among=among)
    level, tolerance = evidence.level, evidence.cost_tolerance
    chosen = choose(
        eligible, among.accuracy, among.choice_draws, among.lifetime(queries), level=level, tolerance=tolerance
    )
    outcome, why = _outcome(evidence, family, among, deciding, eligible, chosen)
    beyond = budget_flops > max(evidence.budgets_flops, default=budget_flops) * ROUNDING

    def record(index: int) -> Recommendation:
        return recommendation(among, index, eligible, queries=queries, level=level, money=money, extrapolated=beyond)

    even, even_notes = break_even(
        among, eligible, queries=queries, target_accuracy=target_accuracy, level=level, tolerance=tolerance
    )
    crossover, crossover_note = _crossover(evidence, family, grid_budget)
    if beyond:
        notes += (f"extrapolated: nothing was trained above {flops(evidence.budgets_flops[-1])}",)
    notes = (*why, *notes, *even_notes, crossover_note)
    return Verdict(
        basis=evidence.basis,
        family=family,
        budget_flops=budget_flops,
        queries=queries,
        money=money,
        outcome=outcome,
        recommended=record(chosen),
        alternatives=tuple(record(index) for index in _alternatives(among, eligible, chosen)),
        break_even=even,
        crossover_parameters=crossover,
        sensitivity={}  # on money no convention counts; what is predicted is priced in one alone
        if money is not None or predicted
        else sensitivity(
            among,
            eligible,
            chosen,
            convention=evidence.convention,
            budget_flops=budget_flops,
            queries=queries,
            level=level,
            tolerance=tolerance,
        ),
        reasons=tuple(note for note in notes if note),
        at_equal_cost=_at_equal_cost(evidence, family, grid_budget),
        would_change_it=would_change_it(
            evidence,
            deciding=deciding,
            recommended=among.results[chosen],
            even=even,
            queries=queries,
            conditional=is_conditional(evidence, family),
        ),
        caveats=(
            *evidence.family_caveats.get(family, ()),
            *(text for item in deciding for text in due_to_cap(item)),
            *evidence.caveats,
        ),
    )


def is_conditional(evidence: Evidence, family: str) -> bool:
    """Whether no configuration has two seeds, so that every statement is about those training runs alone."""
    return not any(one.family == family and one.degrees_of_freedom for one in evidence.seed_variance)


def _check(budget_flops: float, queries: float, caps: dict[str, float | None]) -> None:
    if not 0 < budget_flops < math.inf:
        raise UsageError(f"budget: {budget_flops:g} is not a positive number of FLOPs")
    if not 0 <= queries < math.inf:
        raise UsageError(f"queries: {queries:g} is not a number of queries (0 or more)")
    for name, cap in caps.items():
        if cap is not None and not cap >= 0:
            raise UsageError(f"{name}: {cap:g} is not a cost (0 or more)")


def _without_serving(
    everything: Sequence[ConfigurationResult], among: Candidates, money: Money | None
) -> tuple[str, ...]:
    if money is None or len(among.results) == len(everything):
        return ()
    left = len(everything) - len(among.results)
    return (f"{left} of {len(everything)} configurations have no known shape, so no {money.axis}, and are left out",)


def comparisons_at(evidence: Evidence, family: str, budget_flops: float | None) -> tuple[Comparison, ...]:
    """The comparisons that decide an outcome at one budget of the grid."""
    own = [one for one in evidence.configurations if one.family == family]
    standing = standing_at(evidence.comparisons, own, family=family, budget_flops=budget_flops)
    return tuple(item for item in standing if item.kind == "best_student")


def _at_equal_cost(evidence: Evidence, family: str, budget_flops: float | None) -> tuple[str, ...]:
    """What the best student of each arm shows at equal inference and whole-life cost."""
    return tuple(
        describe(item)
        for item in evidence.comparisons
        if item.kind == "best_student"
        and item.axis != "training_flops"
        and item.family == family
        and item.budget_flops == budget_flops
    )


def _budget_that_counts(evidence: Evidence, budget_flops: float) -> float | None:
    """The largest budget of the grid that does not exceed the one asked about."""
    return max((item for item in evidence.budgets_flops if item <= budget_flops * ROUNDING), default=None)


def _outcome(
    evidence: Evidence,
    family: str,
    among: Candidates,
    deciding: Sequence[Comparison],
    eligible: Sequence[int],
    chosen: int,
) -> tuple[Outcome, tuple[str, ...]]:
    """Whose arm is resolved to be better at the budget that counts.

    A comparison whose cells another cap excludes says nothing of what is left. Of several winners the recommended one
    gives the outcome its name, else the one estimated highest.
    """
    reasons = tuple(describe(item) for item in deciding)
    there = {(one.student, one.arm, one.budget_flops) for one in (among.results[index] for index in eligible)}
    counting = [item for item in deciding if _cells_of(item) <= {(student, arm) for student, arm, _ in there}]
    if len(counting) < len(deciding):
        reasons += ("the caps on costs exclude cells that were compared; such comparisons decide nothing here",)
    own = among.results[chosen].arm
    better = sorted(
        (item for item in counting if item.outcome == "better"), key=lambda item: (item.arm != own, -item.difference)
    )
    if better:
        if len(better) > 1:
            names = " and ".join(item.arm for item in better)
            why = "is recommended" if better[0].arm == own else "has the highest estimate"
            reasons += (f"{names} are each resolved better than IFT; {better[0].arm} {why}",)
        won = {one.arm: one.arm_kind for one in among.results}[better[0].arm]
        return ("reasoning" if won == "reasoning" else "other" if won == "other" else "curriculum"), reasons
    rivals = {among.results[index].arm for index in eligible} - {BASELINE}
    judged = {item.arm: item.outcome for item in counting}
    if rivals and all(judged.get(arm) == "worse" for arm in rivals):
        return "ift", reasons
    if not rivals or not counting:
        reasons += ("no arm can be compared with IFT at the budget that counts",)
    elif is_conditional(evidence, family):
        reasons += ("unresolved: no configuration has two seeds, so training luck cannot be told from a difference",)
    else:
        reasons += (f"unresolved: not every difference from IFT is resolved at adjusted p < {evidence.significance:g}",)
    return "unresolved", reasons


def _cells_of(item: Comparison) -> set[tuple[str, str]]:
    return {(item.student, item.arm), (item.baseline_student, item.baseline)}


def _alternatives(among: Candidates, eligible: Sequence[int], chosen: int) -> list[int]:
    """The most accurate eligible configuration of every other arm, best first."""
    best: dict[str, int] = {}
    for index in sorted(eligible, key=lambda index: -among.accuracy[index]):
        best.setdefault(among.results[index].arm, index)
    return [index for arm, index in best.items() if arm != among.results[chosen].arm][:MOST_ALTERNATIVES]


def _crossover(evidence: Evidence, family: str, grid_budget: float | None) -> tuple[float | None, str]:
    """By the rule fitted to the study; without one, from the same-student gains at the budget that counts."""
    results = [one for one in evidence.configurations if one.family == family]
    reasoning = {one.arm for one in results if one.arm_kind == "reasoning"}
    for arm in sorted(reasoning):
        ruled = crossover_at(evidence.rules, family, arm, 0.0 if grid_budget is None else grid_budget)
        if ruled is not None:
            return ruled.parameters, _crossover_note(ruled)
    sizes = {one.student: one.parameters for one in results}
    gains = [
        (sizes[item.student], item.difference)
        for item in standing_at(evidence.comparisons, results, family=family, budget_flops=grid_budget)
        if item.kind == "same_student" and item.arm in reasoning
    ]
    return crossover_parameters([size for size, _ in gains], [gain for _, gain in gains])


def _crossover_note(ruled: RuleCrossover) -> str:
    if ruled.parameters is None or ruled.interval is None:
        return ruled.reason
    low, high = ("beyond what is predicted" if end is None else scientific(end) for end in ruled.interval)
    return f"the fitted gain of {ruled.arm} is zero at {scientific(ruled.parameters)} parameters, from {low} to {high}"


def _nothing(
    evidence: Evidence, family: str, *, budget_flops: float, queries: float, money: Money | None, among: Candidates
) -> Verdict:
    """No configuration is eligible."""
    if among.results:
        cheapest = min(among.results, key=lambda one: one.training_flops)
        cost = flops(cheapest.training_flops)
        reason = f"no configuration meets every budget; the cheapest to train, {cheapest.configuration}, cost {cost}"
    elif any(one.family == family for one in evidence.configurations):
        reason = "no configuration has a known shape, so none has seconds or dollars"
    else:
        reason = f"no configuration has complete scores on {family}"
    return Verdict(
        basis=evidence.basis,
        family=family,
        budget_flops=budget_flops,
        queries=queries,
        money=money,
        outcome="unresolved",
        recommended=None,
        alternatives=(),
        break_even=None,
        crossover_parameters=None,
        sensitivity={},
        reasons=(reason,),
        would_change_it=(),
        caveats=(*evidence.family_caveats.get(family, ()), *evidence.caveats),
    )
