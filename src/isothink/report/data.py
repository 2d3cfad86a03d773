"""Everything a report shows, as one frozen record: filled by run/ from the run folder, drawn by report/.

The report reads nothing else, so it can be made half-way, on another machine, and from a record built in a test.
"""

from typing import Literal

from isothink.domain.ledger import Phase
from isothink.domain.record import Record
from isothink.domain.sample import StopReason, ThinkState
from isothink.evidence.record import Evidence
from isothink.teacher.summary import PairSummary

MissingStatus = Literal["failed", "infeasible", "not_run"]


class PhaseTotal(Record):
    """What one phase of the study has spent: the sum of its ledger rows."""

    flops: float
    tokens: int
    seconds: float


class PlanTotals(Record):
    """What was planned: training FLOPs of the shared tree, of the same cells trained one by one, and counts of cells.

    `planned_training_flops` and `unshared_training_flops` are over feasible cells. `cells_planned` counts all cells;
    those neither complete, failed nor infeasible have not run yet. `phases` holds what each phase was planned to cost,
    where that is planned at all.
    """

    planned_training_flops: float
    unshared_training_flops: float
    cells_planned: int
    cells_complete: int
    cells_failed: int
    cells_infeasible: int
    phases: dict[Phase, float]


class PlannedGroup(Record):
    """The planned cells of one student and arm, all budgets and seeds; those in no other count have not run yet."""

    student: str
    arm: str
    planned: int
    complete: int
    failed: int
    infeasible: int


class LearningPoint(Record):
    """The mean training loss of the steps since the point before, and the FLOPs spent by the last of them."""

    flops: float
    loss: float


class LearningCurve(Record):
    """One cell's training, its segments joined; `points` are thinned, and end early where training is not done."""

    configuration: str
    student: str
    arm: str
    budget_flops: float
    seed: int
    points: tuple[LearningPoint, ...]


class MissingResult(Record):
    """A planned cell without a result: `error` is the failure's or the plan's own words, empty where it has not run."""

    cell: str
    configuration: str
    status: MissingStatus
    error: str


class SampleAnswer(Record):
    """One configuration's answer to an item. `correct` is None where no score could be had; `tokens` is all output."""

    configuration: str
    text: str
    score: float | None
    think_state: ThinkState
    stop_reason: StopReason
    tokens: int
    is_looping: bool = False


class SamplePair(Record):
    """Two configurations' answers to one item, to be read side by side."""

    family: str
    benchmark: str
    item: str
    prompt: str
    reference: str
    left: SampleAnswer
    right: SampleAnswer


class ImportedRow(Record):
    """One imported cell on one benchmark: what was read, and of which files."""

    cell: str
    benchmark: str
    kind: str
    files: str
    items: int
    samples: int
    unscored: int
    parameters: int
    training_flops: float


class StudentRow(Record):
    """One student of the ladder."""

    name: str
    parameters: int


class ReportData(Record):
    """The whole report.

    `ledger` has a total for each phase that spent something. `teacher_note` says why there is no cost of the teacher,
    and is empty where there is one; `planned` counts cells by student and arm; `learning` is a choice of the learning
    curves of `learning_total` cells. `pairs` is how the pairs were made, `jury` how far its judges agree. `samples`
    is a choice of answers, `samples_total` how many the study holds; `imports` is what other tools measured.
    `versions` maps a library or format to its version, `command` is the line that made the run, `generated_at` the
    time as text. `complete` is False for a report made before the study is done.
    """

    name: str
    title: str
    study_text: str
    evidence: Evidence
    ledger: dict[Phase, PhaseTotal]
    teacher_note: str
    pairs: PairSummary | None = None
    jury: tuple[str, ...] = ()
    plan: PlanTotals
    planned: tuple[PlannedGroup, ...] = ()
    learning: tuple[LearningCurve, ...] = ()
    learning_total: int = 0
    missing: tuple[MissingResult, ...]
    samples: tuple[SamplePair, ...]
    samples_total: int | None = None
    imports: tuple[ImportedRow, ...] = ()
    students: tuple[StudentRow, ...]
    versions: dict[str, str]
    command: str
    generated_at: str
    complete: bool

    @property
    def has_study(self) -> bool:
        """Whether anything was trained here: a run may hold imported results alone."""
        return bool(self.study_text) or not self.imports
