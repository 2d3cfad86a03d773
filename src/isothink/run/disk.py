"""Whether the disk can hold what a plan still writes. Called by run/pipeline.py before it starts."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from isothink.errors import StepError
from isothink.plan.record import Plan
from isothink.run.scheduler import Step
from isothink.store.run_folder import CHECKPOINTS, RunFolder

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def require_space(plan: Plan, folder: RunFolder, steps: Sequence[Step]) -> None:
    """Refuses to start what would fill the disk: the plan's peak, less what it has written already.

    What an earlier version of the study left in the folder is no part of either.

    Raises:
        StepError: less is free.
    """
    if not steps:
        return
    segments = [segment.id for segment in plan.segments]
    samples = [student.samples for student in plan.answering if student.samples is not None]
    planned = (("segments", segments), ("samples", samples), (CHECKPOINTS, segments))
    written = sum(_size(folder.path / kind / step) for kind, names in planned for step in dict.fromkeys(names))
    needed = max(0, plan.peak_disk_bytes - written)
    free = shutil.disk_usage(folder.path).free
    if needed > free:
        raise StepError(
            f"{folder.path}: found {_words(free)} free, needed at the peak are {_words(needed)}",
            hint="free some space, give output=DIR on another disk, or let resources.keep be needed",
        )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _words(count: int) -> str:
    value, unit = float(count), 0
    while value >= 1000 and unit + 1 < len(_UNITS):
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"
