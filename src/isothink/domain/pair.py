"""Prompts and pairs: one prompt with the teacher's two answers. Written by teacher/, read by corpus/ and the report."""

from isothink.domain.record import Record

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"


class Prompt(Record):
    """One question as the teacher and the students see it.

    `source` is the data set or procedural task that it comes from; prompt orders are balanced over sources.
    """

    id: str
    source: str
    text: str


class Pair(Record):
    """One prompt, answered twice by one teacher with only its reasoning mode toggled. Both or none."""

    id: str
    source: str
    prompt: str
    ift_answer: str
    trace: str
    reasoning_answer: str

    @property
    def ift_target(self) -> str:
        """What an IFT student learns to write."""
        return self.ift_answer

    @property
    def reasoning_target(self) -> str:
        """What a reasoning student learns to write."""
        return f"{THINK_OPEN} {self.trace} {THINK_CLOSE} {self.reasoning_answer}"
