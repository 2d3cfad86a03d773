"""What the rule within a run says, as records: stored in `evidence.json`, drawn by report/. Made by rule.py.

Accuracies and gains are fractions, intervals are 90%. What the study does not support is null, with the reason.
"""

from isothink.domain.record import Record
from isothink.evidence.prediction_record import SeriesFit


class RulePoint(Record):
    """What is expected of an arm at a budget and a size; `gain` is over `ift` at the same size and budget.

    Where budgets are relative to each student, `budget_flops` is that of the largest student at the same level.
    `extrapolated` says that the size lies outside those the arm was run at with this budget. `refused` is why there is
    no accuracy, `gain_refused` why there is no gain.
    """

    arm: str
    budget_flops: float
    parameters: int
    accuracy: float | None
    interval: tuple[float, float] | None
    gain: float | None
    gain_interval: tuple[float, float] | None
    output_tokens: float | None
    inference_flops_per_query: float | None
    extrapolated: bool
    refused: str | None
    gain_refused: str | None


class RuleCrossover(Record):
    """The size at which an arm's fitted gain over `ift` is zero, within the ladder, or the reason why there is none.

    The interval holds every size at which the gain's own interval holds zero (Fieller, JRSS B 16, 1954, 175-185); an
    end is null where that goes on beyond the sizes predicted.
    """

    arm: str
    budget_flops: float
    parameters: float | None
    interval: tuple[float | None, float | None] | None
    reason: str


class FamilyRule(Record):
    """One family of a study: how accuracy, output tokens and inference FLOPs per query go with size.

    Series are told apart by family, arm and budget, and all of the study are fitted together. `sizes` is the ladder in
    parameters, `cap` the teacher's accuracy where known. `inference_fits` are of FLOPs per query and parameter.
    """

    family: str
    sizes: tuple[int, ...]
    cap: float | None
    fits: tuple[SeriesFit, ...]
    token_fits: tuple[SeriesFit, ...]
    inference_fits: tuple[SeriesFit, ...]
    points: tuple[RulePoint, ...]
    crossovers: tuple[RuleCrossover, ...]
