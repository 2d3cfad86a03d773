"""What analysis finds, as records: stored as `evidence.json`, drawn by report/, printed by cli/.

A *configuration* is a student x arm x budget with its seeds pooled; a cell is one seed of it.
Accuracies and differences are fractions (0 to 1), FLOPs are plain numbers, intervals are 90% unless they say otherwise.
Every number that could not be had is null, and `reasons` or `caveats` say why.
"""

from typing import Literal

from isothink.domain.record import Record

Outcome = Literal["ift", "reasoning", "curriculum", "unresolved"]
Axis = Literal["training_flops", "inference_flops_per_query", "lifetime_flops"]
AXES: tuple[Axis, ...] = ("training_flops", "inference_flops_per_query", "lifetime_flops")


class Interval(Record):
    """A range that covers the truth with probability `level`."""

    low: float
    high: float
    level: float = 0.90


class ConfigurationResult(Record):
    """One configuration on one family of benchmarks, averaged over benchmarks, then over its complete seeds.

    `accuracy_of_completed` leaves out answers that the cap cut off: it describes, and enters no decision, since which
    answers are left depends on the cap.
    """

    configuration: str
    student: str
    parameters: int
    arm: str
    budget_flops: float
    family: str
    seeds: int
    items: int
    training_flops: float
    inference_flops_per_query: float
    lifetime_flops: float
    accuracy: float
    interval: Interval
    accuracy_by_benchmark: dict[str, float]
    completion_rate: float
    accuracy_of_completed: float | None
    looping_rate: float
    truncation_bounds: Interval
    thinking_rate: float
    mean_prompt_tokens: float
    mean_trace_tokens: float
    mean_answer_tokens: float
    unscored: int
    edge: bool


class FrontierMember(Record):
    """One configuration's standing on one family's frontier over one cost axis."""

    configuration: str
    cost: float
    accuracy: float
    on_frontier: bool
    probability: float
    tied_with: tuple[str, ...]
    dominated_by: str | None


class Frontier(Record):
    """All configurations of a family over one cost axis, cheapest first."""

    family: str
    axis: Axis
    members: tuple[FrontierMember, ...]
    accuracy_tolerance: float
    cost_tolerance: float


class Comparison(Record):
    """One arm minus `ift` at one budget, fixed before any score is seen.

    `same_student` compares one student's two cells; `best_student` the best student of each arm, the selection redone
    in every draw, and only it has an adjusted p-value and decides an outcome.
    `truncation_bounds` is what the difference could be if every cut-off answer were wrong, or right.
    """

    family: str
    kind: Literal["same_student", "best_student"]
    arm: str
    baseline: str
    budget_flops: float
    student: str
    baseline_student: str
    difference: float
    interval: Interval
    p_value: float
    adjusted_p_value: float | None
    smallest_resolvable: float
    truncation_bounds: Interval
    outcome: Literal["better", "worse", "unresolved"]


class Recommendation(Record):
    """A configuration that a verdict names, with what is expected of it."""

    configuration: str
    source: Literal["trained", "imported", "predicted"]
    student: str
    parameters: int
    arm: str
    accuracy: float
    interval: Interval
    probability_best: float
    expected_regret_points: float
    training_flops: float
    inference_flops_per_query: float
    lifetime_flops: float
    extrapolated: bool
    edge: bool


class BreakEven(Record):
    """How many queries make the two arms' whole-life costs equal at one target accuracy.

    `cheaper_below` is the arm that is the cheaper with fewer than `queries`, null where there is no such number.
    """

    kind: Literal["at_queries", "ift_always", "reasoning_always", "no_equal_accuracy"]
    target_accuracy: float | None
    queries: float | None
    interval: Interval | None
    cheaper_below: Literal["ift", "reasoning"] | None = None


class Verdict(Record):
    """The decision for one family, budget and number of queries. "unresolved" is one too, and still recommends."""

    family: str
    budget_flops: float
    queries: float
    outcome: Outcome
    recommended: Recommendation | None
    alternatives: tuple[Recommendation, ...]
    break_even: BreakEven | None
    crossover_parameters: float | None
    sensitivity: dict[str, str]
    reasons: tuple[str, ...]
    would_change_it: tuple[str, ...]
    caveats: tuple[str, ...]


class MissingCell(Record):
    """A cell that was planned and has no result, and why."""

    cell: str
    configuration: str
    reason: str


class SeedVariance(Record):
    """Training-run variance of a family's accuracy, pooled over configurations with more than one seed."""

    family: str
    standard_deviation: float | None
    degrees_of_freedom: int


class Evidence(Record):
    """Everything the analysis found."""

    schema_version: int = 1
    study: str
    families: tuple[str, ...]
    budgets_flops: tuple[float, ...]
    queries: float
    convention: str
    draws: int
    level: float
    configurations: tuple[ConfigurationResult, ...]
    frontiers: tuple[Frontier, ...]
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    seed_variance: tuple[SeedVariance, ...]
    missing: tuple[MissingCell, ...]
    caveats: tuple[str, ...]
