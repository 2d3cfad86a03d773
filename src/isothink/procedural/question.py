"""Questions and solutions: what generators write and solvers return. Used by every task, by teacher/ and benchmark/."""

from dataclasses import dataclass

from isothink.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One generated question.

    `key` is its canonical form up to the symmetries of its mechanism: questions with equal keys share a split.
    """

    benchmark: str
    family: str
    prompt: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """The right answer to a prompt and the worked steps that lead to it, each of one or more words."""

    answer: str
    steps: tuple[str, ...]


class ForeignPromptError(UsageError):
    """A prompt was given to a solver that is not a question of its task."""

    def __init__(self, task: str, prompt: str) -> None:
        shown = prompt if len(prompt) <= 80 else f"{prompt[:80]} ..."
        super().__init__(f"{shown!r} is not a question of {task}")
