"""Replies: what a teacher said to one prompt in one mode. Made by backends/, journalled by run/, read by teacher/."""

from typing import Literal

from isothink.domain.record import Record
from isothink.domain.sample import ThinkState

ReasoningMode = Literal["off", "on"]
MODES: tuple[ReasoningMode, ReasoningMode] = ("off", "on")
FinishReason = Literal["end", "length", "other"]


class Reply(Record):
    """One reply as it came; nothing is taken apart yet.

    `message` is all that came: the JSON of a server's message, or the decoded text with its special tokens. `content`
    and `reasoning` are its two fields (`reasoning` is empty where the server has none, and think tags may stand in
    `content`). Token counts are the teacher's own, None where it gives none; `output_tokens` includes the trace.
    `attempts` counts the tries that this reply took, `max_tokens` is the cap it was written under.
    """

    message: str
    content: str
    reasoning: str = ""
    finish: FinishReason
    finish_reason: str
    model: str
    prompt_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None = None
    max_tokens: int
    latency_seconds: float
    attempts: int = 1


class Failure(Record):
    """A request that kept failing: its last error, without any credential, and how often it was tried."""

    error: str
    attempts: int


class ReplyFacts(Record):
    """What is stored of one reply of a pair, beside its texts.

    The first three token counts are the server's, the `counted_` ones were counted here with the teacher's tokenizer
    (trace and answer without tags and end token); None where a side has none. `correct` is None where there was nothing
    to compare with, or the check failed (`check_error` says why). `flops` is prefill plus decoding under the `exact`
    convention, None where the shape or the counts are unknown.
    """

    message: str
    think_state: ThinkState
    merged: bool
    finish_reason: str
    model: str
    max_tokens: int
    attempts: int
    latency_seconds: float
    prompt_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    counted_prompt_tokens: int | None
    counted_trace_tokens: int | None
    counted_answer_tokens: int | None
    flops: float | None
    correct: bool | None
    check_error: str | None
