"""What a teacher is: a model, or a program, that answers prompts with its reasoning mode off or on.

Implemented in backends/; driven by run/generation.py, held to account by probe.py.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from isothink.compute.architecture import Architecture
from isothink.domain.reply import Failure, ReasoningMode, Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One prompt in one mode. `key` names it in the journal, `max_tokens` caps the reply (None: no cap is known)."""

    key: str
    prompt: str
    mode: ReasoningMode
    max_tokens: int | None = None


Receive = Callable[[Question, Reply | Failure], None]


class Teacher(Protocol):
    """One teacher with one sampling setting: between its two modes nothing but reasoning differs."""

    @property
    def name(self) -> str:
        """The model as the study file names it."""

    @property
    def is_free(self) -> bool:
        """Whether asking again costs nothing and gives the same, so that replies need no journal."""

    @property
    def architecture(self) -> Architecture | None:
        """The model's shape, where the backend knows it."""

    def render(self, question: Question) -> JsonValue:
        """The request as it is sent, without credentials: between the two modes only the toggle may differ."""

    def answer_all(self, questions: Iterable[Question], receive: Receive) -> None:
        """Asks every question and hands each reply over as soon as it is there, in any order.

        `questions` is read lazily, a few at a time; `receive` is called in the caller's thread and never twice for one
        question. What it raises ends the work: requests in flight are given up, and the exception passes through.

        Raises:
            StepError: no question can be answered (no address can be reached, a key is refused, a model is unknown).
        """


class TokenCounter(Protocol):
    """Counts the teacher's tokens here, beside what a server says."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens around it."""
