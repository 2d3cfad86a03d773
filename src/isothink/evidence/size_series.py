"""Values by size for several series, as arrays: what a prediction is made from. Made by run/prediction.py."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from isothink.evidence.observations import Floats
from isothink.evidence.value_scale import ScaleName

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SizeSeries:
    """`values[series, sizes]` with NaN where a cell is missing; shares of 1 on the logit scale, positive on the other.

    `keys[series]` are the series' names by column, in one order of columns for all; `caps[series]` is NaN where
    unknown.
    """

    keys: tuple[tuple[str, ...], ...]
    sizes: Floats
    values: Floats
    caps: Floats
    scale: ScaleName = "logit"

    def without(self, hidden: Booleans) -> "SizeSeries":
        """The same without some sizes, as if they had never been seen."""
        return replace(self, sizes=self.sizes[~hidden], values=self.values[:, ~hidden])

    @property
    def counts(self) -> npt.NDArray[np.int_]:
        """The number of sizes of each series."""
        return np.asarray((~np.isnan(self.values)).sum(axis=1))

    def base_caps(self) -> Floats:
        """The caps, where known and not yet reached; 1 elsewhere."""
        if not self.values.size:
            return np.ones(len(self.keys))
        highest = np.where(self.counts > 0, np.max(np.nan_to_num(self.values, nan=-np.inf), axis=1), 0.0)
        return np.where(np.isnan(self.caps) | (highest >= self.caps), 1.0, self.caps)

    @cached_property
    def groups(self) -> list[list[Booleans]]:
        """For each series the sets of series it belongs to: all, those of its level of each column, itself."""
        count = len(self.keys)
        columns = range(len(self.keys[0])) if count else range(0)
        everything = np.ones(count, dtype=bool)
        levels = {
            (column, level): np.array([key[column] == level for key in self.keys])
            for column in columns
            for level in {key[column] for key in self.keys}
        }
        return [
            [everything, *(levels[column, key[column]] for column in columns), np.arange(count) == index]
            for index, key in enumerate(self.keys)
        ]
