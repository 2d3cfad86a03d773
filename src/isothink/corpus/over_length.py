"""Pairs that are too long, dropped whole and counted. Called by run/ between rendering and freezing.

A pair goes when either of its sequences is longer than the cap: a cut sequence would lose its end token and teach never
to stop (allenai/open-instruct PR 1876), and a pair that only one format keeps would give the arms different prompts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from isothink.corpus.rendering import TokenizedPair
from isothink.errors import StepError


@dataclass(frozen=True, kw_only=True)
class OverLength:
    """What the cap took: pairs, and of all answer tokens the share of IFT answers and that of traces."""

    pairs: int = 0
    pairs_share: float = 0.0
    ift_tokens_share: float = 0.0
    trace_tokens_share: float = 0.0


NONE_TOO_LONG = OverLength()


class LengthFilter:
    """Lets pairs through that fit into `cap` tokens in both formats; without a cap, all."""

    def __init__(self, cap: int | None, trace_tokens: Callable[[Sequence[int]], int]) -> None:
        self._cap = cap
        self._trace_tokens = trace_tokens
        self._pairs = self._dropped = 0
        self._ift = self._dropped_ift = 0
        self._traces = self._dropped_traces = 0
        self._shortest: int | None = None

    def kept(self, pairs: Iterable[TokenizedPair]) -> Iterator[TokenizedPair]:
        """The pairs that fit, in their order.

        Raises:
            StepError: at the end, when none fits.
        """
        for pair in pairs:
            longest = len(pair.prompt) + max(len(pair.ift), len(pair.reasoning))
            traces = 0 if self._cap is None else self._trace_tokens(pair.reasoning)
            self._shortest = longest if self._shortest is None else min(longest, self._shortest)
            self._pairs += 1
            self._ift += len(pair.ift)
            self._traces += traces
            if self._cap is None or longest <= self._cap:
                yield pair
                continue
            self._dropped += 1
            self._dropped_ift += len(pair.ift)
            self._dropped_traces += traces
        if self._pairs and self._dropped == self._pairs:
            raise StepError(
                f"all {self._pairs} pairs are longer than {self._cap} tokens; the shortest has {self._shortest}",
                hint="raise training.max_tokens, or take students with more positions",
            )

    def facts(self) -> OverLength:
        """What was dropped so far."""
        return OverLength(
            pairs=self._dropped,
            pairs_share=_share(self._dropped, self._pairs),
            ift_tokens_share=_share(self._dropped_ift, self._ift),
            trace_tokens_share=_share(self._dropped_traces, self._traces),
        )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
