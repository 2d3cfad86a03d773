"""The run folder: where each artifact of a study lies, and how it gets there whole. Used by every stage that stores.

Files are written beside their place and renamed; a folder counts as complete when its `manifest.json` is there, which
is written last. Nothing is ever written outside the folder.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from isothink.domain.record import Record
from isothink.errors import RunFolderError

Stored = TypeVar("Stored", bound=Record)

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
KINDS = ("pairs", "pilots", "corpus", "segments", "samples")
CHECKPOINTS = "checkpoints"
ANSWERS = "answers"
IMPORTS = "imports"


class RunFolder:
    """Paths and atomic writes under one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    study_file = property(lambda self: self.path / "study.yaml")
    plan_file = property(lambda self: self.path / "plan.json")
    evidence_file = property(lambda self: self.path / "evidence.json")
    report_file = property(lambda self: self.path / "report.html")
    lock_file = property(lambda self: self.path / "lock")
    replies = property(lambda self: self.path / "replies")

    def step_folder(self, kind: str, step: str) -> Path:
        """Where the artifact of one step lies: `pairs`, `corpus`, `segments` or `samples`, then the step's id."""
        return self.path / kind / step

    def checkpoints(self, step: str) -> Path:
        """Where the last states inside a step lie while it is not complete, one folder each."""
        return self.path / CHECKPOINTS / step

    def answers(self, identity: str) -> Path:
        """The journal of one student's answers while they are not all scored."""
        return self.path / ANSWERS / identity

    def log_file(self, step: str) -> Path:
        """The log of one step."""
        return self.path / "logs" / f"{step}.log"

    def attempts_file(self, step: str) -> Path:
        """What each attempt at a step had spent when it was last heard of."""
        return self.path / "logs" / f"{step}.attempts.jsonl"

    def failure_file(self, step: str) -> Path:
        """Why a step failed; absent when it has not."""
        return self.path / "failures" / f"{step}.json"

    def failed_steps(self) -> frozenset[str]:
        """The steps that failed when they were last tried."""
        return frozenset(path.stem for path in (self.path / "failures").glob("*.json"))

    def imports(self) -> list[str]:
        """The ids of all complete imports, in order."""
        return sorted(path.parent.name for path in (self.path / IMPORTS).glob(f"*/{MANIFEST}"))

    def exists(self) -> bool:
        """Whether a study was ever run here."""
        there: bool = self.study_file.is_file()
        return there

    def manifest(self, kind: str, step: str) -> dict[str, Any] | None:
        """The manifest of a complete step, or None where the step is not complete."""
        return read_json(self.step_folder(kind, step) / MANIFEST)

    def manifests(self, kind: str) -> Iterator[dict[str, Any]]:
        """The manifests of all complete steps of a kind, of whatever plan."""
        for path in sorted((self.path / kind).glob(f"*/{MANIFEST}")):
            manifest = read_json(path)
            if manifest is not None:
                yield manifest

    @contextmanager
    def writing(self, kind: str, step: str) -> Iterator[Path]:
        """A folder to fill that takes its place under `kind`/`step` when the block ends without an error.

        The first writer wins: where the step is complete already, what was written is thrown away.
        """
        with filled_beside(self.step_folder(kind, step)) as beside:
            yield beside

    def remove_partial(self) -> None:
        """Removes what interrupted writers left; only the holder of the lock may call this."""
        for kind in (*KINDS, f"{CHECKPOINTS}/*"):
            for leftover in self.path.glob(f"{kind}/.*.partial"):
                shutil.rmtree(leftover, ignore_errors=True)
        for leftover in (*self.path.glob(".*.partial"), *self.path.glob("failures/.*.partial")):
            leftover.unlink(missing_ok=True)


@contextmanager
def filled_beside(place: Path) -> Iterator[Path]:
    """A folder to fill that becomes `place` when the block ends without an error, whole and on the disk, or not at all.

    The first writer wins: where `place` has its manifest already, what was written is thrown away.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.parent / f".{place.name}.{uuid.uuid4().hex[:8]}.partial"
    beside.mkdir()
    try:
        yield beside
        if not (beside / MANIFEST).exists():
            raise RunFolderError(f"{place} was left without its {MANIFEST}")
        _sync_folder(beside)
        if not (place / MANIFEST).exists():
            shutil.rmtree(place, ignore_errors=True)
        try:
            beside.rename(place)
        except OSError:  # another worker finished first: its folder is not empty
            if not (place / MANIFEST).exists():
                raise
        _sync(place.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    """Flushes `folder` to the disk, so that a manifest never outlives the data it vouches for."""
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Writes a file beside its place and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.partial"
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Writes JSON (no NaN, no infinity) beside its place and renames it."""
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is no file.

    Raises:
        RunFolderError: the file is damaged, or a newer version wrote it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}", hint="remove it to have it made anew") from None
    if not isinstance(data, dict):
        raise RunFolderError(f"{path}: found no JSON object", hint="remove it to have it made anew")
    version = data.get("schema_version", 0)
    if not isinstance(version, int):
        raise RunFolderError(f"{path}: schema_version: found {version!r}, allowed are whole numbers")
    if version > SCHEMA_VERSION:
        raise RunFolderError(
            f"{path}: schema_version {version} is newer than this program, which reads {SCHEMA_VERSION}"
        )
    return data


def read_record(path: Path, record: type[Stored]) -> Stored | None:
    """A stored record, or None where there is no file.

    Raises:
        RunFolderError: the file is damaged, or another version wrote it.
    """
    data = read_json(path)
    if data is None:
        return None
    try:
        return record.model_validate_json(json.dumps(data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RunFolderError(f"{path}: {where}: {first['msg']}", hint="remove it to have it made anew") from None


def run_of(path: Path) -> Path:
    """The run folder whose own study.yaml `path` is, wherever it was moved to; else `path`."""
    return path.parent if path.name == "study.yaml" and (path.parent / "lock").is_file() else path
