"""Items and samples: one question of a benchmark, and one answer of one cell to it. Written by benchmark/ and run/."""

from typing import Literal

from isothink.domain.record import Record

ThinkState = Literal["none", "closed", "orphan_close", "unclosed"]
StopReason = Literal["end", "length"]
AnswerFormat = Literal["exact", "letter", "math"]


class Item(Record):
    """One held-out question. `cluster` groups items that share a passage; alone, it is the item's own id."""

    id: str
    benchmark: str
    family: str
    prompt: str
    reference: str
    answer_format: AnswerFormat
    cluster: str


class Generation(Record):
    """What a student wrote: text with the think tags kept, why it stopped, and token counts.

    `output_tokens` includes the end token where one was written.
    """

    text: str
    stop_reason: StopReason
    prompt_tokens: int
    output_tokens: int
    trace_tokens: int


class Sample(Record):
    """One answer of one cell to one item, scored. `correct` is None where no score could be had (`error` says why)."""

    cell: str
    benchmark: str
    family: str
    item: str
    cluster: str
    repeat: int
    prompt: str
    reference: str
    text: str
    extracted: str | None
    correct: bool | None
    error: str | None
    scorer: str
    think_state: ThinkState
    stop_reason: StopReason
    prompt_tokens: int
    trace_tokens: int
    answer_tokens: int
    inference_flops: float
