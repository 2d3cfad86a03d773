"""Items and samples: one question of a benchmark, and one answer of one cell to it. Written by benchmark/ and run/."""

from typing import Literal

from isothink.domain.record import Record

ThinkState = Literal["none", "closed", "orphan_close", "unclosed"]
StopReason = Literal["end", "length", "failed"]
"""How a generation ended: with an end token, at the cap on new tokens, or not at all (a request that kept failing)."""
AnswerFormat = Literal["exact", "letter", "math", "number", "squad_em", "squad_f1", "ifeval", "jury"]


Verdict = Literal["correct", "incorrect"]


class Vote(Record):
    """What one judge of a jury says of one answer; without a verdict, `error` says why there is none."""

    judge: str
    verdict: Verdict | None
    error: str | None = None


class Item(Record):
    """One held-out question. `cluster` groups items that share a passage; alone, it is the item's own id.

    `alternatives` are further references, any of which is right; `tolerance` is the relative error that a number may
    have. The reference of an `ifeval` item is the JSON of its instructions.
    """

    id: str
    benchmark: str
    family: str
    prompt: str
    reference: str
    alternatives: tuple[str, ...] = ()
    tolerance: float | None = None
    answer_format: AnswerFormat
    cluster: str


class Generation(Record):
    """What a student wrote: text with the think tags kept, why it stopped, and token counts.

    `output_tokens` includes the end token where one was written. `seconds` is the wall time from when the answer was
    begun to when it ended, None where nobody measured it; answers of one batch share it. `error` says why a failed one
    has no text.
    """

    text: str
    stop_reason: StopReason
    prompt_tokens: int
    output_tokens: int
    trace_tokens: int
    seconds: float | None = None
    error: str | None = None


class Sample(Record):
    """One answer of one cell to one item, scored from 0 to 1; None where no score could be had (`error` says why).

    `is_looping` is true where the text ends in a passage that it repeats (domain/loops.py). `votes` are a jury's, as
    a JSON list of `{judge, verdict, error}`; None where none was asked. What an answer that could not be had cost is
    not known: its `inference_flops` are None.
    """

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
    score: float | None
    error: str | None
    scorer: str
    think_state: ThinkState
    stop_reason: StopReason
    is_looping: bool
    prompt_tokens: int
    trace_tokens: int
    answer_tokens: int
    inference_flops: float | None
    seconds: float | None
    votes: str | None = None
