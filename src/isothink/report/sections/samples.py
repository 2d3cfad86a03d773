"""Answers of two configurations to the same item, side by side, marked right or wrong."""

from dataclasses import dataclass

from isothink.report import numbers
from isothink.report.data import ReportData, SampleAnswer, SamplePair
from isothink.report.section import Section
from isothink.report.text import shortened

PAIR_LIMIT = 300
# All texts together stay below this many characters, so that the page stays below 3 MB whatever models write.
TEXT_LIMIT = 500_000
LONGEST, TEXTS_PER_PAIR, NAME_LIMIT = 4_000, 4, 200
THINK_NAMES = {
    "none": "did not think",
    "closed": "thought",
    "orphan_close": "closed a thought that it had not opened",
    "unclosed": "did not finish thinking",
}
ENDS = {"end": "ended by itself", "length": "cut off", "failed": "failed"}


@dataclass(frozen=True, kw_only=True)
class AnswerView:
    """One side."""

    configuration: str
    text: str
    mark_class: str
    mark: str
    note: str


@dataclass(frozen=True, kw_only=True)
class PairView:
    """One item with both sides."""

    family: str
    benchmark: str
    item: str
    prompt: str
    reference: str
    answers: tuple[AnswerView, AnswerView]


@dataclass(frozen=True, kw_only=True)
class SamplesContent:
    """What the template shows."""

    pairs: tuple[PairView, ...]
    choice: str


def section(data: ReportData) -> Section:
    """The section of sample answers."""
    chosen = data.samples[:PAIR_LIMIT]
    limit = min(LONGEST, TEXT_LIMIT // (TEXTS_PER_PAIR * max(1, len(chosen))))
    pairs = tuple(_pair(pair, limit) for pair in chosen)
    return Section(
        id="samples", title="Sample answers", content=SamplesContent(pairs=pairs, choice=_choice(data, chosen))
    )


def _choice(data: ReportData, chosen: tuple[SamplePair, ...]) -> str:
    if not chosen:
        return "There are no sample answers to show."
    total = f" from {data.samples_total:,} stored answers" if data.samples_total else ""
    return (
        f"A choice{total}: {numbers.plural(len(chosen), 'item')}, each answered by two configurations. "
        "Long texts are shortened in the middle. A choice shows how students write; it proves nothing about how many "
        "are right."
    )


def _pair(pair: SamplePair, limit: int) -> PairView:
    return PairView(
        family=shortened(pair.family, NAME_LIMIT),
        benchmark=shortened(pair.benchmark, NAME_LIMIT),
        item=shortened(pair.item, NAME_LIMIT),
        prompt=shortened(pair.prompt, limit),
        reference=shortened(pair.reference, limit),
        answers=(_answer(pair.left, limit), _answer(pair.right, limit)),
    )


def _answer(answer: SampleAnswer, limit: int) -> AnswerView:
    mark_class, mark = _mark(answer.score)
    return AnswerView(
        configuration=shortened(answer.configuration, NAME_LIMIT),
        text=shortened(answer.text, limit),
        mark_class=mark_class,
        mark=mark,
        note=f"{numbers.plural(answer.tokens, 'token')}, {THINK_NAMES[answer.think_state]}, {ENDS[answer.stop_reason]}",
    )


def _mark(score: float | None) -> tuple[str, str]:
    """A class of the page, and words."""
    if score is None:
        return "unscored", "? not scored"
    if score in (0, 1):
        return ("right", "✓ right") if score else ("wrong", "✗ wrong")
    return "partly", f"≈ {score:.2f} of 1"
