"""Pairs into token ids, with the checks that nothing was lost on the way. Called by run/ when it freezes a corpus."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from isothink.corpus.protocol import Tokenizer
from isothink.domain.pair import Pair
from isothink.domain.student_settings import Rendering
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import StepError

CHECKED_PAIRS = 16
"""Of each source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizedPair:
    """One pair as token ids; each answer ends with the end-of-turn token, and only answers carry loss."""

    pair: str
    source: str
    prompt: list[int]
    ift: list[int]
    reasoning: list[int]


def tokenize_pairs(pairs: Sequence[Pair], tokenizer: Tokenizer, rendering: Rendering) -> list[TokenizedPair]:
    """Renders every pair in both formats.

    Raises:
        StepError: the first pairs of a source do not survive the round trip.
    """
    heads = tokenizer.encode_prompts([pair.prompt for pair in pairs])
    ift = tokenizer.encode_answers([rendering.ift_target(pair.ift_answer) for pair in pairs])
    reasoning = tokenizer.encode_answers(
        [rendering.reasoning_target(pair.trace, pair.reasoning_answer) for pair in pairs]
    )
    rows = [
        TokenizedPair(
            pair=pair.id,
            source=pair.source,
            prompt=head,
            ift=plain,
            reasoning=thought,
        )
        for pair, head, plain, thought in zip(pairs, heads, ift, reasoning, strict=True)
    ]
    checked: Counter[str] = Counter()
    for pair, row in zip(pairs, rows, strict=True):
        if checked[pair.source] < CHECKED_PAIRS:
            checked[pair.source] += 1
            check_round_trip(pair, row, tokenizer, rendering)
    return rows


def check_round_trip(pair: Pair, row: TokenizedPair, tokenizer: Tokenizer, rendering: Rendering) -> None:
    """Checks that what carries loss decodes to the target: the trace is in it, the prompt is not.

    Chat templates are known to drop the trace in training (huggingface/trl#6361).

    Raises:
        StepError: naming what was lost.
    """
    ift, reasoning = (
        rendering.ift_target(pair.ift_answer),
        rendering.reasoning_target(pair.trace, pair.reasoning_answer),
    )
    for name, ids, target in (("ift", row.ift, ift), ("reasoning", row.reasoning, reasoning)):
        found = " ".join(tokenizer.decode(ids).split())
        if found != " ".join(target.split()):
            raise StepError(f"pair {pair.id}: the {name} answer decodes to {found[:200]!r}, expected {target[:200]!r}")
        if tokenizer.decode(ids[-1:]).strip():
            raise StepError(f"pair {pair.id}: the {name} answer ends without an end-of-turn token")
    if {THINK_OPEN, THINK_CLOSE} & set(tokenizer.decode(row.prompt).split()):
        raise StepError(f"pair {pair.id}: the rendered prompt holds a think tag")
