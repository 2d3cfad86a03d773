"""The first screen: a sentence per family, how sure it is, its caveats, and all verdicts as a compact table."""

from dataclasses import dataclass

from isothink.compute.hardware import device_names
from isothink.evidence.money import BATCH_SIZE, UTILISATION
from isothink.evidence.record import BreakEven, Evidence, Verdict
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.section import Section
from isothink.report.sentences import (
    arm_name,
    change_sentence,
    deciding_comparison,
    family_text,
    leading_verdict,
    verdict_sentence,
)
from isothink.report.table import table_of
from isothink.report.text import visible

BREAK_EVEN = {
    "ift_always": "IFT costs less over its whole life at any number of queries",
    "reasoning_always": "reasoning costs less over its whole life at any number of queries",
    "no_equal_accuracy": "none: the arms reach no equal accuracy",
}

TABLE_CAPTION = "All verdicts. Budgets are caps on training FLOPs."


@dataclass(frozen=True, kw_only=True)
class FamilyVerdict:
    """One family's paragraph."""

    family: str
    outcome: str
    badge: str
    headline: str
    sentence: str
    change: str
    facts: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """One row of the compact table."""

    family: str
    budget: str
    outcome: str
    recommended: str
    accuracy: str
    interval: str
    probability: str
    adjusted_p: str
    training: str
    inference: str


@dataclass(frozen=True, kw_only=True)
class Explorer:
    """What the controls of the first screen offer; `leading` is the family shown first, and it has a result."""

    leading: int
    families: tuple[tuple[int, str], ...]
    convention: str
    conventions: tuple[str, ...]
    devices: tuple[str, ...]
    has_serving: bool
    batch_size: int
    utilisation: float


@dataclass(frozen=True, kw_only=True)
class VerdictContent:
    """What the template shows."""

    families: tuple[FamilyVerdict, ...]
    rows: tuple[VerdictRow, ...]
    caveats: tuple[str, ...]
    queries: str
    level: str
    explorer: Explorer | None


def section(data: ReportData) -> Section:
    """The verdict's section."""
    evidence = data.evidence
    content = VerdictContent(
        families=tuple(_family(evidence, family) for family in evidence.families),
        rows=tuple(_row(evidence, verdict) for verdict in evidence.verdicts),
        caveats=_common_caveats(evidence),
        queries=numbers.count(evidence.queries),
        level=f"{100 * evidence.level:g}%",
        explorer=_explorer(evidence),
    )
    tables = (table_of("verdicts", "All verdicts", TABLE_CAPTION, content.rows),) if content.rows else ()
    return Section(id="verdict", title="Verdict", short="Verdict", content=content, tables=tables)


def outcome_name(outcome: str) -> str:
    """An outcome as a reader says it."""
    return "not resolved" if outcome == "unresolved" else arm_name(outcome)


def _family(evidence: Evidence, family: str) -> FamilyVerdict:
    verdict = leading_verdict(evidence, family)
    sentence = verdict_sentence(evidence, verdict) if verdict else family_text(evidence, family)
    return FamilyVerdict(
        family=family,
        outcome=verdict.outcome if verdict else "none",
        badge=outcome_name(verdict.outcome) if verdict else "no result",
        headline=_headline(verdict) if verdict else "no configuration of this family has a result",
        sentence=sentence.removeprefix(f"{visible(family)}: "),
        change=change_sentence(verdict) if verdict else "",
        facts=_facts(verdict) if verdict else (),
        reasons=verdict.reasons if verdict else (),
        caveats=_own_caveats(evidence, verdict) if verdict else (),
    )


def _headline(verdict: Verdict) -> str:
    """The recommendation in half a sentence, for the list of families."""
    best = verdict.recommended
    if best is None:
        return "; ".join(verdict.reasons)
    lead = "best guess for now" if verdict.outcome == "unresolved" else "take"
    return (
        f"{lead} {best.cell}: {numbers.percent(best.accuracy)} ({numbers.percent_interval(best.interval)}), best with "
        f"a probability {numbers.probability_phrase(best.probability_best)}"
    )


def _explorer(evidence: Evidence) -> Explorer | None:
    """None where there is nothing to choose among."""
    with_results = {one.family for one in evidence.configurations}
    families = tuple((number, name) for number, name in enumerate(evidence.families) if name in with_results)
    if not families:
        return None
    named = {name for one in evidence.configurations for name in one.conventions}
    return Explorer(
        leading=families[0][0],
        families=families,
        convention=evidence.convention,
        conventions=tuple(sorted(named - {evidence.convention})),
        devices=tuple(device_names()),
        has_serving=any(one.serving is not None for one in evidence.configurations),
        batch_size=BATCH_SIZE,
        utilisation=100 * UTILISATION,
    )


def _own_caveats(evidence: Evidence, verdict: Verdict) -> tuple[str, ...]:
    """A family's caveats without those of every family, and without its name, which stands above them."""
    everywhere = _everywhere(evidence)
    own = [text.removeprefix(f"{verdict.family}: ") for text in verdict.caveats if text not in everywhere]
    return tuple(dict.fromkeys(own))


def _common_caveats(evidence: Evidence) -> tuple[str, ...]:
    """The analysis' caveats but for those that stand beside their family."""
    everywhere = _everywhere(evidence)
    own = [text for family in evidence.families for text in evidence.family_caveats.get(family, ())]
    beside = {text for verdict in evidence.verdicts for text in verdict.caveats if text not in everywhere}
    return tuple(dict.fromkeys(text for text in (*evidence.caveats, *own, *everywhere) if text not in beside))


def _everywhere(evidence: Evidence) -> tuple[str, ...]:
    """What every verdict of several warns of: said once below them."""
    if len(evidence.verdicts) < 2:
        return ()
    first, *others = evidence.verdicts
    return tuple(text for text in first.caveats if all(text in other.caveats for other in others))


def _facts(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    facts = []
    best = verdict.recommended
    if best is not None:
        facts.append(
            ("Expected regret", f"{best.expected_regret_points:.1f} points of accuracy, on average over the draws")
        )
        facts.append(("Training", numbers.flops(best.training_flops)))
        facts.append(("Inference", f"{numbers.flops(best.inference_flops_per_query)} per query"))
        facts.append((f"Whole life, {numbers.count(verdict.queries)} queries", numbers.flops(best.lifetime_flops)))
    if verdict.break_even is not None:
        facts.append(("Break-even", _break_even(verdict.break_even)))
    if verdict.crossover_parameters is not None:
        size = numbers.parameters(verdict.crossover_parameters)
        facts.append(("Reasoning gains nothing at", f"{size} parameters (fitted)"))
    facts.extend((f"Under the {convention} convention", found) for convention, found in verdict.sensitivity.items())
    return tuple(facts)


def _break_even(point: BreakEven) -> str:
    if point.kind != "at_queries" or point.queries is None:
        return BREAK_EVEN.get(point.kind, numbers.NONE)
    text = f"{numbers.count(point.queries)} queries"
    if point.interval is not None:
        low, high = numbers.count(point.interval.low), numbers.count(point.interval.high)
        text += f" ({numbers.level(point.interval)} interval {low} to {high})"
    if point.target_accuracy is not None:
        text += f", where both arms reach {numbers.percent(point.target_accuracy)}"
    if point.cheaper_below is not None:
        text += f"; with fewer, {arm_name(point.cheaper_below)} is the cheaper"
    return text


def _row(evidence: Evidence, verdict: Verdict) -> VerdictRow:
    best, comparison = verdict.recommended, deciding_comparison(evidence, verdict)
    return VerdictRow(
        family=verdict.family,
        budget=numbers.scientific(verdict.budget_flops),
        outcome=outcome_name(verdict.outcome),
        recommended=best.cell if best else "none",
        accuracy=numbers.percent(best.accuracy) if best else numbers.NONE,
        interval=numbers.percent_interval(best.interval) if best else numbers.NONE,
        probability=numbers.probability(best.probability_best) if best else numbers.NONE,
        adjusted_p=numbers.p_value(comparison.adjusted_p_value).removeprefix("= ") if comparison else numbers.NONE,
        training=numbers.scientific(best.training_flops) if best else numbers.NONE,
        inference=numbers.scientific(best.inference_flops_per_query) if best else numbers.NONE,
    )
