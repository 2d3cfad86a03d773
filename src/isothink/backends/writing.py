"""An answer while a student in this process writes it, and what a way of writing many has to do.

Made by transformers_answerer.py; slot_writer.py and batch_writer.py are the two ways.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from isothink.domain.teacher_settings import Sampling


@dataclass(kw_only=True, slots=True, eq=False)
class Writing:
    """One prompt and what was written after it. The key seeds what is drawn; `started` is None before it is begun."""

    key: str
    prompt: list[int]
    output: list[int] = field(default_factory=list)
    draws: torch.Tensor | None = None
    started: float | None = None

    def begin(self, draws: torch.Tensor | None = None) -> None:
        """Notes the time, and what its tokens are drawn with. One that is begun again keeps its first time."""
        self.draws = draws
        if self.started is None:
            self.started = time.perf_counter()

    def release(self) -> None:
        """Lets go of what was written and drawn, once it is handed over: of many long answers that is gigabytes."""
        self.output, self.draws = [], None

    @property
    def seconds(self) -> float:
        """Since it was begun."""
        return 0.0 if self.started is None else time.perf_counter() - self.started

    @property
    def length(self) -> int:
        """Tokens of prompt and output."""
        return len(self.prompt) + len(self.output)

    @property
    def last(self) -> int:
        """The newest token."""
        return self.output[-1] if self.output else self.prompt[-1]


class Writer(Protocol):
    """Writes answers with one model."""

    def write(self, writings: Sequence[Writing], *, rows: int, cap: int, sampling: Sampling) -> Iterator[Writing]:
        """Writes every answer to its end, `rows` at a time; yields each one as soon as it has ended.

        Where this fails, a further call with what was not yielded goes on from there, or begins it anew.
        """
