"""The learning-rate sweep: the same trials for every student and format, and which rate they choose."""

import pytest
from small_lengths import lengths_of
from small_plans import ITEMS, study_with

from isothink.domain.training_settings import FormatRates
from isothink.errors import StepError, StudyError
from isothink.plan.planner import plan
from isothink.plan.record import ChosenRates
from isothink.plan.sweep import choose_rates

GRID = [3e-3, 1e-3, 1e-2]


def sweep(**changes):
    validation = {"tasks": ["chain"], "items_per_task": 5}
    return {"by": "sweep", "grid": GRID, "budget_share": 0.5, "validation": validation, **changes}


def swept(*changes, chosen=(), **settings):
    study = study_with(
        ("training.learning_rate", sweep(**settings)),
        ("training.warmup_steps", 0),
        ("training.decay_share", 0.3),
        *changes,
    )
    rates = {one.student: one.rates for one in chosen}
    return plan(study, lengths_of([40, 12], spread=2), ITEMS, chosen_rates=rates)


@pytest.mark.parametrize(("with_mixed", "formats"), [(False, 2), (True, 3)])
def test_every_student_and_format_has_the_same_grid_at_the_same_share_of_its_smallest_budget(with_mixed, formats):
    planned = swept(with_mixed=with_mixed)
    groups = {}
    for trial in planned.trials:
        groups.setdefault((trial.student, trial.format), []).append(trial.rate)
    assert set(map(tuple, groups.values())) == {tuple(sorted(GRID))}
    assert len(groups) == formats * len(planned.students)
    segments = {segment.id: segment for segment in planned.segments}
    smallest = min(cell.budget_flops for cell in planned.cells)
    for trial in planned.trials:
        path = [segments[identity] for identity in trial.path]
        assert trial.flops == sum(segment.flops for segment in path) <= 0.5 * smallest
        assert {segment.peak_rate for segment in path} == {trial.rate}
    search = [segment.flops for segment in planned.segments if segment.purpose == "search"]
    assert planned.phases["search"] > sum(search) > 0
    training = [segment.flops for segment in planned.segments if segment.purpose == "training"]
    assert planned.total_flops == sum(training)


def test_a_trial_at_a_cells_own_budget_and_rate_shares_nothing_with_it():
    """What is charged to the search is all that its trials trained."""
    rate = GRID[1]
    settled = tuple(
        ChosenRates(student=student.name, rates=FormatRates(ift=rate, reasoning=rate), at_edge=())
        for student in swept().students
    )
    planned = swept(budget_share=1.0, chosen=settled)
    alone = plan(
        study_with(
            (
                "training.learning_rate",
                {"by": "table", "rates": {one.student: one.rates.model_dump() for one in settled}},
            ),
            ("training.warmup_steps", 0),
            ("training.decay_share", 0.3),
        ),
        lengths_of([40, 12], spread=2),
        ITEMS,
    )
    assert planned.total_flops == alone.total_flops
    assert not {step for trial in planned.trials for step in trial.path} & {
        step for cell in planned.cells for step in cell.path
    }


def test_what_was_chosen_is_what_cells_are_trained_with():
    before = swept()
    scores = {trial.id: {1e-3: 0.2, 3e-3: 0.6, 1e-2: 0.6}[trial.rate] for trial in before.trials}
    for trial in before.trials:
        if trial.format == "reasoning":
            scores[trial.id] = {1e-3: 0.0, 3e-3: 0.1, 1e-2: 0.3}[trial.rate]
    chosen = choose_rates(before.trials, scores)
    assert {(one.rates.ift, one.rates.reasoning, one.at_edge) for one in chosen} == {(3e-3, 1e-2, ("reasoning",))}
    planned = swept(chosen=chosen)
    assert planned.trials == before.trials
    trained = {(one.arm, one.peak_rate) for one in planned.segments if one.purpose == "training"}
    assert {rate for arm, rate in trained if arm == "ift"} == {3e-3}
    assert {rate for arm, rate in trained if arm != "ift"} == {1e-2}, "mixtures take the reasoning rate"
    assert any("not chosen yet" in note for note in before.notes)
    assert not any("not chosen yet" in note for note in planned.notes)


@pytest.mark.parametrize(
    ("arms", "with_mixed", "formats"),
    [
        (["ift"], True, {"ift"}),
        (["mixed(0.5)"], False, {"reasoning"}),
        (["mixed(0.5)"], True, {"mixed"}),
        (["sequential(0.5)"], True, {"ift", "reasoning"}),
    ],
)
def test_formats_that_no_arm_reads_have_no_trials(arms, with_mixed, formats):
    trials = swept(("arms", arms), ("seeds", {"default": 1}), with_mixed=with_mixed).trials
    assert {trial.format for trial in trials} == formats
    (chosen, *_) = choose_rates(trials, {trial.id: trial.rate for trial in trials})
    assert {chosen.rates.of(name) for name in formats} == {max(GRID)}


def test_a_trial_that_failed_is_not_chosen_and_where_all_did_it_is_said():
    trials = swept().trials
    one = [trial for trial in trials if (trial.student, trial.format) == (trials[0].student, "ift")]
    scores = {trial.id: 0.5 for trial in trials if trial.id != one[0].id}
    assert choose_rates(trials, scores)[0].rates.ift == sorted(GRID)[1]
    scores = {trial.id: 0.5 for trial in trials if trial not in one}
    with pytest.raises(StepError, match=f"no trial of student {one[0].student} in format ift could be scored"):
        choose_rates(trials, scores)


def test_trials_that_are_too_short_name_the_share():
    with pytest.raises(StudyError, match=r"training\.learning_rate\.budget_share: found 1e-06"):
        swept(budget_share=1e-6)
