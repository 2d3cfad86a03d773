"""Keeps the optimizer's state at a branch point until its last child is complete. Called by run/pipeline.py."""

import shutil
import uuid
from collections import defaultdict

from isothink.plan.record import Plan
from isothink.run.scheduler import Step
from isothink.store.attempts import Attempt
from isothink.store.run_folder import MANIFEST, RunFolder
from isothink.student.protocol import OPTIMIZER_FILE


class BranchStates:
    """Removes states that nothing planned needs any more."""

    def __init__(self, plan: Plan, folder: RunFolder) -> None:
        self._folder = folder
        self._parents = {segment.id: segment.parent for segment in plan.segments}
        self._children: dict[str, list[str]] = defaultdict(list)
        for segment in plan.segments:
            if segment.parent is not None:
                self._children[segment.parent].append(segment.id)

    def settled(self, step: str) -> None:
        """Called after each step: removes the parent's state if this was the last child that needed it."""
        parent = self._parents.get(step)
        if parent is None:
            return
        if all(self._folder.manifest("segments", child) is not None for child in self._children[parent]):
            (self._folder.step_folder("segments", parent) / OPTIMIZER_FILE).unlink(missing_ok=True)

    def forget_unneeded(self) -> None:
        """Removes what a kill between a last child and its clean-up left behind."""
        for step in self._parents:
            self.settled(step)

    def forget_stateless(self, steps: list[Step]) -> None:
        """Makes room for complete segments that are done again for their lost state; what they cost becomes waste."""
        for step in steps:
            if step.id not in self._parents:
                continue
            manifest = self._folder.manifest("segments", step.id)
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
