"""Learning curves: segments joined, points thinned, cells chosen evenly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from isothink.plan.record import PlannedCell
from isothink.run.learning_curves import LINES, POINTS, chosen_cells, learning_curves, thinned
from isothink.run.open import open_run
from isothink.store.tables import METRICS_FILE, read_columns


def planned(student, arm, budget, seed):
    return PlannedCell(
        id=f"{student}-{arm}-{budget:g}-{seed}",
        configuration=f"{student}-{arm}-{budget:g}",
        student=student,
        arm=arm,
        seed=seed,
        budget=f"{budget:g}",
        budget_flops=budget,
        path=("a",),
        samples=None,
        flops=None,
        steps=None,
        prompts=None,
        unique_prompts=None,
        epochs=None,
        epochs_by_source={},
        feasible=True,
        reason=None,
        status="complete",
    )


@given(steps=st.integers(1, 3000), exponent=st.floats(0.2, 3.0))
def test_thinning_keeps_the_mean_the_order_and_the_end(steps, exponent):
    flops = np.arange(1.0, steps + 1) ** exponent
    loss, weight = 5 / np.sqrt(np.arange(1.0, steps + 1)), np.ones(steps)
    points = thinned(flops, loss, weight)
    assert 1 <= len(points) <= POINTS + 1
    assert [point.flops for point in points] == sorted({point.flops for point in points})
    assert points[-1].flops == flops[-1]
    assert min(loss) - 1e-9 <= points[-1].loss <= max(loss) + 1e-9
    if steps <= POINTS // 4:
        assert points[0].flops == flops[0]


def test_losses_that_are_no_number_are_left_out_and_tokens_weigh():
    flops, weight = np.array([1.0, 2.0, 3.0, 3.0001]), np.array([1.0, 1.0, 1.0, 3.0])
    points = thinned(flops, np.array([4.0, np.nan, 2.0, 1.0]), weight)
    assert points[0].loss == 4.0
    assert all(np.isfinite(point.loss) for point in points)
    assert thinned(np.array([]), np.array([]), np.array([])) == ()
    together = thinned(np.full(2, 5.0), np.array([2.0, 1.0]), np.array([1.0, 3.0]))
    assert [point.loss for point in together] == [1.25]


def test_every_student_and_arm_is_chosen_before_more_of_one():
    cells = [
        planned(student, arm, budget, seed)
        for student in "abcde"
        for arm in ("ift", "reasoning", "mixed(0.5)")
        for budget in (1e9, 4e9, 2e9)
        for seed in (0, 1)
    ]
    chosen = chosen_cells(cells)
    assert len(chosen) == LINES
    groups = [(cell.student, cell.arm) for cell in chosen]
    assert {groups.count(group) for group in groups} == {2, 3}
    assert {(cell.budget_flops, cell.seed) for cell in chosen} == {(4e9, 0), (2e9, 0), (1e9, 0)}


def test_a_curve_joins_the_segments_of_its_path(finished):
    _, run, _ = finished
    workspace = open_run(run)
    curves, trained = learning_curves(workspace.folder, workspace.plan)
    cells = workspace.plan.cells
    assert trained == len(cells) == len(curves)
    for cell in cells:
        curve = next(one for one in curves if (one.configuration, one.seed) == (cell.configuration, cell.seed))
        steps = [
            row
            for step in cell.path
            for row in read_columns(workspace.folder.step_folder("segments", step) / METRICS_FILE).to_pylist()
        ]
        assert len(steps) == cell.steps
        assert curve.points[-1].flops == cell.flops == steps[-1]["flops_so_far"]
        assert min(row["loss"] for row in steps) <= curve.points[-1].loss <= max(row["loss"] for row in steps)


def test_half_way_a_curve_ends_where_training_has_come(finished, tmp_path):
    _, run, _ = finished
    workspace = open_run(run)
    cell = max(workspace.plan.cells, key=lambda cell: len(cell.path))
    folder = workspace.folder.__class__(tmp_path)
    for step in cell.path[:1]:
        target = folder.step_folder("segments", step)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(workspace.folder.step_folder("segments", step))
    curves, trained = learning_curves(folder, workspace.plan)
    assert trained == sum(one.path[0] == cell.path[0] for one in workspace.plan.cells)
    assert 0 < curves[0].points[-1].flops < cell.flops
