"""The plan's peak of disk use against what a run writes, and the refusal to fill a disk; no student is trained here."""

import json
from collections import namedtuple

import pytest

from isothink import api
from isothink.errors import StepError
from isothink.plan.disk import BYTES_PER_WEIGHT, MOMENTS_PER_WEIGHT
from isothink.run import disk, scheduler
from isothink.run.disk import require_space
from isothink.run.scheduler import Scheduler
from isothink.run.states import SegmentFiles
from isothink.run.todo import steps_to_do
from isothink.store.run_folder import RunFolder
from isothink.student.protocol import OPTIMIZER_FILE, WEIGHTS_FILE

from .tiny import write_tiny

SEVERAL_TREES = ("seeds={default: 3}", "arms=[ift, reasoning, mixed(0.5)]")


@pytest.fixture
def planned(tmp_path):
    """A plan of several trees for each student, and a run folder without anything in it."""
    plan = api.plan(api.load_study(write_tiny(tmp_path), SEVERAL_TREES))
    return plan, RunFolder(tmp_path / "run")


class Writer:
    """Stands in for a worker: writes files of the sizes that a trained segment's have, and answers at once."""

    def __init__(self, folder, number, threads, inbox):
        self.folder, self.inbox, self.number, self.step = folder, inbox, number, None

    def start(self, step):
        self.step = step
        kind = "segments" if step in self.sizes else "samples"
        place = self.folder.step_folder(kind, step)
        place.mkdir(parents=True)
        files = self.sizes.get(step, {})
        for name, size in files.items():
            with (place / name).open("wb") as file:
                file.truncate(size)
        (place / "manifest.json").write_text(json.dumps({"schema_version": 1, "files": sorted(files)}))
        self.seen.append(held(self.folder))
        self.inbox.put((self, {"event": "done", "step": step}))

    def stop(self):
        pass


def held(folder):
    files = (*folder.path.rglob(WEIGHTS_FILE), *folder.path.rglob(OPTIMIZER_FILE))
    return sum(path.stat().st_size for path in files)


class Silence:
    def started(self, step):
        pass

    def progressed(self, step, progress):
        pass

    def finished(self, step, error, *, cause=None):
        assert error is None


@pytest.mark.parametrize("keep", ["needed", "all"])
@pytest.mark.parametrize("processes", [1, 2, 5])
def test_no_more_is_ever_on_the_disk_than_the_plan_says(planned, tmp_path, monkeypatch, processes, keep):
    _, folder = planned
    resources = (f"resources.keep={keep}", f"resources.processes={processes}")
    plan = api.plan(api.load_study(tmp_path / "tiny.yaml", (*SEVERAL_TREES, *resources)))
    parents = {segment.parent for segment in plan.segments}
    parameters = {student.name: student.parameters for student in plan.students}
    sizes = {}
    for segment in plan.segments:
        weights = parameters[segment.student] * BYTES_PER_WEIGHT
        sizes[segment.id] = {WEIGHTS_FILE: weights}
        if segment.id in parents:
            sizes[segment.id][OPTIMIZER_FILE] = MOMENTS_PER_WEIGHT * weights
    seen = []
    monkeypatch.setattr(Writer, "sizes", sizes, raising=False)
    monkeypatch.setattr(Writer, "seen", seen, raising=False)
    monkeypatch.setattr(scheduler, "Worker", Writer)
    states = SegmentFiles(plan, folder, keep=keep)
    steps = steps_to_do(plan, folder)
    outcome = Scheduler(folder, processes=processes, threads=1, listener=Silence(), on_settled=states.settled).run(
        steps
    )
    assert len(outcome.completed) == len(steps) and not outcome.failed
    state = max(sum(files.values()) for files in sizes.values())
    assert max(seen) + 2 * processes * state <= plan.peak_disk_bytes  # workers' checkpoints are not written here
    everything = sum(sum(files.values()) for files in sizes.values())
    assert keep == "all" or processes == 5 or plan.peak_disk_bytes < everything


Usage = namedtuple("Usage", "total used free")


def test_a_run_is_refused_where_less_is_free_than_the_peak_less_what_is_written(planned, monkeypatch):
    plan, folder = planned
    steps = steps_to_do(plan, folder)
    kept = folder.step_folder("segments", plan.segments[0].id)
    left = folder.step_folder("segments", "of-another-study")
    for place in (kept, left):
        place.mkdir(parents=True)
        with (place / WEIGHTS_FILE).open("wb") as file:
            file.truncate(1000)

    def free(count):
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: Usage(0, 0, count))

    free(plan.peak_disk_bytes - 1000)
    require_space(plan, folder, steps)
    free(plan.peak_disk_bytes - 1001)
    with pytest.raises(StepError, match="needed at the peak are"):
        require_space(plan, folder, steps)
    require_space(plan, folder, [])
    # students that are trained and not evaluated all stay
    parameters = {student.name: student.parameters for student in plan.students}
    stay = sum(BYTES_PER_WEIGHT * parameters[cell.student] for cell in plan.cells)
    free(plan.peak_disk_bytes - 1000 + stay)
    require_space(plan, folder, steps, evaluates=False)
    free(plan.peak_disk_bytes - 1001 + stay)
    with pytest.raises(StepError, match="needed at the peak are"):
        require_space(plan, folder, steps, evaluates=False)
