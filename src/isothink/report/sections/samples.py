"""Answers of two configurations to the same item, side by side, marked right or wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

from isothink.report import numbers
from isothink.report.data import ReportData, SampleAnswer, SamplePair
from isothink.report.section import Section
from isothink.report.text import shortened, visible

PAIR_LIMIT = 300
PAIR_BYTES, NAME_LIMIT = 1_400, 200
"""What the four texts of a pair may take in the page: with what frames them 2 KB, whatever models write."""
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
    pairs = tuple(_pair(pair) for pair in chosen)
    return Section(
        id="samples",
        title="Sample answers",
        short="Samples",
        content=SamplesContent(pairs=pairs, choice=_choice(data, chosen)),
    )


def _choice(data: ReportData, chosen: tuple[SamplePair, ...]) -> str:
    if not chosen:
        return "There are no sample answers to show."
    total = f" from {data.samples_total:,} stored answers" if data.samples_total else ""
    return (
        f"A choice{total}: {numbers.plural(len(chosen), 'item')}, each answered by two configurations. "
        "Right and wrong answers and every way to fail are chosen in turn, and long texts are shortened in the middle: "
        "this shows how students write, and proves nothing about how many are right."
    )


def _pair(pair: SamplePair) -> PairView:
    prompt, reference, left, right = shares((pair.prompt, pair.reference, pair.left.text, pair.right.text), PAIR_BYTES)
    return PairView(
        family=shortened(pair.family, NAME_LIMIT),
        benchmark=shortened(pair.benchmark, NAME_LIMIT),
        item=shortened(pair.item, NAME_LIMIT),
        prompt=prompt,
        reference=reference,
        answers=(_answer(pair.left, left), _answer(pair.right, right)),
    )


def shares(texts: Sequence[str], limit: int) -> list[str]:
    """Texts that take `limit` bytes in the page together: whole where short, the long ones cut to one length."""
    sizes = [_bytes(text) for text in texts]
    left, kept = limit, [0] * len(texts)
    order = sorted(range(len(texts)), key=lambda index: sizes[index])
    for place, index in enumerate(order):
        kept[index] = min(sizes[index], left // (len(order) - place))
        left -= kept[index]
    return [_within(text, size, allowed) for text, size, allowed in zip(texts, sizes, kept, strict=True)]


def _bytes(text: str) -> int:
    """What a text takes in the page, escaped."""
    return len(escape(visible(text)).encode("utf-8", "surrogatepass"))


def _within(text: str, size: int, allowed: int) -> str:
    if size <= allowed:
        return text
    ratio, note = len(text) / size, 45
    short = shortened(text, max(int((allowed - note) * ratio), 20))
    # What is kept may take more room than the whole does on average.
    return short if _bytes(short) <= allowed else shortened(text, max((allowed - note) // 8, 20))


def _answer(answer: SampleAnswer, text: str) -> AnswerView:
    mark_class, mark = _mark(answer.score)
    return AnswerView(
        configuration=shortened(answer.configuration, NAME_LIMIT),
        text=text,
        mark_class=mark_class,
        mark=mark,
        note=", ".join(
            (
                numbers.plural(answer.tokens, "token"),
                THINK_NAMES[answer.think_state],
                ENDS[answer.stop_reason],
                *(("looping",) if answer.is_looping else ()),
            )
        ),
    )


def _mark(score: float | None) -> tuple[str, str]:
    """A class of the page, and words."""
    if score is None:
        return "unscored", "? not scored"
    if score in (0, 1):
        return ("right", "✓ right") if score else ("wrong", "✗ wrong")
    return "partly", f"≈ {score:.2f} of 1"
