"""Whether the disk can hold what a plan still writes. Called by run/pipeline.py before it starts."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from isothink.errors import StepError
from isothink.plan.disk import BYTES_PER_WEIGHT
from isothink.plan.record import Plan
from isothink.run.scheduler import Step
from isothink.store.run_folder import CHECKPOINTS, RunFolder

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def require_space(plan: Plan, folder: RunFolder, steps: Sequence[Step], *, evaluates: bool = True) -> None:
    """Refuses to start what would fill the disk: the plan's peak, less what it has written already.

    What an earlier version of the study left in the folder is no part of either. Where students are trained and not
    evaluated, the plan's peak does not hold: all of their weights stay.

    Raises:
        StepError: less is free.
    """
    if not steps:
        return
    segments = [segment.id for segment in plan.segments]
    samples = [student.samples for student in plan.answering if student.samples is not None]
    planned = (("segments", segments), ("samples", samples), (CHECKPOINTS, segments))
    written = sum(_size(folder.path / kind / step) for kind, names in planned for step in dict.fromkeys(names))
    needed = max(0, plan.peak_disk_bytes + (0 if evaluates else _waiting_weights(plan)) - written)
    free = shutil.disk_usage(folder.path).free
    if needed > free:
        raise StepError(
            f"{folder.path}: found {_words(free)} free, needed at the peak are {_words(needed)}",
            hint="free some space, give output=DIR on another disk, or let resources.keep be needed",
        )


def _waiting_weights(plan: Plan) -> int:
    """The weights of all students that wait for an evaluation."""
    parameters = {student.name: student.parameters for student in plan.students}
    cells = [cell for cell in plan.cells if cell.feasible and cell.status != "complete"]
    return sum(BYTES_PER_WEIGHT * parameters[cell.student] for cell in cells)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _words(count: int) -> str:
    value, unit = float(count), 0
    while value >= 1000 and unit + 1 < len(_UNITS):
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"
