"""The ledger: every FLOP spent, by phase. Rows live in the manifests of steps; totals are always sums of rows."""

from typing import Literal

from isothink.domain.record import Record

Phase = Literal["teacher", "search", "training", "evaluation", "judging", "waste"]
PHASES: tuple[Phase, ...] = ("teacher", "search", "training", "evaluation", "judging", "waste")


class LedgerRow(Record):
    """One step's spending in one phase.

    `flops` is what the mathematics needs (model FLOPs, exact convention), None where it is not known (a teacher whose
    shape nobody told); `hardware_flops` is what the device
    computed, padding and recomputation included, None where it was not counted. `seconds` is wall time in the worker.
    """

    phase: Phase
    step: str
    flops: float | None
    hardware_flops: float | None
    tokens: int
    seconds: float
