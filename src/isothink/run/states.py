"""What the files of a trained segment are needed for, and their removal. Called by run/pipeline.py and todo.py."""

import shutil
import uuid
from collections import defaultdict

from isothink.domain.study import Keep
from isothink.plan.record import Plan
from isothink.run.publication import is_missing_on_the_hub
from isothink.run.scheduler import Step
from isothink.store.attempts import Attempt
from isothink.store.run_folder import MANIFEST, RunFolder
from isothink.store.tables import METRICS_FILE
from isothink.student.protocol import OPTIMIZER_FILE, WEIGHTS_FILE

CARD_FILE = "README.md"
STAYS = frozenset({MANIFEST, METRICS_FILE, CARD_FILE})
"""What stays of every segment: what it was, what it cost, how it went."""


def has_weights(folder: RunFolder, segment: str) -> bool:
    """Whether a complete segment can be evaluated."""
    files = _files(folder, segment)
    return bool(files) and all(name == OPTIMIZER_FILE or _there(folder, segment, name) for name in files)


def has_state(folder: RunFolder, segment: str) -> bool:
    """Whether another segment can go on from a complete one."""
    return has_weights(folder, segment) and _there(folder, segment, OPTIMIZER_FILE)


def _files(folder: RunFolder, segment: str) -> list[str]:
    manifest = folder.manifest("segments", segment)
    return [] if manifest is None else list(manifest.get("files", (WEIGHTS_FILE,)))


def _there(folder: RunFolder, segment: str, name: str) -> bool:
    return (folder.step_folder("segments", segment) / name).is_file()


class SegmentFiles:
    """Removes what nothing planned reads any more.

    The state of an optimizer is read by the segments that go on from it. So are the weights, and by the evaluations of
    the cells that end there; with `keep: all`, or where an upload failed, they stay all the same.
    """

    def __init__(self, plan: Plan, folder: RunFolder, *, keep: Keep) -> None:
        self._folder = folder
        self._keep = keep
        self._children: dict[str, list[str]] = {segment.id: [] for segment in plan.segments}
        self._evaluations: dict[str, list[str]] = defaultdict(list)
        self._reads: dict[str, str] = {}
        for segment in plan.segments:
            if segment.parent is not None:
                self._children[segment.parent].append(segment.id)
                self._reads[segment.id] = segment.parent
        for student in plan.answering:
            if student.samples is not None:
                self._evaluations[student.path[-1]].append(student.samples)
                self._reads[student.samples] = student.path[-1]

    def settled(self, step: str) -> None:
        """Called after each step: removes what it was the last to read, and what of its own nobody will read."""
        for segment in (self._reads.get(step), step):
            if segment in self._children:
                self._clear(segment)

    def forget_unneeded(self) -> None:
        """Removes what a kill between a last reader and its clean-up left behind, or another `keep` did."""
        for segment in self._children:
            self._clear(segment)

    def forget_stateless(self, steps: list[Step]) -> None:
        """Makes room for complete segments that are done again for their lost files; what they cost becomes waste."""
        for step in steps:
            manifest = self._folder.manifest("segments", step.id) if step.id in self._children else None
            if manifest is None:
                continue
            rows = manifest["ledger"]  # training, and what was wasted before it: together they replace all attempts
            self._folder.attempts_file(step.id).unlink(missing_ok=True)
            with Attempt(self._folder.attempts_file(step.id), f"state-gone-{uuid.uuid4().hex}") as attempt:
                spent = [sum(row[name] for row in rows) for name in ("flops", "tokens", "seconds")]
                attempt.note(*spent)
            place = self._folder.step_folder("segments", step.id)
            (place / MANIFEST).unlink()  # first: whatever a kill leaves of the rest is no complete segment
            shutil.rmtree(place)

    def _clear(self, segment: str) -> None:
        folder = self._folder
        if folder.manifest("segments", segment) is None:
            return
        if any(folder.manifest("segments", child) is None for child in self._children[segment]):
            return
        place = folder.step_folder("segments", segment)
        (place / OPTIMIZER_FILE).unlink(missing_ok=True)
        evaluations = self._evaluations[segment]
        if self._keep == "all" or not (self._children[segment] or evaluations):
            return  # what nothing reads is a result
        if is_missing_on_the_hub(folder, segment):
            return
        if all(folder.manifest("samples", step) is not None for step in evaluations):
            for path in place.iterdir():
                if path.name not in STAYS:
                    path.unlink()
