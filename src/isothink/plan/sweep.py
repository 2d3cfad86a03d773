"""The trials of a learning-rate sweep, and the choice among them. Called by planner.py; run/ trains and scores them.

Every student and format gets the same grid, each rate one trial: a cell of its own at a small budget, which answers the
validation items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from isothink.corpus.lengths import CorpusLengths
from isothink.domain.arm import FORMATS, Mixed, Plain, parse_arm
from isothink.domain.study import Study
from isothink.domain.training_settings import FormatRates, RateFormat, RateSweep
from isothink.errors import StepError, StudyError
from isothink.plan.budgets import Cap, FlopsCap, number_text
from isothink.plan.cells import (
    AnsweringCost,
    Completed,
    ItemLengths,
    path_flops,
    samples_id,
    segments_of,
    speed_of,
)
from isothink.plan.path import Infeasible
from isothink.plan.prepared import PreparedStudent
from isothink.plan.pricing import stream_arms
from isothink.plan.record import ChosenRates, PlannedTrial, Segment
from isothink.plan.tree import CellPath, cell_paths, identify, open_seed, student_streams
from isothink.store.fingerprint import fingerprint


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Every trial of a study, the segments that lead to them, and what answering is expected to cost by trial."""

    trials: tuple[PlannedTrial, ...] = ()
    segments: tuple[Segment, ...] = ()
    answering: tuple[float, ...] = ()


def plan_trials(
    study: Study,
    lengths: CorpusLengths,
    students: Sequence[PreparedStudent],
    items: ItemLengths,
    completed: Completed,
) -> Trials:
    """The trials that a study's sweep needs; none where its rates are not swept. `items` are the validation items.

    Raises:
        StudyError: a trial is too short to be trained.
    """
    sweep = study.training.learning_rate
    if not isinstance(sweep, RateSweep):
        return Trials()
    formats = _arms_of(study, sweep)
    arms = [parse_arm(text) for text in formats.values()]
    caps = [_trial_cap(student.caps[0], sweep) for student in students]
    streams = open_seed(
        study, lengths, arms, [(one.cost, [cap]) for one, cap in zip(students, caps, strict=True)], sweep.seed
    )
    cost = AnsweringCost(study.evaluation, lengths, items)
    trials, segments, answering = [], [], []
    for student, cap in zip(students, caps, strict=True):
        own = student_streams(streams, arms, student.cost)
        for name, text in formats.items():
            (path,) = cell_paths(study.training, own, student=student.name, arms=[text], caps=[cap], seed=sweep.seed)
            _require_feasible(path, name, cap, sweep)
            for rate in sorted(sweep.grid):
                trial, steps = _trial(study, student, path, name, rate, items, completed)
                trials.append(trial)
                segments.extend(steps)
                answering.append(cost.of(student, parse_arm(text)))
    return Trials(trials=tuple(trials), segments=tuple(segments), answering=tuple(answering))


def validation_items(study: Study, items: ItemLengths) -> ItemLengths:
    """The validation items of a sweep as far as they are known before they are made: as long as the benchmarks' are."""
    sweep = study.training.learning_rate
    if not isinstance(sweep, RateSweep):
        return items
    count = len(sweep.validation.tasks) * sweep.validation.items_per_task
    mean = round(float(np.mean(items.prompt_tokens))) if len(items.prompt_tokens) else 1
    return ItemLengths(
        identity=fingerprint(sweep.validation.model_dump()), prompt_tokens=np.full(count, mean, dtype=np.int64)
    )


def _arms_of(study: Study, sweep: RateSweep) -> dict[RateFormat, str]:
    """What the trials of each format read; a format whose rate no arm is trained with has none."""
    streams = [stream for text in study.arms for stream in stream_arms(parse_arm(text))]
    mixed = [str(stream) for stream in streams if isinstance(stream, Mixed)]
    used = {str(stream) for stream in streams if isinstance(stream, Plain)}
    if mixed and not sweep.with_mixed:
        used.add("reasoning")
    arms: dict[RateFormat, str] = {name: name for name in FORMATS if name in used}
    if mixed and sweep.with_mixed:
        arms["mixed"] = mixed[0]
    return arms


def _trial_cap(smallest: Cap, sweep: RateSweep) -> Cap:
    share = Fraction(sweep.budget_share)
    if isinstance(smallest, FlopsCap):
        flops = round(share * smallest.flops)
        return FlopsCap(label=number_text(float(flops)), flops=flops, given=float(flops))
    prompts = round(share * smallest.prompts)
    return replace(smallest, label=f"{prompts} samples", prompts=prompts)


def _require_feasible(path: CellPath, name: RateFormat, cap: Cap, sweep: RateSweep) -> None:
    if isinstance(path.pieces, Infeasible):
        raise StudyError(
            f"training.learning_rate.budget_share: found {sweep.budget_share:g}, with which a trial of student"
            f" {path.student} in format {name} ({cap.label}) is too short: {path.pieces.reason}",
            hint="allowed are larger shares, larger budgets, or fewer steps of warm-up and decay",
        )


def _trial(
    study: Study,
    student: PreparedStudent,
    path: CellPath,
    name: RateFormat,
    rate: float,
    items: ItemLengths,
    completed: Completed,
) -> tuple[PlannedTrial, list[Segment]]:
    rates = FormatRates(ift=rate, reasoning=rate, mixed=rate)
    # no cell shares a segment with a trial: the search is charged for all that it trains
    tree = identify(path, {**student.recipe, "purpose": "search"}, rates, study.training.final_rate_share)
    identity = f"{student.name}-search-{name}-{number_text(rate)}-seed{path.seed}"
    samples = samples_id(study, identity, path.arm, tree[-1].id, items)
    trial = PlannedTrial(
        id=identity,
        student=student.name,
        format=name,
        arm=path.arm,
        rate=rate,
        seed=path.seed,
        path=tuple(node.id for node in tree),
        samples=samples,
        flops=path_flops(path, tree),
        status=completed.cell_status(tree, samples),
    )
    speed = speed_of(study, student.name, completed)
    return trial, segments_of(path, tree, rates=rates, completed=completed, speed=speed, purpose="search")


def choose_rates(trials: Sequence[PlannedTrial], scores: Mapping[str, float]) -> tuple[ChosenRates, ...]:
    """For every student and format the rate of the trial with the highest score; of equals the lower.

    `scores` holds the accuracy of each trial by its id; a trial that failed has none.

    Raises:
        StepError: no trial of a student and format has a score.
    """
    chosen = []
    for student in dict.fromkeys(trial.student for trial in trials):
        rates: dict[RateFormat, float] = {}
        edges: list[RateFormat] = []
        for name in dict.fromkeys(trial.format for trial in trials if trial.student == student):
            own = [trial for trial in trials if (trial.student, trial.format) == (student, name)]
            scored = [trial for trial in own if trial.id in scores]
            if not scored:
                raise StepError(
                    f"no trial of student {student} in format {name} could be scored, at any rate of the grid",
                    hint="logs/ says how they ended; a grid of smaller rates diverges less",
                )
            best = min(scored, key=lambda trial: (-scores[trial.id], trial.rate))
            rates[name] = best.rate
            grid = [trial.rate for trial in own]
            if best.rate in (min(grid), max(grid)):
                edges.append(name)
        unread = next(iter(rates.values()))  # a format without trials: nothing is trained with its rate
        whole = FormatRates(**{"ift": unread, "reasoning": unread, **rates})
        chosen.append(ChosenRates(student=student, rates=whole, at_edge=tuple(edges)))
    return tuple(chosen)
