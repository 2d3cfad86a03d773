"""What analysis finds, as records: stored as `evidence.json`, drawn by report/, printed by cli/.

A *configuration* is a student x arm x budget with its seeds pooled; a cell is one seed of it.
Accuracies and differences are fractions (0 to 1), FLOPs are plain numbers, intervals are 90% unless they say otherwise.
Every number that could not be had is null, and `reasons` or `caveats` say why.
"""

from typing import Literal

from isothink.domain.record import Record
from isothink.evidence.interval import Interval as Interval
from isothink.evidence.pattern_record import Patterns
from isothink.evidence.rule_record import FamilyRule

Outcome = Literal["ift", "reasoning", "curriculum", "other", "unresolved"]
"""`other`: an arm of imported results that is none of isothink's."""
Source = Literal["trained", "imported", "predicted", "published"]
Axis = Literal["training_flops", "inference_flops_per_query", "lifetime_flops"]
AXES: tuple[Axis, ...] = ("training_flops", "inference_flops_per_query", "lifetime_flops")


class ConventionCost(Record):
    """What training costs, and what one query costs, under one FLOPs convention; null where it defines none."""

    training_flops: float
    inference_flops_per_query: float | None


class ServingCost(Record):
    """What the mean query asks of a device, so that seconds and dollars follow for any device, price and batch size.

    `weight_bytes` is read by decoding alone and once for a whole batch; `cache_bytes` are each sequence's keys and
    values. Two bytes per value.
    """

    prefill_flops: float
    decode_flops: float
    weight_bytes: float
    cache_bytes: float


class ConfigurationResult(Record):
    """One configuration on one family of benchmarks, averaged over benchmarks, then over its complete seeds.

    Decisions are made from `expected_accuracy`, shrunk towards what other configurations show, and from the draws.
    `accuracy_draws` are draws around it in ten-thousandths; `inference_draws` are draws of the inference cost, in
    ten-thousandths of `inference_flops_per_query`, item for item the same draws. `conventions` prices the configuration
    under every FLOPs convention that defines training; `serving` is null where the shape of the model is not known.
    `conditional_draws` are draws within the published setup, for published configurations alone: which cells are not
    resolvably worse is decided by them, since across setups next to nothing is.
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
    mean_prompt_tokens: float | None
    mean_trace_tokens: float | None
    mean_answer_tokens: float | None
    unscored: int
    edge: bool
    source: Source
    arm_kind: str
    fixed_flops: float
    expected_accuracy: float
    accuracy_draws: tuple[int, ...]
    inference_draws: tuple[int, ...]
    conventions: dict[str, ConventionCost]
    serving: ServingCost | None
    conditional_draws: tuple[int, ...] = ()

    @property
    def mean_output_tokens(self) -> float | None:
        """Trace and answer together; None where an imported result does not say."""
        if self.mean_trace_tokens is None or self.mean_answer_tokens is None:
            return None
        return self.mean_trace_tokens + self.mean_answer_tokens


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
    hypervolumes: tuple["Hypervolume", ...] = ()


class Hypervolume(Record):
    """The area under a frontier between the cheapest and the dearest configuration of the family, over log cost.

    It is divided by the width of that range, so it is the mean over all costs, each factor counting the same, of the
    best accuracy that no more than this cost buys (0 where nothing is that cheap). `arm` is null for all
    configurations.
    """

    arm: str | None
    value: float
    interval: Interval
    cheapest: float
    dearest: float


class Comparison(Record):
    """One arm minus `ift` at one cost, fixed before any score is seen.

    `axis` is what is equal. At equal training budgets `same_student` compares one student's two cells, `best_student`
    the best student of each arm, the selection redone in every draw; only `best_student` comparisons are adjusted, and
    only those at equal training budgets decide an outcome. On the other axes `cost` is that of the arm's cell and the
    baseline is what IFT reaches at that cost: `baseline_student` names the IFT students it is read from, `one_student`
    compares one student of the arm with it and `best_student` the arm's best.
    `extrapolated` says that no IFT cell costs as much; such a comparison is never resolved. `seed_share` is the part of
    the difference's variance that more items cannot lower.
    `truncation_bounds` is what the difference could be if every cut-off answer were wrong, or right.
    """

    family: str
    kind: Literal["same_student", "one_student", "best_student"]
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
    axis: Axis = "training_flops"
    cost: float
    extrapolated: bool = False
    seed_share: float


class Money(Record):
    """How FLOPs become seconds and dollars: one device at a price, serving batches of one size."""

    axis: Literal["seconds", "usd"]
    device: str
    price_per_hour: float
    batch_size: int
    utilisation: float


class Recommendation(Record):
    """A configuration that a verdict names, with what is expected of it.

    `cell` is the configuration's name: a cell with its seeds pooled. Its FLOPs are in the study's convention. The three
    costs without a unit are in that of the verdict: seconds, dollars or the FLOPs of another convention, else null.
    """

    cell: str
    source: Source
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
    training_cost: float | None = None
    inference_cost_per_query: float | None = None
    lifetime_cost: float | None = None
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
    """The decision for one family, budget and number of queries. "unresolved" is one too, and still recommends.

    `basis` says whether it rests on a run's own samples or on published figures alone; `money` is null on the axis of
    FLOPs. `convention` is the one that was asked for, null for the study's own; `rescaled_budget_flops` is what the
    budget comes to in it. `at_equal_cost` says what the best students show at equal inference and whole-life cost; it
    decides nothing.
    """

    basis: Literal["run", "published"] = "run"
    family: str
    budget_flops: float
    queries: float
    money: Money | None = None
    convention: str | None = None
    rescaled_budget_flops: float | None = None
    outcome: Outcome
    recommended: Recommendation | None
    alternatives: tuple[Recommendation, ...]
    break_even: BreakEven | None
    crossover_parameters: float | None
    sensitivity: dict[str, str]
    reasons: tuple[str, ...]
    at_equal_cost: tuple[str, ...] = ()
    would_change_it: tuple[str, ...]
    caveats: tuple[str, ...]


class MissingCell(Record):
    """A cell that was planned and has no result, and why; `no_result` is one whose results give nothing to count."""

    cell: str
    configuration: str
    reason: str
    status: Literal["not_run", "failed", "infeasible", "no_result"] = "no_result"


class SeedVariance(Record):
    """Training-run variance of a family's accuracy, pooled over configurations with more than one seed."""

    family: str
    standard_deviation: float | None
    degrees_of_freedom: int


class Evidence(Record):
    """Everything the analysis found; verdicts for any question are computed from it alone.

    `state` names what it was made from: it is stale where a run's state is another. `students` is the ladder, smallest
    first. `caveats` hold for every family, `family_caveats` for one. `patterns` are the experiment's own analyses, null
    where there are none, as in published evidence.
    """

    schema_version: int = 1
    state: str | None = None
    basis: Literal["run", "published"] = "run"
    study: str
    students: tuple[str, ...]
    arms: tuple[str, ...]
    families: tuple[str, ...]
    budgets_flops: tuple[float, ...]
    queries: float
    convention: str
    draws: int
    level: float
    significance: float
    cost_tolerance: float
    configurations: tuple[ConfigurationResult, ...]
    frontiers: tuple[Frontier, ...]
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    seed_variance: tuple[SeedVariance, ...]
    missing: tuple[MissingCell, ...]
    caveats: tuple[str, ...]
    family_caveats: dict[str, tuple[str, ...]]
    patterns: Patterns | None = None
    rules: tuple[FamilyRule, ...] = ()
