"""What training on a sequence costs one student, as coefficients of what all students share. Used by plan/.

Training FLOPs of the `exact` convention are linear in the tokens of a sequence and in its causal pairs of query and
key, so that any set of sequences is priced from two or three sums, whoever learns from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isothink.compute.architecture import Architecture
from isothink.compute.flops import causal_pairs, forward_cost

Window = int | None
"""An attention window in tokens; None: full attention."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingCost:
    """FLOPs of training once on sequences with logits at all positions: exact Python integers."""

    per_token: int
    per_pair: tuple[tuple[Window, int], ...]
    """For each attention window, the FLOPs of one causal pair within it, over all layers that have it."""

    @property
    def windows(self) -> tuple[Window, ...]:
        """The attention windows whose pairs are to be counted."""
        return tuple(window for window, _ in self.per_pair)

    def of(self, tokens: int, pairs: Mapping[Window, int]) -> int:
        """FLOPs of sequences that have so many tokens, and so many causal pairs under each window."""
        return self.per_token * tokens + sum(each * pairs[window] for window, each in self.per_pair)

    def of_sequence(self, length: int) -> int:
        """FLOPs of one sequence."""
        return self.of(length, {window: causal_pairs(length, window) for window in self.windows})


def full_training_cost(architecture: Architecture) -> TrainingCost:
    """The cost of training all weights; equal to `training_flops` for every set of lengths."""
    forward = forward_cost(architecture)
    return TrainingCost(
        per_token=3 * (forward.per_token + forward.per_logits),
        per_pair=tuple((window, 3 * forward.per_pair * layers) for window, layers in forward.windows),
    )


def causal_pairs_of_each(lengths: NDArray[np.int64], window: Window) -> NDArray[np.int64]:
    """Causal pairs of each sequence, as `causal_pairs`; exact below 2^31 tokens."""
    full = lengths if window is None else np.minimum(lengths, window)
    pairs: NDArray[np.int64] = full * (full + 1) // 2 + (lengths - full) * full
    return pairs
