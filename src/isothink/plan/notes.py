"""What a reader of a plan must know that its figures do not say. Called by planner.py."""

from isothink.corpus.lengths import CorpusLengths
from isothink.domain.study import Study
from isothink.plan.cells import ItemLengths


def notes_of(study: Study, lengths: CorpusLengths, items: ItemLengths, *, rates_are_missing: bool) -> tuple[str, ...]:
    """One sentence each."""
    notes = []
    if lengths.origin == "declared":
        notes.append(_declared(study, items))
    if study.teacher.backend == "symbolic":
        notes.append("The teacher is a program: its cost is zero FLOPs, so teacher cost is absent from every total.")
    elif study.teacher.backend == "recorded":
        notes.append("The pairs were recorded elsewhere: what their teacher cost is not known, and in no total here.")
    else:
        notes.append("The teacher's FLOPs are in no total here; `isothink generate --limit` projects them.")
    if rates_are_missing:
        notes.append(
            "The learning rates are not chosen yet: cells are named and priced with the middle of the grid."
            " FLOPs do not depend on rates; the ids of segments and samples will change."
        )
    return tuple(notes)


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
