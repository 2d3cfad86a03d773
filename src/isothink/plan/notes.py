"""What a reader of a plan must know that its figures do not say. Called by planner.py; run/ repeats what was lost."""

from collections.abc import Sequence

from isothink.corpus.lengths import CorpusLengths
from isothink.domain.arm import Plain, parse_arm
from isothink.domain.study import Study
from isothink.plan.cells import ItemLengths
from isothink.plan.record import OverLength


def notes_of(
    study: Study,
    lengths: CorpusLengths,
    items: ItemLengths,
    over_length: OverLength | None,
    *,
    rates_are_missing: bool,
) -> tuple[str, ...]:
    """One sentence each."""
    notes = []
    if over_length is not None:
        notes.append(over_length_note(over_length, study.arms))
    if lengths.origin == "declared":
        notes.append(_declared(study, items))
    if study.teacher.backend == "symbolic":
        notes.append("The teacher is a program: its cost is zero FLOPs, so teacher cost is absent from every total.")
    elif study.teacher.backend == "recorded":
        notes.append("The pairs were recorded elsewhere: what their teacher cost is not known, and in no total here.")
    else:
        notes.append("The teacher's FLOPs are in no total here; `isothink generate --limit` projects them.")
    notes.extend(study.evaluation.departures)
    if rates_are_missing:
        notes.append(
            "The learning rates are not chosen yet: cells are named and priced with the middle of the grid."
            " FLOPs do not depend on rates; the ids of segments and samples will change."
        )
    return tuple(notes)


def over_length_note(lost: OverLength, arms: Sequence[str]) -> str:
    """What too long sequences took from each arm: the same pairs from all, of their tokens those that an arm reads."""
    assert lost.max_tokens is not None, "without a cap nothing is too long"
    plain = [Plain(format=name) for name in ("ift", "reasoning")]
    reads = [
        (lost.ift_tokens_share, "IFT answer", [text for text in arms if parse_arm(text) != plain[1]]),
        (lost.trace_tokens_share, "trace", [text for text in arms if parse_arm(text) != plain[0]]),
    ]
    shares = [f"{100 * share:.1f}% of all {what} tokens ({', '.join(names)})" for share, what, names in reads if names]
    return (
        f"Too long: {lost.pairs:,} pairs ({100 * lost.pairs_share:.1f}%) have a sequence of more than"
        f" {lost.max_tokens:,} tokens. They are in no arm, and with them go {' and '.join(shares)}."
    )


def _declared(study: Study, items: ItemLengths) -> str:
    assert study.lengths is not None
    sources = []
    for name, source in study.lengths.sources.items():
        spread = f", coefficient of variation {source.variation:g}" if source.variation else ", all alike"
        sources.append(
            f"{source.prompts:,} of {name} (prompt {source.prompt_tokens}, IFT answer {source.ift_tokens},"
            f" reasoning answer {source.reasoning_tokens} tokens{spread})"
        )
    return (
        f"Lengths are declared by the study, nothing was measured: {'; '.join(sources)};"
        f" {len(items.prompt_tokens):,} items, prompts of {float(items.prompt_tokens.mean()):.0f} tokens on average."
    )
