"""Rows of different lengths in two flat arrays, in memory or in a file that is mapped: a corpus need not fit in memory.

A file holds the values of all rows as little-endian int32, one row after the other, and nothing else; their lengths are
kept elsewhere.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from isothink.errors import RunFolderError

TOKEN_TYPE = "<i4"


@dataclass(frozen=True, kw_only=True)
class Ragged:
    """Row i is `values[offsets[i]:offsets[i + 1]]`; `values` int32, `offsets` int64 of shape [rows + 1]."""

    values: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> npt.NDArray[np.int32]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The length of each row."""
        return np.diff(self.offsets)

    def rows(self) -> list[list[int]]:
        """All rows as lists."""
        return [self[row].tolist() for row in range(len(self))]


class RaggedRows:
    """Ragged rows as they come, in memory."""

    def __init__(self) -> None:
        self._values = array("i")
        self._lengths = array("q")

    def add(self, row: Sequence[int]) -> None:
        """Adds a row."""
        self._values.extend(row)
        self._lengths.append(len(row))

    def ragged(self) -> Ragged:
        """What was added."""
        return Ragged(
            values=np.frombuffer(self._values, dtype=np.int32) if self._values else np.empty(0, dtype=np.int32),
            offsets=_offsets(self._lengths),
        )


def ragged(rows: Iterable[Sequence[int]]) -> Ragged:
    """Lists as ragged rows."""
    made = RaggedRows()
    for row in rows:
        made.add(row)
    return made.ragged()


def token_bytes(row: Sequence[int]) -> bytes:
    """A row as its file holds it."""
    return np.asarray(row, dtype=TOKEN_TYPE).tobytes()


def write_row(file: BinaryIO, row: Sequence[int]) -> None:
    """Appends a row to a file."""
    file.write(token_bytes(row))


def map_ragged(path: Path, lengths: npt.NDArray[np.int64]) -> Ragged:
    """The rows of a file, read from the disk as they are looked at.

    Raises:
        RunFolderError: the file is missing, or is not as long as its rows.
    """
    offsets = _offsets(lengths)
    wanted = int(offsets[-1]) * np.dtype(TOKEN_TYPE).itemsize
    found = path.stat().st_size if path.is_file() else -1
    if found != wanted:
        raise RunFolderError(
            f"{path}: found {'no file' if found < 0 else f'{found} bytes'}, expected {wanted} bytes",
            hint="remove its folder to have it made anew",
        )
    # an empty file cannot be mapped; a plain view of a map is cheaper to slice than the map itself
    values = np.asarray(np.memmap(path, dtype=TOKEN_TYPE, mode="r")) if wanted else np.empty(0, dtype=np.int32)
    return Ragged(values=values, offsets=offsets)


def _offsets(lengths: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(np.asarray(lengths, dtype=np.int64), out=offsets[1:])
    return offsets
