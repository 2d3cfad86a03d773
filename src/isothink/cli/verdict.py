"""What `isothink verdict` prints: one paragraph, with the doubt in it."""

from isothink.domain.numbers import scientific
from isothink.evidence.record import Verdict


def verdict_text(verdict: Verdict) -> str:
    """The decision as a paragraph."""
    lead = "not resolved" if verdict.outcome == "unresolved" else verdict.outcome
    parts = [
        f"{verdict.family}, at {scientific(verdict.budget_flops)} training FLOPs"
        f" and {verdict.queries:,.0f} queries: {lead}."
    ]
    best = verdict.recommended
    if best is not None:
        parts.append(
            f"Recommended is {best.cell}: expected accuracy {100 * best.accuracy:.1f}%"
            f" (90% interval {100 * best.interval.low:.1f} to {100 * best.interval.high:.1f}),"
            f" the best with probability {best.probability_best:.2f};"
            f" expected regret {best.expected_regret_points:.1f} points."
        )
    parts.extend(_sentence(reason) for reason in verdict.reasons)
    parts.extend(_sentence(f"What would change it: {change}") for change in verdict.would_change_it)
    parts.extend(_sentence(f"Caveat: {caveat}") for caveat in verdict.caveats)
    return " ".join(parts)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
