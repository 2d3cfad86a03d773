"""The choice of sample answers: one item and two arms, every way to fail, no more than the page holds."""

import shutil

import pytest

from isothink.run import sample_choice
from isothink.run.open import open_run
from isothink.run.sample_choice import failures_of, sample_pairs
from isothink.store.tables import SAMPLE_SCHEMA, SAMPLES_FILE, read_columns, write_columns

FAULTS = (
    {"stop_reason": "length", "score": 0.0},
    {"stop_reason": "failed", "score": None, "text": "", "error": "no server"},
    {"think_state": "unclosed", "score": 0.0},
    {"think_state": "orphan_close", "score": 1.0},
    {"is_looping": True, "score": 0.0},
)


@pytest.fixture
def workspace(finished, tmp_path):
    """A copy of the finished run, to change."""
    shutil.copytree(finished[1], tmp_path / "tiny")
    return open_run(tmp_path / "tiny")


def changed(workspace, cell, change):
    """Rewrites the stored samples of a cell."""
    path = workspace.folder.step_folder("samples", cell.samples) / SAMPLES_FILE
    rows = read_columns(path).to_pylist()
    for index, row in enumerate(rows):
        row.update(change(index, row))
    write_columns(path, {name: [row[name] for row in rows] for name in SAMPLE_SCHEMA.names}, SAMPLE_SCHEMA)


def chosen(workspace):
    return sample_pairs(workspace.folder, workspace.plan, {})


def test_both_sides_answer_one_item_with_one_student_and_budget(workspace):
    pairs = chosen(workspace)
    assert len({(pair.left.configuration, pair.right.configuration, pair.item) for pair in pairs}) == len(pairs) > 40
    cells = {cell.configuration: cell for cell in workspace.plan.cells}
    for pair in pairs:
        left, right = cells[pair.left.configuration], cells[pair.right.configuration]
        assert (left.arm, left.student, left.budget_flops) == ("ift", right.student, right.budget_flops)
        assert right.arm != "ift"
    assert {cells[pair.right.configuration].arm for pair in pairs} == {"reasoning", "sequential(0.5)"}
    assert {pair.benchmark for pair in pairs} == {"capital", "chain", "largest"}


def test_every_way_to_fail_is_there_wherever_it_happened(workspace):
    last = min(workspace.plan.cells, key=lambda cell: (cell.budget_flops, cell.arm != "reasoning", -cell.seed))
    assert last.arm == "reasoning"
    changed(workspace, last, lambda index, row: FAULTS[index] if index < len(FAULTS) else {"score": 1.0})
    reasoning = {cell.configuration for cell in workspace.plan.cells if cell.arm == "reasoning"}
    pairs = [pair for pair in chosen(workspace) if pair.right.configuration in reasoning]
    seen = {kind for pair in pairs for kind in failures_of(pair.right.model_dump())}
    assert any(pair.right.configuration == last.configuration for pair in pairs)
    assert seen == {"length", "failed", "unclosed", "orphan_close", "looping", "unscored"}


def test_right_and_wrong_ones_stand_in_turn(workspace):
    for cell in workspace.plan.cells:
        changed(
            workspace,
            cell,
            lambda index, row: (
                {"score": float(index % 8 == 0), "stop_reason": "end", "think_state": "closed"} | {"is_looping": False}
            ),
        )
    marks = [(pair.left.score, pair.right.score) for pair in chosen(workspace)][:12]
    assert marks.count((1.0, 1.0)) == 6
    assert marks.count((0.0, 0.0)) == 6


def test_no_more_than_the_page_holds(workspace, monkeypatch):
    monkeypatch.setattr(sample_choice, "PAIRS", 7)
    changed(workspace, workspace.plan.cells[0], lambda index, row: {"text": "x" * 50_000})
    pairs = chosen(workspace)
    assert len(pairs) == 7
    assert all(len(pair.left.text) < 2_100 for pair in pairs)


def test_the_same_run_gives_the_same_choice(workspace):
    assert chosen(workspace) == chosen(workspace)
