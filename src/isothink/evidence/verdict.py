"""The decision for one family, budget and number of queries, from stored evidence alone.

Called by analysis.py for the study's own question, and by run/ for `isothink verdict` and `isothink ask`.
"""

import math
from collections.abc import Sequence

import numpy as np

from isothink.domain.numbers import flops, scientific
from isothink.errors import UsageError
from isothink.evidence.break_even import break_even
from isothink.evidence.candidates import Candidates, candidates, family_results
from isothink.evidence.choice import ROUNDING, Choice, choose, recommendation, within
from isothink.evidence.crossover import crossover_at, crossover_parameters
from isothink.evidence.observations import Floats
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
from isothink.evidence.sensitivity import CANNOT_TELL, sensitivity, told
from isothink.evidence.settings import BASELINE
from isothink.evidence.standing import standing_at
from isothink.evidence.wording import amount, describe, due_to_cap, unfinished

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
    convention: str | None = None,
    predicted: Sequence[ConfigurationResult] = (),
) -> Verdict:
    """Decide for a training budget and a number of queries; the other caps are optional.

    `inference_budget` (of one query) and `lifetime_budget` are in the unit of the cost axis: FLOPs, or the seconds or
    dollars of `money`. Under another `convention` than the study's, configurations are priced anew and the budget is
    rescaled as for the sensitivity; budget and caps are still stated in the study's. `predicted` are configurations
    that were not run, which may be recommended too; they are priced in the study's convention alone.

    Raises:
        UsageError: an unknown family or convention, a budget that is not positive, or a negative number of queries.
    """
    if target_accuracy is not None and not 0 <= target_accuracy <= 1:
        raise UsageError(f"target: found {target_accuracy:g}, allowed is an accuracy from 0 to 1", hint="0.7 is 70%")
    _check(budget_flops, queries, {"inference budget": inference_budget, "lifetime budget": lifetime_budget})
    other = _other_convention(evidence, convention, money=money, predicted=predicted)
    everything = [*family_results(evidence, family), *predicted]
    among = candidates(everything, money)
    notes = _without_serving(everything, among, money)
    caps = (
        ("the training budget", among.training_flops, budget_flops, None),
        ("the inference budget per query", among.per_query, inference_budget, money),
        ("the whole-life budget", among.lifetime(queries), lifetime_budget, money),
    )
    allowed = np.all([within(costs, cap) for _, costs, cap, _ in caps], axis=0)
    eligible = tuple(int(index) for index in allowed.nonzero()[0])
    asked = _asked(evidence, family, budget_flops=budget_flops, queries=queries, money=money, convention=other)
    if not eligible:
        return asked.model_copy(update={"reasons": (_why_nothing(evidence, family, among, caps),)})
    level, tolerance = evidence.level, evidence.cost_tolerance
    chosen = choose(
        eligible, among.accuracy, among.choice_draws, among.lifetime(queries), level=level, tolerance=tolerance
    )
    choice = Choice(among=among, eligible=eligible, chosen=chosen, budget_flops=budget_flops)
    under: dict[str, Choice | str] = {}
    if money is None and not predicted:  # no convention counts on money; what is predicted is priced in one alone
        under = sensitivity(choice, convention=evidence.convention, queries=queries, level=level, tolerance=tolerance)
    if other is not None:
        found = under.get(other, f"nothing is priced in the {other} convention")
        if isinstance(found, str):
            instead = f"under {evidence.convention} it is {among.results[chosen].configuration}"
            reason = f"{CANNOT_TELL} under the {other} convention: {found}; {instead}"
            return asked.model_copy(update={"reasons": (reason,), "sensitivity": told(under)})
        choice = found
    return _decided(evidence, asked, choice, notes=notes, target_accuracy=target_accuracy, sensitivity=told(under))


def _asked(
    evidence: Evidence, family: str, *, budget_flops: float, queries: float, money: Money | None, convention: str | None
) -> Verdict:
    """The question as a verdict that names nothing."""
    return Verdict(
        basis=evidence.basis,
        family=family,
        budget_flops=budget_flops,
        queries=queries,
        money=money,
        convention=convention,
        outcome="unresolved",
        recommended=None,
        alternatives=(),
        break_even=None,
        crossover_parameters=None,
        sensitivity={},
        reasons=(),
        would_change_it=(),
        caveats=_caveats(evidence, family, ()),
    )


def _decided(
    evidence: Evidence,
    asked: Verdict,
    choice: Choice,
    *,
    notes: tuple[str, ...],
    target_accuracy: float | None,
    sensitivity: dict[str, str],
) -> Verdict:
    """The question with everything that follows from the choice."""
    family, queries, level = asked.family, asked.queries, evidence.level
    grid_budget = budget_that_counts(evidence, asked.budget_flops)
    deciding = comparisons_at(evidence, family, grid_budget)
    outcome, why = _outcome(evidence, family, choice, deciding)
    beyond = asked.budget_flops > max(evidence.budgets_flops, default=asked.budget_flops) * ROUNDING
    if beyond:
        notes += (f"extrapolated: nothing was trained above {flops(evidence.budgets_flops[-1])}",)
    priced = asked.money is not None or asked.convention is not None

    def record(index: int) -> Recommendation:
        return recommendation(choice, index, queries=queries, level=level, priced=priced, extrapolated=beyond)

    even, even_notes = break_even(
        choice.among,
        choice.eligible,
        queries=queries,
        target_accuracy=target_accuracy,
        level=level,
        tolerance=evidence.cost_tolerance,
    )
    crossover, crossover_note = crossover_of_family(evidence, family, grid_budget)
    changes = would_change_it(
        evidence,
        deciding=deciding,
        recommended=choice.among.results[choice.chosen],
        even=even,
        queries=queries,
        conditional=is_conditional(evidence, family),
    )
    found = {
        "rescaled_budget_flops": None if asked.convention is None else choice.budget_flops,
        "outcome": outcome,
        "recommended": record(choice.chosen),
        "alternatives": tuple(record(index) for index in _alternatives(choice)),
        "break_even": even,
        "crossover_parameters": crossover,
        "sensitivity": sensitivity,
        "reasons": tuple(note for note in (*why, *notes, *even_notes, crossover_note) if note),
        "at_equal_cost": at_equal_cost(evidence, family, grid_budget),
        "would_change_it": changes,
        "caveats": _caveats(evidence, family, deciding),
    }
    return asked.model_copy(update=found)


def _caveats(evidence: Evidence, family: str, deciding: Sequence[Comparison]) -> tuple[str, ...]:
    capped = (text for item in deciding for text in due_to_cap(item))
    waiting = unfinished(evidence.missing)
    return (*waiting, *evidence.family_caveats.get(family, ()), *capped, *evidence.caveats)


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


def _other_convention(
    evidence: Evidence, convention: str | None, *, money: Money | None, predicted: Sequence[ConfigurationResult]
) -> str | None:
    """The convention that was asked for where it is not the study's own."""
    named = {name for one in evidence.configurations for name in one.conventions} - {evidence.convention}
    if convention is None or convention == evidence.convention:
        return None
    if convention not in named:
        known = ", ".join([evidence.convention, *sorted(named)])
        raise UsageError(
            f"convention: found {convention[:80]!r}, allowed are {known}", hint="what this study is priced in"
        )
    if money is not None:
        raise UsageError(
            f"convention: {convention} counts FLOPs, and the axis is {money.axis}",
            hint="leave out --convention or --axis",
        )
    if predicted:
        raise UsageError(
            f"convention: sizes that were not run are priced in {evidence.convention} alone", hint="leave out --sizes"
        )
    return convention


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


def at_equal_cost(evidence: Evidence, family: str, budget_flops: float | None) -> tuple[str, ...]:
    """What the best student of each arm shows at equal inference and whole-life cost."""
    return tuple(
        describe(item)
        for item in evidence.comparisons
        if item.kind == "best_student"
        and item.axis != "training_flops"
        and item.family == family
        and item.budget_flops == budget_flops
    )


def budget_that_counts(evidence: Evidence, budget_flops: float) -> float | None:
    """The largest budget of the grid that does not exceed the one asked about."""
    return max((item for item in evidence.budgets_flops if item <= budget_flops * ROUNDING), default=None)


def _outcome(
    evidence: Evidence,
    family: str,
    choice: Choice,
    deciding: Sequence[Comparison],
) -> tuple[Outcome, tuple[str, ...]]:
    """Whose arm is resolved to be better at the budget that counts.

    A comparison whose cells another cap excludes says nothing of what is left. Of several winners the recommended one
    gives the outcome its name, else the one estimated highest.
    """
    among, eligible = choice.among, choice.eligible
    reasons = tuple(describe(item) for item in deciding)
    there = {(one.student, one.arm, one.budget_flops) for one in (among.results[index] for index in eligible)}
    counting = [item for item in deciding if _cells_of(item) <= {(student, arm) for student, arm, _ in there}]
    if len(counting) < len(deciding):
        reasons += ("the caps on costs exclude cells that were compared; such comparisons decide nothing here",)
    own = among.results[choice.chosen].arm
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


def _alternatives(choice: Choice) -> list[int]:
    """The most accurate eligible configuration of every other arm, best first."""
    among = choice.among
    best: dict[str, int] = {}
    for index in sorted(choice.eligible, key=lambda index: -among.accuracy[index]):
        best.setdefault(among.results[index].arm, index)
    return [index for arm, index in best.items() if arm != among.results[choice.chosen].arm][:MOST_ALTERNATIVES]


def crossover_of_family(evidence: Evidence, family: str, grid_budget: float | None) -> tuple[float | None, str]:
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


def _why_nothing(
    evidence: Evidence, family: str, among: Candidates, caps: Sequence[tuple[str, Floats, float | None, Money | None]]
) -> str:
    """Why no configuration is eligible: the first cap that leaves none of those that the caps before it allow."""
    if not among.results:
        if any(one.family == family for one in evidence.configurations):
            return "no configuration has a known shape, so none has seconds or dollars"
        return f"no configuration has complete scores on {family}"
    left = np.ones(len(among.results), dtype=np.bool_)
    before: list[str] = []
    for name, costs, cap, unit in caps:
        allowed = left & within(costs, cap)
        if cap is not None and not allowed.any():
            cheapest = min(left.nonzero()[0], key=lambda index: costs[index])
            kept = f" of those within {' and '.join(before)}" if before else ""
            return (
                f"no configuration{kept} is within {name} of {amount(cap, unit)}; the cheapest,"
                f" {among.results[cheapest].configuration}, costs {amount(float(costs[cheapest]), unit)}"
            )
        if cap is not None:
            before.append(name)
        left = allowed
    raise AssertionError("some configuration is eligible")
