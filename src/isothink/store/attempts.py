"""Attempts: what each try at a step had spent when it was last heard of, so that interrupted work shows as waste.

Workers append one JSON line every now and then; a torn last line is dropped. Used by run/.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from isothink.domain.ledger import LedgerRow

INTERVAL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What was spent on a step so far."""

    flops: float = 0.0
    tokens: int = 0
    seconds: float = 0.0


class Attempt:
    """One try at a step; `spent` may be called at every optimizer step, it writes only now and then.

    `taken_over` is what earlier attempts spent on the state that this one goes on from; its own totals leave it out.
    `share` is how much of the work is done where its FLOPs do not tell that, `kept_share` what of it was done before.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.taken_over = Spent()
        self.share: float | None = None
        self.kept_share = 0.0
        self._path = path
        self._started = time.perf_counter()
        self._written = self._started
        self._unwritten: tuple[float, int] | None = None
        self._file: FileIO | None = None

    def spent(self, flops: float, tokens: int) -> bool:
        """Notes the totals so far; True when they were written."""
        now = time.perf_counter()
        if now - self._written < INTERVAL_SECONDS:
            self._unwritten = (flops, tokens)
            return False
        self._written = now
        self.note(flops, tokens, now - self._started)
        return True

    def note(self, flops: float, tokens: int, seconds: float) -> None:
        """Writes the totals so far. A full disk costs this row, not the work: the next one holds it all again."""
        row = {"attempt": self.name, "flops": flops, "tokens": tokens, "seconds": seconds}
        self._unwritten = None
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
                if not _ends_a_line(self._path):
                    self._file.write(b"\n")
            self._file.write(json.dumps(row).encode() + b"\n")
        except OSError:
            self._close()  # opened anew, it is looked at for half a line

    @property
    def seconds(self) -> float:
        """Wall time since the attempt began."""
        return time.perf_counter() - self._started

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._unwritten is not None:
            self.note(*self._unwritten, self.seconds)
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def _ends_a_line(path: Path) -> bool:
    """Whether the next line would stand alone: a killed writer may have left half of one."""
    data = path.read_bytes()
    return not data or data.endswith(b"\n")


def wasted(path: Path, step: str, *, finished: str | None, taken_over: Spent | None = None) -> LedgerRow | None:
    """What all attempts but the `finished` one spent on a step, or None where there was none.

    What the finished attempt took over from them, by way of a checkpoint, was not wasted.
    """
    last: dict[str, dict[str, float]] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    for line in lines[:-1]:
        try:
            row = json.loads(line)
            last[str(row["attempt"])] = {key: float(row[key]) for key in ("flops", "tokens", "seconds")}
        except (ValueError, KeyError, TypeError):
            continue  # torn by a kill or a full disk
    kept = taken_over or Spent()
    lost = [row for name, row in last.items() if name != finished]
    flops = max(0.0, sum(row["flops"] for row in lost) - kept.flops)
    tokens = max(0, int(sum(row["tokens"] for row in lost)) - kept.tokens)
    seconds = max(0.0, sum(row["seconds"] for row in lost) - kept.seconds)
    if not (flops or tokens or seconds):
        return None
    return LedgerRow(phase="waste", step=step, flops=flops, hardware_flops=None, tokens=tokens, seconds=seconds)
