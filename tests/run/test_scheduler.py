"""The scheduler's order, by hand: the longest remaining chain first, parents before children, circles refused."""

import pytest

from isothink.run.progress import Progress
from isothink.run.scheduler import Step, chain_lengths
from isothink.run.step_progress import StepProgress
from isothink.run.study_progress import Watched


def steps(*rows):
    return {name: Step(id=name, needs=tuple(needs), work=work) for name, needs, work in rows}


def test_chain_lengths_by_hand():
    tree = steps(("leaf", ["middle"], 1.0), ("root", [], 5.0), ("middle", ["root"], 2.0), ("other", ["root"], 2.5))
    assert chain_lengths(tree) == {"root": 8.0, "middle": 3.0, "leaf": 1.0, "other": 2.5}


def test_what_is_needed_but_complete_already_does_not_count():
    assert chain_lengths(steps(("child", ["done before"], 4.0))) == {"child": 4.0}


def test_a_circle_is_refused():
    with pytest.raises(AssertionError, match="circle"):
        chain_lengths(steps(("a", ["b"], 1.0), ("b", ["a"], 1.0)))


def test_plain_progress_counts_work_and_names_failures(capsys):
    steps = (Step(id="a", needs=(), work=30.0), Step(id="b", needs=(), work=70.0))
    with Progress(Watched(title="study", steps=steps, described={}, done_before=3)) as progress:
        progress.started("a")
        progress.progressed("a", StepProgress(flops=15.0))
        progress.finished("a", "it broke\nbadly")
        progress.finished("b", None)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("failed: a: it broke")
    assert lines[-1] == "5 of 5 steps, 1 failed, 100% of the work, 0 s left"
    assert capsys.readouterr().out == ""
