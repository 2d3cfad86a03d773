"""Learning curves from stored segments: which cells, their segments joined, their points thinned.

Called by reporting.py.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isothink.plan.record import Plan, PlannedCell
from isothink.report.data import LearningCurve, LearningPoint
from isothink.store.run_folder import RunFolder
from isothink.store.tables import METRICS_FILE, read_columns

LINES, POINTS = 40, 60
EVEN = 2 / 3
"""This part of a line's points is even in FLOPs, so that the decay shows; the others are even in their logarithm."""
START = 1e-3

Floats = npt.NDArray[np.float64]
Columns = tuple[Floats, Floats, Floats]
"""FLOPs since the initial weights, loss, and loss tokens of each step."""


def learning_curves(folder: RunFolder, plan: Plan) -> tuple[tuple[LearningCurve, ...], int]:
    """A choice of curves, and of how many cells it is one."""
    complete = {segment.id for segment in plan.segments if folder.manifest("segments", segment.id) is not None}
    trained = [cell for cell in plan.cells if cell.path and cell.path[0] in complete]
    read: dict[str, Columns] = {}
    curves = []
    for cell in chosen_cells(trained):
        path = []
        for step in cell.path:
            if step not in complete:
                break
            if step not in read:
                read[step] = _columns(folder, step)
            path.append(read[step])
        curves.append(_curve(cell, path))
    return tuple(curve for curve in curves if curve.points), len(trained)


def chosen_cells(cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    """At most `LINES` cells: every student and arm before more of one; low seeds first, large budgets first."""
    groups: dict[tuple[str, str], list[PlannedCell]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.seed, -cell.budget_flops)):
        groups.setdefault((cell.student, cell.arm), []).append(cell)
    ranked = [(rank, key, cell) for key, group in groups.items() for rank, cell in enumerate(group)]
    order = {key: place for place, key in enumerate(dict.fromkeys((cell.student, cell.arm) for cell in cells))}
    chosen = sorted(ranked, key=lambda entry: (entry[0], order[entry[1]]))[:LINES]
    return [cell for _, _, cell in sorted(chosen, key=lambda entry: (order[entry[1]], entry[0]))]


def thinned(flops: Floats, loss: Floats, weight: Floats) -> tuple[LearningPoint, ...]:
    """At most `POINTS` points, each the mean loss per token of the steps since the one before.

    Steps without a finite loss are left out.
    """
    known = np.isfinite(loss) & np.isfinite(flops) & (flops > 0)
    flops, loss, weight = flops[known], loss[known], np.maximum(weight[known], 1e-9)
    if not len(flops):
        return ()
    even = round(EVEN * POINTS)
    last = flops[-1]
    edges = np.union1d(
        np.linspace(0, last, even + 1)[1:], np.geomspace(max(flops[0], START * last), last, POINTS - even + 1)[:-1]
    )
    place = np.minimum(np.searchsorted(edges, flops), len(edges) - 1)
    return tuple(
        LearningPoint(
            flops=float(flops[place == index][-1]),
            loss=float(np.average(loss[place == index], weights=weight[place == index])),
        )
        for index in np.unique(place)
    )


def _columns(folder: RunFolder, step: str) -> Columns:
    path = folder.step_folder("segments", step) / METRICS_FILE
    table = read_columns(path, ("flops_so_far", "loss", "loss_tokens"))
    flops, loss, tokens = (
        np.array(table[name].to_pylist(), dtype=np.float64) for name in ("flops_so_far", "loss", "loss_tokens")
    )
    return flops, loss, tokens


def _curve(cell: PlannedCell, path: Sequence[Columns]) -> LearningCurve:
    joined = [np.concatenate(columns) for columns in zip(*path, strict=True)]
    return LearningCurve(
        configuration=cell.configuration,
        student=cell.student,
        arm=cell.arm,
        budget_flops=cell.budget_flops,
        seed=cell.seed,
        points=thinned(*joined),
    )
