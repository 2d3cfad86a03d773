"""The plan as records: segments, cells, and what they cost. Stored as `plan.json`, executed by run/."""

from typing import Literal

from isothink.domain.ledger import Phase
from isothink.domain.record import Record
from isothink.domain.training_settings import FormatRates, RateFormat

Status = Literal["complete", "waiting", "failed"]


class Decay(Record):
    """The rate falls linearly over `steps` optimizer steps of the cell, the first of which is `first_step`."""

    first_step: int
    steps: int


class Segment(Record):
    """A piece of training: a slice of a stream, under one piece of the schedule, from a parent or initial weights.

    `first` and `last` are positions in the stream, whose steps are cut from `phase_start` on; `first_step` counts the
    optimizer steps of the whole path. `peak_rate` is that of its stream's format. `decay` is null where the rate is
    constant (after warm-up).
    `id` identifies the state at the end, however the way there is cut into segments.
    """

    id: str
    parent: str | None
    student: str
    arm: str
    seed: int
    purpose: Literal["training", "search"] = "training"
    peak_rate: float
    kind: Literal["trunk", "phase", "decay"]
    phase_start: int
    first: int
    last: int
    first_step: int
    steps: int
    decay: Decay | None
    tokens: int
    flops: int
    seconds: float | None
    status: Status


class PlannedCell(Record):
    """One student x arm x budget x seed. `path` are the segments that lead to it; `samples` is its evaluation's step.

    `budget` says what the study asks for, such as `5e11`, `1/4 epoch of ift` or `100000 samples`; `budget_flops` is the
    cap, or where prompts are capped what its training costs (of an infeasible cell about that).
    `flops` is what its training costs alone, `epochs` the most often that any prompt source is gone through.
    An infeasible cell has a reason and no path, and is not trained.
    """

    id: str
    configuration: str
    student: str
    arm: str
    seed: int
    budget: str
    budget_flops: float
    path: tuple[str, ...]
    samples: str | None
    flops: int | None
    steps: int | None
    prompts: int | None
    unique_prompts: int | None
    epochs: float | None
    epochs_by_source: dict[str, float]
    feasible: bool
    reason: str | None
    status: Status


class StudentFacts(Record):
    """One student of the ladder, with its parameter counts and the peak rate of each format."""

    name: str
    parameters: int
    matmul_parameters: int
    peak_rates: dict[str, float]


class PlannedTrial(Record):
    """One trial of a learning-rate sweep: a student trained in one format at one rate, for the validation items.

    `arm` is what it reads, `path` the segments that lead to it, `samples` its evaluation's step, `flops` its training.
    """

    id: str
    student: str
    format: RateFormat
    arm: str
    rate: float
    seed: int
    path: tuple[str, ...]
    samples: str
    flops: int
    status: Status


class ChosenRates(Record):
    """What a sweep chose for one student; `at_edge` are the formats whose winner is at the grid's edge."""

    student: str
    rates: FormatRates
    at_edge: tuple[RateFormat, ...]


class OverLength(Record):
    """What was lost with pairs that have too long a sequence: shares of all pairs, and of what their answers hold."""

    max_tokens: int | None
    pairs: int
    pairs_share: float
    ift_tokens_share: float
    trace_tokens_share: float


class Plan(Record):
    """Every step of a study, priced.

    `total_flops` is the training of the feasible cells with shared segments counted once, `unshared_flops` the same
    trained one by one; `phases` holds what the other phases of the ledger are expected to cost, `seconds` what is left.
    Segments of purpose `search` belong to `trials` and to `phases["search"]`, not to `total_flops`.
    """

    schema_version: int = 1
    study: str
    source: Literal["declared", "pilot", "measured"]
    corpus: str
    tokenizer: str
    students: tuple[StudentFacts, ...]
    segments: tuple[Segment, ...]
    cells: tuple[PlannedCell, ...]
    trials: tuple[PlannedTrial, ...] = ()
    dropped_over_length: OverLength | None = None
    total_flops: int
    unshared_flops: int
    phases: dict[Phase, float]
    peak_disk_bytes: int
    seconds: float | None
    items: int
    unique_prompts: int
    notes: tuple[str, ...]

    @property
    def answering(self) -> tuple[PlannedCell | PlannedTrial, ...]:
        """Whatever answers items: cells, and the trials of a search for learning rates."""
        return (*self.cells, *self.trials)

    @property
    def budgets_flops(self) -> tuple[float, ...]:
        """Every budget that some cell has, the smallest first."""
        return tuple(sorted({cell.budget_flops for cell in self.cells}))

    @property
    def budgets(self) -> tuple[str, ...]:
        """The label of every budget, the smallest first."""
        return tuple(dict.fromkeys(cell.budget for cell in self.cells))
