"""The last state inside a segment, so that an interruption costs minutes. Written and read by run/training.py.

`checkpoints/SEGMENT/stepNNN/` holds what training goes on from, the metrics so far, and a manifest with the digest of
every file. It is filled beside its place and renamed; the one before goes afterwards. So there is always a whole one,
and a kill at any moment leaves at most one more.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import Field

from isothink.domain.record import Record
from isothink.errors import RunFolderError
from isothink.plan.record import Plan, Segment
from isothink.store.run_folder import CHECKPOINTS, MANIFEST, RunFolder, filled_beside, read_record, write_text

Say = Callable[[str], None]


class CheckpointManifest(Record):
    """What a checkpoint says of itself: where it stands on the way to which segment, and what it took to get there.

    `steps` counts the optimizer steps of the segment that are done. `parent` and `first_step` say where the segment
    began: after a change of the study the same end may be reached from elsewhere, with other metrics on the way.
    """

    schema_version: int = 1
    segment: str
    parent: str | None
    first_step: int
    steps: int
    flops: int
    hardware_flops: int
    tokens: int
    seconds: float
    files: dict[str, str] = Field(default_factory=dict)
    """The SHA-256 of each file."""


class Checkpoints:
    """The checkpoints of one segment."""

    def __init__(self, folder: RunFolder, segment: Segment) -> None:
        self._place = folder.checkpoints(segment.id)
        self._segment = segment

    def whole(self, say: Say) -> Iterator[tuple[Path, CheckpointManifest]]:
        """The folders that training can go on from, the last first; of the others `say` hears why not."""
        for place in sorted(self._place.glob("step*"), reverse=True):
            try:
                manifest = read_record(place / MANIFEST, CheckpointManifest)
            except RunFolderError as error:
                say(f"checkpoint {place.name} is ignored: {error}")
                continue
            problem = "it has no manifest" if manifest is None else self._problem(place, manifest)
            if manifest is None or problem is not None:
                say(f"checkpoint {place.name} is ignored: {problem}")
            else:
                yield place, manifest

    def write(self, manifest: CheckpointManifest, fill: Callable[[Path], None]) -> None:
        """Keeps a state that `fill` writes into a folder, in place of the one before."""
        place = self._place / f"step{manifest.steps:09}"
        with filled_beside(place) as beside:
            fill(beside)
            whole = manifest.model_copy(update={"files": _digests(beside)})
            write_text(beside / MANIFEST, json.dumps(whole.model_dump(), indent=1) + "\n")
        for other in self._place.glob("step*"):
            if other != place:
                _remove(other)

    def remove(self) -> None:
        """Removes them all: the segment is complete."""
        for place in self._place.glob("step*"):
            _remove(place)
        shutil.rmtree(self._place, ignore_errors=True)

    def _problem(self, place: Path, manifest: CheckpointManifest) -> str | None:
        segment = self._segment
        if (manifest.segment, manifest.parent, manifest.first_step) != (segment.id, segment.parent, segment.first_step):
            return "it belongs to another way to this segment"
        if not 0 < manifest.steps < segment.steps:
            return f"it stands at step {manifest.steps} of {segment.steps}"
        try:
            digests = _digests(place)
        except OSError as error:
            return str(error)
        wrong = sorted(name for name in manifest.files if digests.get(name) != manifest.files[name])
        return f"{', '.join(wrong)}: damaged" if wrong else None


def forget_checkpoints(plan: Plan, folder: RunFolder) -> None:
    """Removes those of segments that are complete, or planned no more; only the holder of the lock may call this."""
    planned = {segment.id for segment in plan.segments}
    for place in (folder.path / CHECKPOINTS).glob("*"):
        if place.name not in planned or folder.manifest("segments", place.name) is not None:
            shutil.rmtree(place, ignore_errors=True)


def _remove(place: Path) -> None:
    """The manifest goes first: whatever a kill leaves of the rest is no checkpoint."""
    (place / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    with ThreadPoolExecutor(max_workers=max(1, min(len(files), os.cpu_count() or 1))) as pool:
        digests = pool.map(_digest, files)
        return {str(path.relative_to(folder)): digest for path, digest in zip(files, digests, strict=True)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
