"""Lengths of sequences: checked, and costed once per distinct length. For flops.py and conventions.py.

Totals reach 1e24, beyond 64-bit integers, so costs are Python ints; a million sequences have few distinct lengths.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isothink.errors import UsageError


def length_array(lengths: Iterable[int] | NDArray[Any]) -> NDArray[np.int64]:
    """The lengths, in tokens, as a one-dimensional array.

    Raises UsageError if one is negative or not a whole number.
    """
    array = np.asarray(lengths if isinstance(lengths, np.ndarray) else list(lengths))
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UsageError(f"lengths must be a flat list of whole numbers, not {array.ndim}-dimensional {array.dtype}")
    if array.min() < 0 or array.max() > np.iinfo(np.int64).max:
        raise UsageError(f"lengths must be from 0 to 2^63 - 1 tokens, not {array.min()} to {array.max()}")
    return array.astype(np.int64, copy=False)


def cost_of_each(lengths: Iterable[int] | NDArray[Any], cost: Callable[[int], int]) -> NDArray[np.object_]:
    """The cost of each sequence: exact Python ints in an object array, in the order of the lengths."""
    distinct, places = np.unique(length_array(lengths), return_inverse=True)
    costs = np.empty(len(distinct), dtype=object)
    costs[:] = [cost(length) for length in distinct.tolist()]
    result: NDArray[np.object_] = costs[places]
    return result


def cost_of_all(lengths: Iterable[int] | NDArray[Any], cost: Callable[[int], int]) -> int:
    """The exact sum of the costs of all sequences."""
    distinct, counts = np.unique(length_array(lengths), return_counts=True)
    return sum(cost(length) * count for length, count in zip(distinct.tolist(), counts.tolist(), strict=True))


def token_count(name: str, value: int, least: int = 1) -> int:
    """The value, if it is a whole number of at least `least` tokens; raises UsageError that calls it `name`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise UsageError(f"{name} is {value!r}; it must be a whole number of at least {least}")
    return int(value)
