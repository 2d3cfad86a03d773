"""What `isothink verdict` and `isothink ask` print: one paragraph to act on, with the doubt in it."""

from isothink.cli.output import one_line
from isothink.domain.numbers import scientific, short
from isothink.evidence.record import BreakEven, Recommendation, Verdict

DECISIONS = {
    "ift": "instruction-tune; every other arm is resolved worse",
    "reasoning": "distil reasoning; it is resolved better than instruction tuning",
    "curriculum": "train a curriculum; it is resolved better than instruction tuning",
    "unresolved": "not resolved",
}
MOST_CHANGES = 2
MOST_CAVEATS = 3
"""The others are counted; `--json` has all."""


def verdict_text(verdict: Verdict) -> str:
    """The decision as a paragraph; nothing in it steers a terminal."""
    prior = " From published figures alone" if verdict.basis == "published" else ""
    parts = [
        f"{verdict.family}, {_budget(verdict)}, {verdict.queries:,.0f} queries:{prior} {DECISIONS[verdict.outcome]}."
    ]
    if verdict.recommended is not None:
        parts.extend(_recommended(verdict, verdict.recommended))
    parts.extend(_sentence(reason) for reason in (*verdict.reasons, *verdict.at_equal_cost[:1]))
    if verdict.break_even is not None:
        parts.append(_break_even(verdict.break_even))
    parts.extend(_conventions(verdict))
    if verdict.would_change_it:
        parts.append(_listed("It would change with", verdict.would_change_it, MOST_CHANGES))
    if verdict.caveats:
        parts.append(_listed("Caveats", verdict.caveats, MOST_CAVEATS))
    return one_line(" ".join(parts))


def _budget(verdict: Verdict) -> str:
    text = f"{scientific(verdict.budget_flops)} training FLOPs"
    if verdict.rescaled_budget_flops is None:
        return text
    return f"{text} ({scientific(verdict.rescaled_budget_flops)} in the {verdict.convention} convention)"


def _recommended(verdict: Verdict, best: Recommendation) -> list[str]:
    lead = "The best guess for now is" if verdict.outcome == "unresolved" else "Take"
    notes = [
        *([] if best.source == "trained" else [best.source]),
        *(["extrapolated"] if best.extrapolated else []),
        *(["at an end of what was tried"] if best.edge else []),
    ]
    standing = f" ({', '.join(notes)})" if notes else ""
    return [
        f"{lead} {best.cell}{standing}: expected accuracy {100 * best.accuracy:.1f}%"
        f" (90% interval {100 * best.interval.low:.1f} to {100 * best.interval.high:.1f}), the best with"
        f" {_probability(best.probability_best)}{_regret(best.expected_regret_points)}.",
        _costs(verdict, best),
    ]


def _regret(points: float) -> str:
    return f"; a better one is expected to be {points:.1f} points ahead" if points >= 0.05 else ""


def _probability(value: float) -> str:
    """Draws show neither that something is sure nor that it is impossible."""
    if value < 0.005:
        return "a probability below 0.01"
    return "a probability above 0.99" if value > 0.995 else f"probability {value:.2f}"


def _costs(verdict: Verdict, best: Recommendation) -> str:
    costs: tuple[float | None, ...]
    if verdict.money is None and verdict.convention is None:
        costs, unit = (best.training_flops, best.inference_flops_per_query, best.lifetime_flops), " FLOPs"
    else:
        costs = (best.training_cost, best.inference_cost_per_query, best.lifetime_cost)
        unit = f" {verdict.convention} FLOPs"
    if verdict.money is not None:
        unit = " dollars" if verdict.money.axis == "usd" else " seconds"
        unit += f" on {verdict.money.device}"
    training, query, life = ("unknown" if cost is None else short(cost) for cost in costs)
    return f"It costs {training}{unit} to train, {query} per query and {life} over its life."


def _break_even(even: BreakEven) -> str:
    target = "" if even.target_accuracy is None else f" of {100 * even.target_accuracy:.1f}%"
    if even.queries is None:
        texts = {
            "ift_always": "IFT is the cheaper at equal accuracy{} whatever the number of queries.",
            "reasoning_always": "Reasoning is the cheaper at equal accuracy{} whatever the number of queries.",
        }
        return texts.get(even.kind, "Not both arms reach an accuracy{}.").format(target)
    low, high = (short(even.interval.low), short(even.interval.high)) if even.interval else ("", "")
    interval = f" (90% interval {low} to {high})" if even.interval else ""
    cheaper = "" if even.cheaper_below is None else f"; with fewer {_arm(even.cheaper_below)} is the cheaper"
    return f"At equal accuracy{target} both cost the same at {short(even.queries)} queries{interval}{cheaper}."


def _arm(arm: str) -> str:
    return "IFT" if arm == "ift" else arm


def _conventions(verdict: Verdict) -> list[str]:
    """What other conventions would recommend, where it is not the same."""
    own = verdict.recommended.cell if verdict.recommended else None
    asked = {name: cell for name, cell in verdict.sensitivity.items() if name != verdict.convention}
    others = {name: cell for name, cell in asked.items() if cell != own}
    if not asked:
        return []
    if not others:
        return ["Every other FLOPs convention recommends the same."]
    return [f"Under other FLOPs conventions: {', '.join(f'{cell} ({name})' for name, cell in others.items())}."]


def _listed(lead: str, texts: tuple[str, ...], most: int) -> str:
    shown = "; ".join(text.rstrip(". ") for text in texts[:most])
    more = f"; and {len(texts) - most} more (--json)" if len(texts) > most else ""
    return f"{lead}: {shown}{more}."


def _sentence(text: str) -> str:
    """A capital at the start, unless the first word is a name such as `mixed(0.5)`, and a full stop."""
    start = text[:1].upper() + text[1:] if text.partition(" ")[0].strip(":").isalpha() else text
    return start if start.endswith((".", "!", "?")) else f"{start}."
