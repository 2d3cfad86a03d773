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
        return self._base_caps

    @cached_property
    def _base_caps(self) -> Floats:
        if not self.values.size:
            return np.ones(len(self.keys))
        highest = np.where(self.counts > 0, np.max(np.nan_to_num(self.values, nan=-np.inf), axis=1), 0.0)
        return np.where(np.isnan(self.caps) | (highest >= self.caps), 1.0, self.caps)

    @cached_property
    def groups(self) -> tuple[Floats, npt.NDArray[np.int_]]:
        """Sets of series: who belongs to each [sets, series], and the sets of each series [series, sets of it].

        A series belongs to the set of all, to one of its level of each column, and to one of its own.
        """
        count = len(self.keys)
        named = [((-1, ""), *enumerate(key), (-2, str(row))) for row, key in enumerate(self.keys)]
        places = {name: place for place, name in enumerate(dict.fromkeys(name for names in named for name in names))}
        own = np.array([[places[name] for name in names] for names in named], dtype=int).reshape(count, -1)
        members = np.zeros((len(places), count))
        members[own, np.arange(count)[:, None]] = 1.0
        return members, own
