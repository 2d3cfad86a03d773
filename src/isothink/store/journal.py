"""A journal of what models wrote: one JSON line per reply or answer, appended as it comes, never changed. Used by run/.

Rows are keyed by what was asked, never by position, so that reordered and extended prompt files resume right
(argilla-io/distilabel#1065, bespokelabsai/curator#564). Every attempt appends to a file of its own: what a killed
writer left torn is a last line without its end, and is dropped. A reply replaces a failure of the same key.
"""

import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from isothink.errors import RunFolderError, StepError

_OFFSET_BITS = 48
SYNC_SECONDS = 5.0


class Journal:
    """Appends rows and finds them again; at most one process has it open for writing.

    Memory is a key and a number per row, whatever the rows hold.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._readers: dict[int, BinaryIO] = {}
        self._index: dict[bytes, int] = {}
        self._failed: set[bytes] = set()
        self._writer: int | None = None
        self._lock: int | None = None
        self._stopping = threading.Event()
        self._syncer: threading.Thread | None = None
        self._sync_error: OSError | None = None
        self.seconds = 0.0
        """Wall time of earlier attempts."""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # a worker whose scheduler was killed ends within a moment
        self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers = {}
        self._stopping.set()
        if self._syncer is not None:
            self._syncer.join()
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __contains__(self, key: str) -> bool:
        return key.encode() in self._index

    def __len__(self) -> int:
        return len(self._index)

    def has_failed(self, key: str) -> bool:
        """Whether the row of that key says that a request failed for good."""
        return key.encode() in self._failed

    @property
    def failures(self) -> int:
        """How many rows say that a request failed for good."""
        return len(self._failed)

    def forget_failures(self) -> int:
        """Takes requests that failed so far for not asked, for good; returns how many they are."""
        count = len(self._failed)
        if count:
            self._add({"forget_failures": True, "at": time.time()})
            self._drop(list(self._failed))
        return count

    def forget(self, keys: Iterable[str]) -> None:
        """Takes these questions for not asked, for good; their rows stay in the files, as all do."""
        known = [key for key in keys if key in self]
        if known:
            self._add({"forget": known, "at": time.time()})
            self._drop(key.encode() for key in known)

    def append(self, key: str, facts: dict[str, Any], *, failed: bool = False) -> None:
        """Adds a row. It outlives the process from here on, and the machine's power a few seconds later.

        Raises:
            StepError: the disk is full, or cannot be written; what was there before is untouched.
        """
        place = self._add({"key": key, "at": time.time(), "failed": failed, **facts})
        self._note(key.encode(), len(self._files) - 1, place, failed)

    def _add(self, row: dict[str, Any]) -> int:
        """Appends a line and returns where it begins."""
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        try:
            if self._writer is None:
                self._open_writer()
            assert self._writer is not None
            start = os.lseek(self._writer, 0, os.SEEK_CUR)
            self._write(line, start)
            self._raise_sync_error()
        except OSError as error:
            raise StepError(
                f"{self._folder}: cannot be written: {error.strerror}; the {len(self._index)} replies before are kept",
                hint="free some space; the same command goes on",
            ) from None
        return start

    def _drop(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._index.pop(key, None)
            self._failed.discard(key)

    def get(self, key: str) -> dict[str, Any] | None:
        """The row of that key, or None where there is none.

        Raises:
            RunFolderError: the file was changed since it was read.
        """
        place = self._index.get(key.encode())
        if place is None:
            return None
        number, offset = place >> _OFFSET_BITS, place & ((1 << _OFFSET_BITS) - 1)
        reader = self._readers.get(number)
        if reader is None:
            reader = self._readers[number] = self._files[number].open("rb")
        reader.seek(offset)
        try:
            row = json.loads(reader.readline())
            if row["key"] == key:
                return row  # type: ignore[no-any-return]
        except (ValueError, KeyError, TypeError):
            pass
        raise RunFolderError(f"{self._files[number]}: changed while it was read", hint="run the same command again")

    def _open_writer(self) -> None:
        path = self._folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.jsonl"
        self._writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._files.append(path)
        self._syncer = threading.Thread(target=self._sync, args=(self._writer,), daemon=True)
        self._syncer.start()
        self._write(json.dumps({"started": time.time()}).encode() + b"\n", 0)

    def _sync(self, writer: int) -> None:
        """Flushes to the disk every now and then, in a thread: a slow disk must not keep a server waiting."""
        stopped = False
        while not stopped and self._sync_error is None:
            stopped = self._stopping.wait(SYNC_SECONDS)
            try:
                os.fsync(writer)
            except OSError as error:
                self._sync_error = error

    def _raise_sync_error(self) -> None:
        if self._sync_error is not None:
            raise self._sync_error

    def _write(self, line: bytes, start: int) -> None:
        """Writes a whole line or nothing."""
        assert self._writer is not None
        try:
            done = 0
            while done < len(line):
                done += os.write(self._writer, line[done:])
        except OSError:
            os.ftruncate(self._writer, start)
            os.lseek(self._writer, start, os.SEEK_SET)
            raise

    def _note(self, key: bytes, number: int, offset: int, failed: bool) -> None:
        if failed and key in self._index and key not in self._failed:
            return  # a reply is never replaced by a failure, whichever clock wrote them
        self._index[key] = number << _OFFSET_BITS | offset
        if failed:
            self._failed.add(key)
        else:
            self._failed.discard(key)

    def _read(self) -> None:
        for path in sorted(self._folder.glob("*.jsonl")):
            self._files.append(path)
            started = last = None
            for offset, row in _rows(path):
                if "started" in row:
                    started = last = float(row["started"])
                elif "forget_failures" in row:
                    self._drop(list(self._failed))
                elif isinstance(row.get("forget"), list):
                    self._drop(str(key).encode() for key in row["forget"])
                elif isinstance(row.get("key"), str):
                    self._note(row["key"].encode(), len(self._files) - 1, offset, row.get("failed") is True)
                    last = float(row["at"])
            if started is not None and last is not None:
                self.seconds += max(0.0, last - started)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Offset and content of every whole line that holds an object; a line that a crash tore is left out."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                try:
                    row = json.loads(line)
                except ValueError:
                    row = None
                if isinstance(row, dict):
                    yield offset, row
            offset += len(line)
