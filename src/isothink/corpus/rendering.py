"""Pairs into token ids, with the checks that nothing was lost on the way. Called by run/ when it freezes a corpus."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from isothink.corpus.protocol import Tokenizer
from isothink.domain.pair import Pair
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


def tokenize_pairs(pairs: Sequence[Pair], tokenizer: Tokenizer) -> list[TokenizedPair]:
    """Renders every pair in both formats.

    Raises:
        StepError: a chat does not begin with its own prompt, or the first of a source do not survive the round trip.
    """
    prompts = [pair.prompt for pair in pairs]
    heads = tokenizer.encode_prompts(prompts)
    ift = tokenizer.encode_chats(prompts, [pair.ift_target for pair in pairs])
    reasoning = tokenizer.encode_chats(prompts, [pair.reasoning_target for pair in pairs])
    rows = [
        TokenizedPair(
            pair=pair.id,
            source=pair.source,
            prompt=head,
            ift=_answer(pair, head, plain),
            reasoning=_answer(pair, head, thought),
        )
        for pair, head, plain, thought in zip(pairs, heads, ift, reasoning, strict=True)
    ]
    checked: Counter[str] = Counter()
    for pair, row in zip(pairs, rows, strict=True):
        if checked[pair.source] < CHECKED_PAIRS:
            checked[pair.source] += 1
            check_round_trip(pair, row, tokenizer)
    return rows


def _answer(pair: Pair, head: list[int], chat: list[int]) -> list[int]:
    if chat[: len(head)] != head or len(chat) == len(head):
        raise StepError(
            f"pair {pair.id}: the rendered chat does not begin with its rendered prompt",
            hint="the chat template changes the prompt once an answer follows; training and evaluation would differ",
        )
    return chat[len(head) :]


def check_round_trip(pair: Pair, row: TokenizedPair, tokenizer: Tokenizer) -> None:
    """Checks that what carries loss decodes to the target: the trace is in it, the prompt is not.

    Chat templates are known to drop the trace in training (huggingface/trl#6361).

    Raises:
        StepError: naming what was lost.
    """
    for name, ids, target in (("ift", row.ift, pair.ift_target), ("reasoning", row.reasoning, pair.reasoning_target)):
        found = " ".join(tokenizer.decode(ids).split())
        if found != " ".join(target.split()):
            raise StepError(f"pair {pair.id}: the {name} answer decodes to {found[:200]!r}, expected {target[:200]!r}")
        if tokenizer.decode(ids[-1:]).strip():
            raise StepError(f"pair {pair.id}: the {name} answer ends without an end-of-turn token")
    if {THINK_OPEN, THINK_CLOSE} & set(tokenizer.decode(row.prompt).split()):
        raise StepError(f"pair {pair.id}: the rendered prompt holds a think tag")
