"""What came of asking a teacher: totals by mode, lengths, and what each filter dropped. Kept by assembly.py.

Totals are sums over the replies, never counters that an interruption could reset (inspect_ai#2836, evalscope#1416).
"""

from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from isothink.domain.pair import DropReason, FaultyMode
from isothink.domain.record import Record
from isothink.domain.reply import Failure, ReasoningMode, Reply, ReplyFacts


class Lengths(Record):
    """The distribution of token counts over replies."""

    mean: float
    standard_deviation: float
    percentile_10: float
    median: float
    percentile_90: float
    largest: int


class ModeSummary(Record):
    """All replies in one mode, those of dropped pairs included.

    `output_tokens` includes traces; it and `prompt_tokens` are the server's counts, or those made here where the server
    gives none, and None where neither is there. `unknown_tokens` and `unknown_flops` count the replies that are missing
    from these sums. `retried` counts replies that were asked again with a higher cap, which are in all sums.
    """

    mode: ReasoningMode
    replies: int
    failures: int
    retried: int
    truncated: int
    merged: int
    checked: int
    correct: int
    unchecked: int
    prompt_tokens: int | None
    output_tokens: int | None
    unknown_tokens: int
    flops: float | None
    unknown_flops: int
    output: Lengths | None
    trace: Lengths | None
    answer: Lengths | None
    models: tuple[str, ...]


class DropCount(Record):
    """How many pairs one filter dropped, by the mode at fault."""

    reason: DropReason
    mode: FaultyMode
    pairs: int


class Tally:
    """Sums of one mode, in a few bytes a reply."""

    def __init__(self, mode: ReasoningMode) -> None:
        self._mode = mode
        self._counts: Counter[str] = Counter()
        self._flops = 0.0
        self._lengths = {name: array("Q") for name in ("output", "trace", "answer")}
        self._models: set[str] = set()

    def add_failure(self, failure: Failure) -> None:
        """A request that kept failing; what its tries cost is not known."""
        self._counts["failures"] += 1

    def add_retried(self, reply: Reply, flops: float | None) -> None:
        """A reply that was thrown away for a longer one, and is paid for all the same."""
        self._counts["retried"] += 1
        self._pay(reply.prompt_tokens, reply.output_tokens, flops)

    def add(self, facts: ReplyFacts, *, truncated: bool) -> None:
        """A reply of an answered pair, kept or not."""
        self._counts["replies"] += 1
        self._counts["truncated"] += truncated
        self._counts["merged"] += facts.merged
        self._counts["checked"] += facts.correct is not None
        self._counts["correct"] += facts.correct is True
        self._counts["unchecked"] += facts.check_error is not None
        if facts.model:
            self._models.add(facts.model)
        self._pay(tokens_read(facts), tokens_written(facts), facts.flops)
        trace, answer = trace_tokens(facts), facts.counted_answer_tokens
        for name, tokens in (("output", tokens_written(facts)), ("trace", trace), ("answer", answer)):
            if tokens is not None:
                self._lengths[name].append(tokens)

    def _pay(self, prompt_tokens: int | None, output_tokens: int | None, flops: float | None) -> None:
        self._counts["priced"] += flops is not None
        self._flops += flops or 0.0
        if prompt_tokens is None or output_tokens is None:
            self._counts["unknown_tokens"] += 1
        else:
            self._counts["counted"] += 1
            self._counts["prompt_tokens"] += prompt_tokens
            self._counts["output_tokens"] += output_tokens

    def summary(self) -> ModeSummary:
        """The sums so far."""
        counts = self._counts
        paid = counts["replies"] + counts["retried"]
        return ModeSummary(
            mode=self._mode,
            **{
                name: counts[name]
                for name in (
                    *("replies", "failures", "retried", "truncated", "merged"),
                    *("checked", "correct", "unchecked", "unknown_tokens"),
                )
            },
            prompt_tokens=counts["prompt_tokens"] if counts["counted"] else None,
            output_tokens=counts["output_tokens"] if counts["counted"] else None,
            flops=self._flops if counts["priced"] else None,
            unknown_flops=paid - counts["priced"],
            output=lengths_of(self._lengths["output"]),
            trace=lengths_of(self._lengths["trace"]),
            answer=lengths_of(self._lengths["answer"]),
            models=tuple(sorted(self._models)),
        )


def tokens_read(facts: ReplyFacts) -> int | None:
    """Tokens of the prompt: as the server counts them, else as counted here."""
    return facts.prompt_tokens if facts.prompt_tokens is not None else facts.counted_prompt_tokens


def tokens_written(facts: ReplyFacts) -> int | None:
    """Tokens of trace and answer: as the server counts them, else as counted here."""
    if facts.output_tokens is not None:
        return facts.output_tokens
    if facts.counted_trace_tokens is None or facts.counted_answer_tokens is None:
        return None
    return facts.counted_trace_tokens + facts.counted_answer_tokens


def trace_tokens(facts: ReplyFacts) -> int | None:
    """Tokens of the trace: as counted here, else as the server says, whose zero may mean that it did not count."""
    if facts.counted_trace_tokens is not None:
        return facts.counted_trace_tokens
    return facts.reasoning_tokens or None


def lengths_of(tokens: "array[int] | Sequence[int]") -> Lengths | None:
    """The distribution of some token counts; None for none."""
    if not len(tokens):
        return None
    values = np.asarray(tokens, dtype=np.float64)
    low, middle, high = (float(value) for value in np.percentile(values, (10, 50, 90)))
    return Lengths(
        mean=float(values.mean()),
        standard_deviation=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        percentile_10=low,
        median=middle,
        percentile_90=high,
        largest=int(values.max()),
    )
