"""How far a running step is: what workers tell the scheduler, and the scheduler its listener, while it runs."""

from typing import Literal

from isothink.domain.record import Record

AskingStage = Literal["checking the toggle", "asking", "asking again", "assembling"]


class PairProgress(Record):
    """How far the making of pairs is.

    `answered` requests of `planned` are settled, `failed` of them for good, those of earlier attempts included.
    `pairs` of `prompts` have both replies; once they are assembled, they are the pairs that no filter dropped.
    `tokens` were written in `seconds` since this attempt began to ask, for `requests` requests; `flops` and `cost` are
    theirs, None where the shape of the teacher, its token counts or its price are not known.
    """

    stage: AskingStage
    answered: int
    planned: int | None
    failed: int
    pairs: int
    prompts: int
    requests: int
    tokens: int | None
    seconds: float
    flops: float | None
    cost: float | None
    currency: str | None


class StepProgress(Record):
    """How far a step is: FLOPs, and the share of its work where FLOPs do not tell it.

    `kept_flops` and `kept_share` are what earlier attempts had done of it, which says nothing of this one's speed.
    """

    flops: float = 0.0
    kept_flops: float = 0.0
    share: float | None = None
    kept_share: float = 0.0
    pairs: PairProgress | None = None
