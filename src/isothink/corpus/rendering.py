"""Pairs into token ids, with the checks that nothing was lost on the way. Called by run/ when it freezes a corpus."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from isothink.corpus.protocol import Tokenizer
from isothink.domain.pair import Pair
from isothink.domain.student_settings import Rendering
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import StepError

CHECKED_PAIRS = 16
"""Of each source."""
PAIRS_AT_ONCE = 512
_WHITE_SPACE = f"a  b\n\n {THINK_OPEN}\n\tc  {THINK_CLOSE}\n\n d\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizedPair:
    """One pair as token ids; each answer ends with the end-of-turn token, and only answers carry loss."""

    pair: str
    source: str
    prompt: list[int]
    ift: list[int]
    reasoning: list[int]


def tokenize_pairs(pairs: Iterable[Pair], tokenizer: Tokenizer, rendering: Rendering) -> Iterator[TokenizedPair]:
    """Renders every pair in both formats, a few hundred at a time.

    Raises:
        StepError: the first pairs of a source do not survive the round trip.
    """
    check = RoundTrip(tokenizer, rendering)
    checked: Counter[str] = Counter()
    rest = iter(pairs)
    while batch := list(islice(rest, PAIRS_AT_ONCE)):
        for pair, row in zip(batch, _tokenized(batch, tokenizer, rendering), strict=True):
            if checked[pair.source] < CHECKED_PAIRS:
                checked[pair.source] += 1
                check.of(pair, row)
            yield row


def _tokenized(pairs: Sequence[Pair], tokenizer: Tokenizer, rendering: Rendering) -> list[TokenizedPair]:
    heads = tokenizer.encode_prompts([pair.prompt for pair in pairs])
    ift = tokenizer.encode_answers([rendering.ift_target(pair.ift_answer) for pair in pairs])
    reasoning = tokenizer.encode_answers(
        [rendering.reasoning_target(pair.trace, pair.reasoning_answer) for pair in pairs]
    )
    return [
        TokenizedPair(pair=pair.id, source=pair.source, prompt=head, ift=plain, reasoning=thought)
        for pair, head, plain, thought in zip(pairs, heads, ift, reasoning, strict=True)
    ]


class RoundTrip:
    """Checks that what carries loss decodes to the target, and that the prompt is read and no more.

    Chat templates are known to drop the trace in training (huggingface/trl#6361), and to supply `<think>` themselves
    (modelscope/ms-swift#4939). White space is compared where the tokenizer keeps it.
    """

    def __init__(self, tokenizer: Tokenizer, rendering: Rendering) -> None:
        self._tokenizer = tokenizer
        self._rendering = rendering
        (probe,) = tokenizer.encode_answers([_WHITE_SPACE])
        self._keeps_white_space = tokenizer.decode(probe) == _WHITE_SPACE

    def of(self, pair: Pair, row: TokenizedPair) -> None:
        """Checks one pair.

        Raises:
            StepError: naming what was lost.
        """
        self._answer(pair, "ift", row.ift, self._rendering.ift_target(pair.ift_answer))
        target = self._rendering.reasoning_target(pair.trace, pair.reasoning_answer)
        self._answer(pair, "reasoning", row.reasoning, target)
        self._prompt(pair, row.prompt)

    def _answer(self, pair: Pair, name: str, ids: Sequence[int], target: str) -> None:
        found = self._tokenizer.decode(ids)
        if self._comparable(found) != self._comparable(target):
            raise StepError(f"pair {pair.id}: the {name} answer decodes to {found[:200]!r}, expected {target[:200]!r}")
        if not ids or ids[-1] != self._tokenizer.end_id:
            raise StepError(f"pair {pair.id}: the {name} answer ends without an end-of-turn token")

    def _prompt(self, pair: Pair, ids: Sequence[int]) -> None:
        rendered, prompt = (_words(text) for text in (self._tokenizer.decode(ids), pair.prompt))
        if not prompt:
            return
        _, shown, rest = rendered.rpartition(prompt)
        if not shown:
            raise StepError(f"pair {pair.id}: the prompt decodes to {rendered[:200]!r}, which does not hold it")
        if THINK_OPEN in rest or THINK_CLOSE in rest:
            raise StepError(f"pair {pair.id}: the rendered prompt holds a think tag where the answer begins")

    def _comparable(self, text: str) -> str:
        """Tokenizers may compose characters (Qwen's do), and lose or add white space."""
        return unicodedata.normalize("NFKC", text) if self._keeps_white_space else _words(text)


def _words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())
