"""What analysis reads: cells, items and the arrays of scores between them. Built by run/ from stored tables."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from isothink.domain.record import Record

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class CellFacts(Record):
    """One trained cell.

    `trunk` names the training run that the cell branched off (cells of one trunk share its seed's luck);
    `training_flops` holds one figure per FLOPs convention, without those a convention leaves undefined.
    `fixed_flops` is what else a deployment pays once under the exact convention: its share of the teacher and of the
    search.
    """

    cell: str
    configuration: str
    student: str
    parameters: int
    arm: str
    arm_kind: str
    budget_flops: float
    seed: int
    trunk: str
    training_flops: dict[str, float]
    fixed_flops: float
    source: Literal["trained", "imported"] = "trained"


class ItemFacts(Record):
    """One benchmark item; items of one cluster share a passage."""

    item: str
    benchmark: str
    family: str
    cluster: str


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Scores of C cells on I items; every array has the shape [C, I], averaged over repeats, NaN where no answer is.

    `correct` is 0 to 1; `truncated`, `looping` and `thinking` are shares, `truncated` that of the answers with a score,
    whose accuracy it bounds; token counts are per answer; `inference_flops` holds one array per FLOPs convention.
    `answers` counts the answers to each item and `unscored` those without a score; without these two each was one.
    `serving` holds what each answer asks of a device, by the names of `record.ServingCost`; NaN where it is not known.
    """

    cells: tuple[CellFacts, ...]
    items: tuple[ItemFacts, ...]
    correct: Floats
    truncated: Floats
    looping: Floats
    thinking: Floats
    prompt_tokens: Floats
    trace_tokens: Floats
    answer_tokens: Floats
    inference_flops: dict[str, Floats]
    answers: Floats | None = None
    unscored: Floats | None = None
    serving: dict[str, Floats] = field(default_factory=dict)

    def count_unscored(self, rows: Integers, columns: Integers) -> tuple[int, int]:
        """How many answers of these cells to these items have no score, and of how many."""
        place = np.ix_(rows, columns)
        if self.answers is None or self.unscored is None:
            return int((~np.isfinite(self.correct[place])).sum()), rows.size * columns.size
        return int(self.unscored[place].sum()), int(self.answers[place].sum())
