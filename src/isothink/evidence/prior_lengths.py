"""How long a corpus's prompts and answers are, in tokens: published, or a user's own. Called by prior.py and run/."""

from collections.abc import Iterable

from isothink.domain.record import Record
from isothink.evidence.published_table import ARMS, PublishedCorpus

SPREAD = 0.8
"""The standard deviation of a sequence's length over its mean, which nobody published: an assumption.

It enters the cost of attention alone: from 0.6 to 1.0, training 14B on traces changes by under 5%, 0.5B by up to 8%.
"""


class PairLengths(Record):
    """Mean tokens of a prompt and, by arm, of an answer; `squared_tokens` is the mean of (prompt + answer)^2.

    `spread` is the standard deviation of an answer's length over its mean. `own` says that they are a user's,
    `in_bytes` that bytes per token were assumed.
    """

    prompt_tokens: float
    answer_tokens: dict[str, float]
    squared_tokens: dict[str, float]
    spread: dict[str, float]
    own: bool
    in_bytes: bool
    rows: int | None = None
    skipped: int = 0
    first_problem: str = ""


def published_lengths(corpus: PublishedCorpus) -> PairLengths:
    """The published mean bytes at the assumed bytes per token and spread."""
    prompt = corpus.prompt_bytes / corpus.bytes_per_token
    answers = {
        "ift": corpus.ift_bytes / corpus.bytes_per_token,
        "reasoning": corpus.reasoning_bytes / corpus.bytes_per_token,
    }
    return PairLengths(
        prompt_tokens=prompt,
        answer_tokens=answers,
        squared_tokens={arm: (prompt + answer) ** 2 * (1 + SPREAD**2) for arm, answer in answers.items()},
        spread=dict.fromkeys(ARMS, SPREAD),
        own=False,
        in_bytes=True,
    )


class LengthSums:
    """Adds pairs up, one at a time, so that a file is never held."""

    def __init__(self, bytes_per_token: float) -> None:
        self._per_token = bytes_per_token
        self.rows = 0
        self._prompt = 0.0
        self._answer = dict.fromkeys(ARMS, 0.0)
        self._answer_squared = dict.fromkeys(ARMS, 0.0)
        self._squared = dict.fromkeys(ARMS, 0.0)

    def add(self, prompt: float, answers: Iterable[float]) -> None:
        """One pair, in bytes (or in tokens where `bytes_per_token` is 1): the prompt, then an answer of each arm."""
        self.rows += 1
        prompt /= self._per_token
        self._prompt += prompt
        for arm, length in zip(ARMS, answers, strict=True):
            tokens = length / self._per_token
            self._answer[arm] += tokens
            self._answer_squared[arm] += tokens**2
            self._squared[arm] += (prompt + tokens) ** 2

    def lengths(self, *, in_bytes: bool, skipped: int, first_problem: str) -> PairLengths:
        """The means of at least one pair."""
        means = {arm: self._answer[arm] / self.rows for arm in ARMS}
        return PairLengths(
            prompt_tokens=self._prompt / self.rows,
            answer_tokens=means,
            squared_tokens={arm: self._squared[arm] / self.rows for arm in ARMS},
            spread={
                arm: max(0.0, self._answer_squared[arm] / self.rows / means[arm] ** 2 - 1.0) ** 0.5 for arm in ARMS
            },
            own=True,
            in_bytes=in_bytes,
            rows=self.rows,
            skipped=skipped,
            first_problem=first_problem,
        )
