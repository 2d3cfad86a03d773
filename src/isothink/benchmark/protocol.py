"""What a backend implements to answer prompts with a student. Called by run/ when it evaluates a cell."""

from collections.abc import Callable, Sequence
from typing import Protocol

from isothink.domain.sample import Generation


def ignore(answers: Sequence[Generation]) -> None:
    """Hears of answers and does nothing."""


class Answerer(Protocol):
    """A student with its tokenizer, prompt format and sampling setting."""

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int, on_batch: Callable[[Sequence[Generation]], None] = ignore
    ) -> list[Generation]:
        """One generation for each prompt, in their order, with the think tags kept in the text.

        Nothing but the end token or the cap stops a generation: other stop strings would fire inside a trace
        (EleutherAI/lm-evaluation-harness PR 3700). The prompt never opens a trace for the student.
        `on_batch` is told of answers as they finish, each once.
        """
