"""The verdict in plain English: the same sentences for the page and the terminal.

A family's text is one sentence (outcome, recommended configuration, its accuracy, how sure), and a second one that says
what would change it.
"""

from isothink.evidence.record import Comparison, Evidence, Recommendation, Verdict
from isothink.evidence.verdict import budget_that_counts, comparisons_at
from isothink.evidence.wording import can_resolve
from isothink.report import numbers
from isothink.report.text import visible

ARM_NAMES = {"ift": "IFT"}


def verdict_sentences(evidence: Evidence) -> list[str]:
    """One text per family, in the order of `evidence.families`."""
    return [family_text(evidence, family) for family in evidence.families]


def family_text(evidence: Evidence, family: str) -> str:
    """The verdict of a family at its largest budget, and what would change it."""
    verdict = leading_verdict(evidence, family)
    if verdict is None:
        return visible(f"{family}: no verdict, because no configuration of this family has a result.")
    change = change_sentence(verdict)
    return f"{verdict_sentence(evidence, verdict)} {change}".rstrip()


def leading_verdict(evidence: Evidence, family: str) -> Verdict | None:
    """The family's verdict at the largest budget: the one that is said first."""
    verdicts = [verdict for verdict in evidence.verdicts if verdict.family == family]
    return max(verdicts, key=lambda verdict: verdict.budget_flops, default=None)


def verdict_sentence(evidence: Evidence, verdict: Verdict) -> str:
    """One sentence: outcome, recommended configuration, its accuracy with interval, how sure."""
    comparison = deciding_comparison(evidence, verdict)
    outcome = _outcome_clause(verdict, comparison, budget_that_counts(evidence, verdict.budget_flops))
    return visible(f"{verdict.family}: {outcome}; {_recommendation_clause(verdict)}.")


def change_sentence(verdict: Verdict) -> str:
    """What would change the verdict, or nothing where the analysis names nothing."""
    if not verdict.would_change_it:
        return ""
    return visible(f"What would change it: {'; '.join(text.rstrip('. ') for text in verdict.would_change_it)}.")


def deciding_comparison(evidence: Evidence, verdict: Verdict) -> Comparison | None:
    """The comparison of best students that a verdict rests on: at its budget or, between two budgets, the lower one."""
    deciding = comparisons_at(evidence, verdict.family, budget_that_counts(evidence, verdict.budget_flops))
    fitting = [one for one in deciding if _fits(one, verdict)]
    return min(fitting, key=lambda comparison: _preference(comparison, verdict), default=None)


def arm_name(arm: str) -> str:
    """An arm as it stands in a sentence."""
    return ARM_NAMES.get(arm, arm)


def _fits(comparison: Comparison, verdict: Verdict) -> bool:
    """Whether a comparison could have led to the verdict's outcome."""
    if verdict.outcome == "ift":
        return comparison.outcome == "worse"
    if verdict.outcome == "unresolved":
        return comparison.outcome == "unresolved"
    return comparison.outcome == "better" and (comparison.arm == "reasoning") == (verdict.outcome == "reasoning")


def _preference(comparison: Comparison, verdict: Verdict) -> tuple[bool, float]:
    """Of several, that of reasoning, the question of the study; of several curricula the recommended or highest one."""
    if verdict.outcome in ("curriculum", "other"):
        recommended = verdict.recommended is not None and comparison.arm == verdict.recommended.arm
        return (not recommended, -comparison.difference)
    return (comparison.arm != "reasoning", comparison.p_value)


def _budget_text(verdict: Verdict, budget: float | None) -> str:
    """The budget of the study that decides; of the one asked about nothing was trained unless they are the same."""
    if budget is None or budget >= verdict.budget_flops * (1 - 1e-6):
        return numbers.flops(verdict.budget_flops)
    return f"{numbers.flops(budget)} (the largest budget within {numbers.scientific(verdict.budget_flops)})"


def _outcome_clause(verdict: Verdict, comparison: Comparison | None, budget: float | None) -> str:
    at = f"at {_budget_text(verdict, budget)} of training"
    if verdict.outcome == "unresolved":
        return f"not resolved {at}{_unresolved_detail(comparison)}"
    arm = arm_name(comparison.arm) if comparison else {"ift": "the other arms"}.get(verdict.outcome, verdict.outcome)
    winner, loser = ("IFT", arm) if verdict.outcome == "ift" else (arm, "IFT")
    detail = f" (best student of each: {difference_text(comparison)})" if comparison else ""
    return f"{winner} beats {loser} {at}{detail}"


def _unresolved_detail(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    return (
        f": the best {arm_name(comparison.arm)} student minus the best {arm_name(comparison.baseline)} student is "
        f"{difference_text(comparison)}, and {limit_text(comparison)}"
    )


def limit_text(comparison: Comparison) -> str:
    """How small a difference nothing could have been told of."""
    smallest = f"differences below {100 * comparison.smallest_resolvable:.1f} points cannot"
    return f"{smallest if can_resolve(comparison) else 'no difference can'} be told from chance here"


def difference_text(comparison: Comparison) -> str:
    """For example `+12.3 points, 90% interval +4.1 to +20.0, adjusted p = 0.003`."""
    signed = f"{numbers.points(comparison.difference)} points"
    interval = f"{numbers.level(comparison.interval)} interval {numbers.points_interval(comparison.interval)}"
    if comparison.adjusted_p_value is None:
        return f"{signed}, {interval}"
    sure = f"adjusted p {numbers.p_value(comparison.adjusted_p_value)}"
    return f"{signed}, {interval}, {sure}"


def _recommendation_clause(verdict: Verdict) -> str:
    best = verdict.recommended
    if best is None:
        reasons = "; ".join(reason.rstrip(". ") for reason in verdict.reasons)
        return f"no configuration is recommended ({reasons})" if reasons else "no configuration is recommended"
    lead = "the best guess for now is" if verdict.outcome == "unresolved" else "the recommended configuration is"
    return (
        f"{lead} {best.cell}{_standing(best)}, with an expected accuracy of {numbers.percent(best.accuracy)} "
        f"({numbers.level(best.interval)} interval {numbers.percent_interval(best.interval)}) and a probability "
        f"{numbers.probability_phrase(best.probability_best)} of being the best"
    )


def _standing(best: Recommendation) -> str:
    """What a reader must know about the recommended configuration before believing its number."""
    notes = []
    if best.source != "trained":
        notes.append(f"{best.source}, not trained here")
    if best.extrapolated:
        notes.append("extrapolated")
    if best.edge:
        notes.append("at the edge of what was tried")
    return f" ({', '.join(notes)})" if notes else ""
