"""From a compute budget back to steps and tokens, under the `exact` convention: the inverses of flops.py.

The plan asks how many batches, sequences or output tokens a budget pays for. All return the largest number whose cost
is at most the budget, in exact integers.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isothink.compute.architecture import Architecture
from isothink.compute.flops import inference_flops, training_flops, training_flops_per_sequence
from isothink.compute.lengths import token_count
from isothink.errors import UsageError


def cumulative_training_flops(architecture: Architecture, lengths: Iterable[int] | NDArray[Any]) -> NDArray[np.object_]:
    """FLOPs of training once on the first 1, 2, ... sequences; exact Python ints in an object array."""
    each = training_flops_per_sequence(architecture, lengths)
    result: NDArray[np.object_] = np.cumsum(each, dtype=object) if len(each) else each
    return result


def affordable_sequences(architecture: Architecture, lengths: Iterable[int] | NDArray[Any], budget_flops: int) -> int:
    """How many leading sequences the budget pays for."""
    return bisect_right(cumulative_training_flops(architecture, lengths).tolist(), _budget(budget_flops))


def affordable_batches(
    architecture: Architecture, lengths: Iterable[int] | NDArray[Any], batch_sequences: int, budget_flops: int
) -> int:
    """How many leading whole batches of `batch_sequences` sequences the budget pays for; a short last batch counts."""
    batch_sequences = token_count("batch_sequences", batch_sequences)
    totals = cumulative_training_flops(architecture, lengths).tolist()
    ends = totals[batch_sequences - 1 :: batch_sequences]
    if len(totals) % batch_sequences:
        ends.append(totals[-1])
    return bisect_right(ends, _budget(budget_flops))


def affordable_tokens(architecture: Architecture, length: int, budget_flops: int) -> int:
    """Training tokens that the budget pays for in whole sequences of this length."""
    length = token_count("length", length)
    return _budget(budget_flops) // training_flops(architecture, [length]) * length


def longest_training_length(architecture: Architecture, budget_flops: int) -> int:
    """Tokens of the longest single sequence that the budget pays to train on once; 0 if not even one token."""
    return _largest(lambda length: training_flops(architecture, [length]), _budget(budget_flops))


def affordable_output_tokens(architecture: Architecture, prompt_tokens: int, budget_flops: int) -> int:
    """Output tokens that the budget pays for after this prompt, its prefill included; 0 if not even the first."""
    return _largest(lambda tokens: inference_flops(architecture, prompt_tokens, tokens), _budget(budget_flops))


def _budget(flops: int) -> int:
    """The budget as an integer; a float such as 1e18, as written in study files, is exact enough to be one."""
    if isinstance(flops, bool) or not isinstance(flops, int | float | np.integer | np.floating):
        raise UsageError(f"budget is {flops!r}; it must be a number of FLOPs")
    if not 0 <= flops < float("inf"):
        raise UsageError(f"budget is {flops!r} FLOPs; it must be finite and not negative")
    return int(flops)


def _largest(cost: Callable[[int], int], budget: int) -> int:
    """The largest count from 1 whose cost fits the budget, 0 if none does; the cost must grow with the count."""
    if cost(1) > budget:
        return 0
    fits, exceeds = 1, 2
    while cost(exceeds) <= budget:
        fits, exceeds = exceeds, exceeds * 2
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        fits, exceeds = (middle, exceeds) if cost(middle) <= budget else (fits, middle)
    return fits
