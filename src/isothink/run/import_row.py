"""One answer as another tool recorded it: what the readers of table, lm-eval and Inspect files return."""

from dataclasses import dataclass

from isothink.domain.sample import StopReason, ThinkState
from isothink.run.import_record import ImportedCell


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRow:
    """What the file says; None where it says nothing. `where` names the row for errors.

    `document` is a digest of the question where the tool gives one: one item id must always mean one question.
    """

    where: str
    cell: ImportedCell
    benchmark: str
    family: str
    item: str
    cluster: str
    repeat: int = 0
    score: float | None = None
    error: str | None = None
    text: str | None = None
    prompt: str | None = None
    reference: str | None = None
    extracted: str | None = None
    think_state: ThinkState | None = None
    stop_reason: StopReason | None = None
    prompt_tokens: int | None = None
    trace_tokens: int | None = None
    answer_tokens: int | None = None
    inference_flops: float | None = None
    document: str | None = None
