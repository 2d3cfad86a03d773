"""Prompts and pairs: one prompt with the teacher's two answers. Written by teacher/, read by corpus/ and the report."""

from typing import Literal

from isothink.domain.record import Record
from isothink.domain.reply import ReplyFacts
from isothink.domain.sample import AnswerFormat
from isothink.domain.think import THINK_CLOSE, THINK_OPEN

DropReason = Literal[
    "unreadable_row",
    "empty_prompt",
    "not_single_turn",
    "unpaired",
    "duplicate_prompt",
    "contaminated",
    "request_failed",
    "truncated",
    "unclosed_trace",
    "empty_answer",
    "trace_with_reasoning_off",
    "no_trace_with_reasoning_on",
    "stray_think_tag",
    "wrong_answer",
]


class Prompt(Record):
    """One question as the teacher and the students see it.

    `source` is the data set or procedural task that it comes from; prompt orders are balanced over sources. Where there
    is an `answer_format`, replies are compared with the `reference`.
    """

    id: str
    source: str
    text: str
    reference: str | None = None
    answer_format: AnswerFormat | None = None


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


class StoredPair(Pair):
    """A pair with all that is known of how it came to be.

    `sampling` is JSON, the settings of both modes; `toggle` is the fingerprint of what differs between the requests.
    """

    reference: str | None
    answer_format: AnswerFormat | None
    sampling: str
    toggle: str
    off: ReplyFacts
    on: ReplyFacts


FaultyMode = Literal["off", "on", "both", "neither"]


class DroppedPair(Record):
    """A prompt that made no pair: which filter dropped it, which mode was at fault, and what it saw."""

    id: str
    source: str
    prompt: str
    reason: DropReason
    mode: FaultyMode
    detail: str
