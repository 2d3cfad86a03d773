"""What backends implement to answer prompts with a student, and to judge answers. Called by run/ for a cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from isothink.benchmark.jury import JudgeQuestion
from isothink.compute.architecture import Architecture
from isothink.domain.evaluation_settings import AnswerSampling
from isothink.domain.sample import Generation, Vote


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One prompt to be answered. Its key is handed back with the answer, and seeds what is drawn for it."""

    key: str
    prompt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerSettings:
    """How a student answers: the same for every arm, unless the study departs from that and says so."""

    max_new_tokens: int
    sampling: AnswerSampling = "greedy"
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answering:
    """The student that answers: the folder of its weights, and what it is called where it is served."""

    folder: Path
    names: dict[str, str]
    """`cell`, `student`, `arm`, `budget` and `seed`, as text."""
    batch_size: int


Receive = Callable[[str, Generation], None]
"""Hears of an answer, by its key."""


class Answerer(Protocol):
    """A student with its tokenizer and prompt format."""

    def answer_all(self, asks: Sequence[Ask], settings: AnswerSettings, receive: Receive) -> None:
        """Answers every prompt; `receive` is told of each answer as it ends, in any order, in the caller's thread.

        Think tags stay in the text. Nothing but an end token or the cap stops an answer: other stop strings would fire
        inside a trace (EleutherAI/lm-evaluation-harness PR 3700). The prompt never opens a trace for the student.
        What is drawn for a prompt follows from the seed and its key alone, as far as the backend can do that.

        Raises:
            UsageError: a prompt and its answer may need more positions than the model has; nothing was generated.
            StepError: the student cannot answer at all.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A vote, and what it took: prompt and output tokens of every reply that came, None where the server said nothing.

    More than one where a judge was asked again since it gave no verdict.
    """

    vote: Vote
    usage: tuple[tuple[int, int] | None, ...]


class Juror(Protocol):
    """One judge of a jury."""

    @property
    def architecture(self) -> Architecture | None:
        """Its shape, where the study gives it."""

    def judge_all(self, questions: Sequence[JudgeQuestion], receive: Callable[[JudgeQuestion, Judged], None]) -> None:
        """Asks for a verdict on every question and hands each over as it comes, in any order, in the caller's thread.

        Raises:
            StepError: the judge cannot be asked at all: out of reach for too long, its key refused, its model unknown.
        """
