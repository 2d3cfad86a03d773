"""What a teacher is: a model, or a program, that answers a prompt with its reasoning mode off or on.

Implemented in backends/; called by `probe.py` and `pairs.py`.
"""

from typing import Literal, Protocol

from isothink.domain.record import Record

ReasoningMode = Literal["off", "on"]


class Reply(Record):
    """One answer of a teacher.

    `text` is the reply as it came, `trace` and `answer` what it was taken apart into (`trace` is empty where there was
    none), `flops` what it cost, 0 where that is not counted.
    """

    text: str
    trace: str
    answer: str
    prompt_tokens: int
    output_tokens: int
    flops: float


class Teacher(Protocol):
    """One teacher with one sampling setting: between its two modes nothing but reasoning differs."""

    @property
    def name(self) -> str:
        """The name by which a study file asks for it."""

    @property
    def flops_are_counted(self) -> bool:
        """Whether `Reply.flops` means anything; a program or a remote service has no FLOPs to report."""

    def answer(self, prompt: str, mode: ReasoningMode) -> Reply:
        """The reply to one prompt."""
