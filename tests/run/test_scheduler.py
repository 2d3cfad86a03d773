"""The scheduler's order, by hand: the longest remaining chain first, parents before children, circles refused."""

from pathlib import Path
from unittest import mock

import pytest
import typer

from isothink.cli.run import run_and_print
from isothink.run.progress import Progress
from isothink.run.result import Failure, RunResult
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


def test_what_cannot_be_done_without_a_failed_step_is_counted_and_not_said_again(capsys):
    steps = tuple(Step(id=name, needs=(), work=1.0) for name in "abc")
    with Progress(Watched(title="study", steps=steps, described={}, done_before=0)) as progress:
        progress.finished("a", "it broke")
        progress.finished("b", "a failed: it broke", cause="a")
        progress.finished("c", "a failed: it broke", cause="a")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("failed:")] == ["failed: a: it broke"]
    assert lines[-1].startswith("3 of 3 steps, 3 failed")


def test_failed_cells_are_listed_by_what_their_steps_said(capsys):
    failed = [Failure(id=f"cell{number}", error="it broke" if number else "its own") for number in range(7)]
    result = RunResult(run=Path("r"), completed=(), skipped=(), failed=tuple(failed), report=None)
    with (
        mock.patch("isothink.api.run", return_value=result),
        mock.patch("isothink.api.load_study"),
        pytest.raises(typer.Exit) as ended,
    ):
        run_and_print(Path("study.yaml"), [], until="train", as_json=False)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.splitlines()[:3] == [
        "failed: cell0: its own",
        "failed: cell1, cell2, cell3, cell4 and 2 more: it broke",
        "error: 7 cells failed; everything else is kept",
    ]


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
