"""The model of a run from recorded events: order of waiting, FLOPs, time left, all by hand."""

import pytest

from isothink.run.scheduler import Step
from isothink.run.step_progress import StepProgress
from isothink.run.study_progress import StepResult, StudyProgress, Watched, WatchedStep


def watched(*rows, **facts):
    """Rows are (id, needs, kind, student, flops); a FLOP of evaluation weighs as much as three of training."""
    steps, described = [], {}
    for name, needs, kind, student, flops in rows:
        weight = 3.0 if kind == "evaluate" else 1.0
        steps.append(Step(id=name, needs=tuple(needs), work=weight * flops, begins_tree=not needs))
        described[name] = WatchedStep(
            id=name,
            kind=kind,
            label=f"label of {name}",
            phase="evaluation" if kind == "evaluate" else "training",
            flops=flops,
            student=student,
            tree=student,
        )
    return Watched(title="study", steps=tuple(steps), described=described, **facts)


TREE = (
    ("trunk", [], "train", "small", 100.0),
    ("decay", ["trunk"], "train", "small", 20.0),
    ("answers", ["decay"], "evaluate", "small", 10.0),
    ("longer", ["trunk"], "train", "small", 300.0),
    ("other", [], "train", "large", 50.0),
)


def spoken(progress):
    """Labels of what waits."""
    return [step.label.removeprefix("label of ") for step in progress.snapshot(0.0).waiting]


def test_waiting_steps_stand_in_the_order_in_which_workers_take_them():
    progress = StudyProgress(watched(*TREE), now=0.0)
    assert spoken(progress) == ["trunk", "other", "longer", "decay", "answers"]  # ready ones first, longest chain first
    progress.started("trunk", 0.0)
    assert spoken(progress) == ["other", "longer", "decay", "answers"]
    snapshot = progress.snapshot(1.0)
    assert (snapshot.ready, snapshot.blocked) == (1, 3)
    progress.finished("trunk", None, StepResult(), 10.0)
    assert spoken(progress) == ["longer", "decay", "other", "answers"]  # trees that were begun before a new one
    assert (progress.snapshot(10.0).ready, progress.snapshot(10.0).blocked) == (3, 1)


def test_time_left_is_all_work_among_the_workers_or_the_longest_chain():
    progress = StudyProgress(watched(*TREE, workers=1), now=0.0)
    assert progress.seconds_left(0.0) is None, "nothing was measured yet"
    progress.started("trunk", 0.0)
    progress.finished("trunk", None, StepResult(), 50.0)  # half a second per unit of work
    # decay 20 + answers 30 + longer 300 + other 50 (its student is not measured: the kind's pace) = 400 units
    assert progress.seconds_left(50.0) == pytest.approx(200.0)
    several = StudyProgress(watched(*TREE, workers=8), now=0.0)
    several.started("trunk", 0.0)
    several.finished("trunk", None, StepResult(), 50.0)
    assert several.seconds_left(50.0) == pytest.approx(150.0), "the longest chain is `longer`, whatever helps"


def test_time_left_goes_down_while_nothing_is_heard_and_with_what_is_heard():
    progress = StudyProgress(watched(("only", [], "train", "small", 100.0)), now=0.0)
    progress.started("only", 0.0)
    progress.progressed("only", StepProgress(flops=10.0), 20.0)  # loading took most of it
    progress.progressed("only", StepProgress(flops=30.0), 30.0)
    assert progress.seconds_left(30.0) == pytest.approx(35.0), "70 units at the pace since the first word"
    assert progress.seconds_left(33.0) == pytest.approx(32.0)
    assert progress.share() == pytest.approx(0.3)


def test_what_earlier_attempts_had_done_says_nothing_of_the_speed():
    progress = StudyProgress(
        watched(("resumed", [], "train", "small", 100.0), ("next", ["resumed"], "train", "small", 100.0)), now=0.0
    )
    progress.started("resumed", 0.0)
    progress.progressed("resumed", StepProgress(flops=92.0, kept_flops=90.0), 4.0)
    assert progress.seconds_left(4.0) == pytest.approx(8.0 * 2.0 + 200.0)
    progress.finished("resumed", None, StepResult(), 20.0)
    assert progress.seconds_left(20.0) == pytest.approx(200.0), "10 units took 20 seconds"


def test_speeds_of_earlier_runs_count_until_a_student_has_its_own():
    progress = StudyProgress(watched(("a", [], "train", "small", 100.0), speeds={"small": 4.0}), now=0.0)
    assert progress.seconds_left(0.0) == pytest.approx(25.0)
    progress.started("a", 0.0)
    progress.progressed("a", StepProgress(flops=50.0), 100.0)
    assert progress.seconds_left(100.0) == pytest.approx(100.0)


def test_flops_are_those_of_the_ledger_with_what_runs():
    facts = watched(*TREE, planned={"training": 470.0, "evaluation": 10.0}, spent={"teacher": 7.0})
    progress = StudyProgress(facts, now=0.0)
    progress.started("trunk", 0.0)
    progress.progressed("trunk", StepProgress(flops=25.0), 1.0)
    phases = {phase.phase: phase for phase in progress.snapshot(1.0).phases}
    assert (phases["training"].spent, phases["training"].planned) == (25.0, 470.0)
    assert phases["training"].share == pytest.approx(25.0 / 470.0)
    assert (phases["teacher"].spent, phases["teacher"].planned) == (7.0, None)
    progress.finished("trunk", None, StepResult(spent={"training": 100.0, "waste": 3.0}), 2.0)
    progress.started("other", 2.0)
    progress.progressed("other", StepProgress(flops=40.0), 3.0)
    progress.finished("other", "it broke", StepResult(), 4.0)
    phases = {phase.phase: phase.spent for phase in progress.snapshot(4.0).phases}
    assert phases == {"teacher": 7.0, "training": 100.0, "evaluation": 0.0, "waste": 43.0}
    assert progress.snapshot(4.0).failures == (("label of other", "it broke"),)


def test_cells_and_accuracies_are_counted_as_their_evaluations_end():
    progress = StudyProgress(watched(*TREE, cells=1), now=0.0)
    for step in ("trunk", "decay"):
        progress.started(step, 0.0)
        progress.finished(step, None, StepResult(), 1.0)
    progress.started("answers", 1.0)
    progress.progressed("answers", StepProgress(flops=1.0, share=0.75, kept_share=0.5), 2.0)
    assert progress.snapshot(2.0).running[0].share == 0.75
    progress.finished("answers", None, StepResult(scores={"math": 0.5}), 3.0)
    snapshot = progress.snapshot(3.0)
    assert (snapshot.cells_done, snapshot.cells, snapshot.steps_done, snapshot.steps) == (1, 1, 3, 5)
    assert [(one.label, dict(one.families)) for one in snapshot.scores] == [("label of answers", {"math": 0.5})]
    [small, large] = snapshot.trees
    assert small.states == ("complete", "complete", "complete", "waiting") and large.states == ("waiting",)


def test_a_failure_that_takes_others_along_leaves_nothing_to_wait_for():
    progress = StudyProgress(watched(*TREE[:3]), now=0.0)
    progress.started("trunk", 0.0)
    for step in ("trunk", "decay", "answers"):
        progress.finished(step, "trunk failed", StepResult(), 1.0)
    snapshot = progress.snapshot(1.0)
    assert (snapshot.failed, snapshot.share, snapshot.seconds_left, snapshot.waiting) == (3, 1.0, 0.0, ())
