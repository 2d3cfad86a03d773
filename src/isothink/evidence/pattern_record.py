"""How gains and lengths behave over a study, as records: `Evidence.patterns`, printed by `isothink analyze`.

A gain is an arm's accuracy minus that of `ift`, same student, same budget. Patterns describe: none is adjusted for how
many there are, and none decides a verdict. Numbers that the cells do not tell are null, and `reason` says why.
"""

from typing import Literal

from isothink.domain.record import Record
from isothink.evidence.interval import Interval

PatternName = Literal["gain_by_tokens", "gain_by_size", "curricula", "answer_forms", "trace_lengths"]


class GainPoint(Record):
    """One student and arm at one budget: its gain, and how many times the output tokens of `ift` it writes."""

    student: str
    arm: str
    budget_flops: float
    gain: float
    interval: Interval
    token_factor: float


class GainByTokens(Record):
    """Whether more extra tokens go with more gain: Spearman's correlation over all points of a family."""

    family: str
    points: tuple[GainPoint, ...]
    rank_correlation: float | None
    interval: Interval | None
    reason: str | None


class SizeGain(Record):
    """One student's gain."""

    student: str
    parameters: int
    gain: float
    interval: Interval


class GainBySize(Record):
    """An arm's gain at one budget by the size of the student; the slope is of a straight line in log size."""

    family: str
    arm: str
    budget_flops: float
    gains: tuple[SizeGain, ...]
    slope_per_doubling: float | None
    interval: Interval | None
    reason: str | None


class CurvePoint(Record):
    """One share of reasoning instances: `ift` is 0, `reasoning` is 1.

    `gain_share` is the part of the gain of `reasoning` that it has; it can be negative, or above 1.
    """

    rho: float
    configuration: str
    accuracy: float
    interval: Interval
    training_flops: float
    inference_flops_per_query: float
    output_tokens: float
    gain_share: float | None
    gain_share_interval: Interval | None


class CurriculumCurve(Record):
    """One student at one budget, over the shares of one schedule; `reason` says why no share of the gain is given."""

    family: str
    student: str
    budget_flops: float
    schedule: Literal["sequential", "mixed"]
    full_gain: float | None
    full_gain_interval: Interval | None
    points: tuple[CurvePoint, ...]
    reason: str | None


class AnswerForms(Record):
    """An arm's gain on multiple choice and on open-ended answers: the mean over families, and over students in both."""

    arm: str
    budget_flops: float
    students: tuple[str, ...]
    multiple_choice: tuple[str, ...]
    open_ended: tuple[str, ...]
    multiple_choice_gain: float
    multiple_choice_interval: Interval
    open_ended_gain: float
    open_ended_interval: Interval
    difference: float
    interval: Interval


class LengthRatio(Record):
    """Mean output tokens of right answers over those of wrong ones, seeds pooled; counts are of answers.

    Benchmarks with both kinds count equally. `interval` is null where either kind has too few answers.
    """

    right: float
    wrong: float
    right_tokens: float | None
    wrong_tokens: float | None
    ratio: float | None
    interval: Interval | None
    reason: str | None


class TraceLength(Record):
    """Right against wrong answers of one configuration.

    `all_answers` holds those that the cap cut off, wrong and as long as the cap; `completed` does not.
    `same_item` compares only within items that some seeds or repeats answer right and others wrong, so that a hard
    item, which is long and wrong, is not compared with an easy one; completed answers only.
    """

    family: str
    configuration: str
    truncated: float
    all_answers: LengthRatio
    completed: LengthRatio
    same_item: LengthRatio


class AbsentPattern(Record):
    """A pattern that this study has no cells for; `family` is null where it holds for all."""

    pattern: PatternName
    family: str | None
    reason: str


class Patterns(Record):
    """The experiment's own analyses."""

    gain_by_tokens: tuple[GainByTokens, ...] = ()
    gain_by_size: tuple[GainBySize, ...] = ()
    curricula: tuple[CurriculumCurve, ...] = ()
    answer_forms: tuple[AnswerForms, ...] = ()
    trace_lengths: tuple[TraceLength, ...] = ()
    absent: tuple[AbsentPattern, ...] = ()
