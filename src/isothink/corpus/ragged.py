"""Rows of different lengths in two flat arrays, so that a corpus of a million sequences loads at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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


def ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    """Lists as ragged rows."""
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    values = np.fromiter((value for row in rows for value in row), dtype=np.int32, count=int(offsets[-1]))
    return Ragged(values=values, offsets=offsets)
