"""Model FLOPs of training, prefill and decoding under the `exact` convention, in closed form and in exact integers.

One multiply and one add are 2 FLOPs; matrix products only. Causal attention, over the actual length of every sequence:
never over padding, never over a packed row as if it were one sequence. The plan, the ledger and the verdict call these.
Source of the terms: Kaplan et al. 2020 (arXiv:2001.08361, table 1), with attention counted as causal, and grouped-query
attention (arXiv:2305.13245), windows (arXiv:2310.06825) and experts counted as they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isothink.compute.architecture import Architecture
from isothink.compute.lengths import cost_of_all, cost_of_each, token_count


@dataclass(frozen=True, kw_only=True)
class ForwardCost:
    """What one forward pass costs, in FLOPs, taken apart into the terms that grow differently."""

    per_token: int
    """Projections and feed-forward parts of all layers, for one token."""
    per_pair: int
    """Scores and weighted values of one layer, for one pair of query and key."""
    per_logits: int
    """The vocabulary logits at one position."""
    windows: tuple[tuple[int | None, int], ...]
    """Each attention window and how many layers have it."""
    layers: int

    def causal(self, tokens: int, logits_at: int) -> int:
        """FLOPs of a causal forward pass over one sequence with logits at some of its positions."""
        pairs = sum(layers * causal_pairs(tokens, window) for window, layers in self.windows)
        return tokens * self.per_token + pairs * self.per_pair + logits_at * self.per_logits

    def noncausal(self, tokens: int, logits_at: int) -> int:
        """The same with every query attending to every key, as eager code computes it and FLOP counters count it."""
        pairs = self.layers * tokens * tokens
        return tokens * self.per_token + pairs * self.per_pair + logits_at * self.per_logits


def causal_pairs(tokens: int, window: int | None) -> int:
    """Pairs of query and key that causal attention computes: the sum over i = 1..tokens of min(i, window)."""
    full = tokens if window is None else min(tokens, window)
    return full * (full + 1) // 2 + (tokens - full) * full


def forward_cost(architecture: Architecture) -> ForwardCost:
    """The terms of a forward pass of this architecture."""
    hidden_size = architecture.hidden_size
    weights = architecture.layers * architecture.attention_matmul_weights()
    weights += sum(part.active_matmul_weights(hidden_size) for part in architecture.feed_forwards)
    return ForwardCost(
        per_token=2 * weights,
        per_pair=4 * architecture.query_heads * architecture.head_size,
        per_logits=2 * architecture.vocabulary_size * hidden_size,
        windows=tuple(architecture.window_counts().items()),
        layers=architecture.layers,
    )


def forward_flops(architecture: Architecture, tokens: int, logits_at: int) -> int:
    """FLOPs of a forward pass over one sequence with logits at `logits_at` of its positions."""
    return forward_cost(architecture).causal(token_count("tokens", tokens, 0), token_count("logits_at", logits_at, 0))


def training_flops(architecture: Architecture, lengths: Iterable[int] | NDArray[Any]) -> int:
    """FLOPs of training once on sequences of these lengths: 1x forward, 2x backward, logits at all positions.

    Raises UsageError for a length that is negative or not whole.
    """
    cost = forward_cost(architecture)
    return cost_of_all(lengths, lambda length: 3 * cost.causal(length, length))


def training_flops_per_sequence(
    architecture: Architecture, lengths: Iterable[int] | NDArray[Any]
) -> NDArray[np.object_]:
    """FLOPs of training once on each sequence, in the order of the lengths; exact Python ints in an object array."""
    cost = forward_cost(architecture)
    return cost_of_each(lengths, lambda length: 3 * cost.causal(length, length))


def prefill_flops(architecture: Architecture, prompt_tokens: int) -> int:
    """FLOPs of reading a prompt: logits at its last position only, which give the first output token."""
    return forward_cost(architecture).causal(token_count("prompt_tokens", prompt_tokens), 1)


def decode_flops(architecture: Architecture, prompt_tokens: int, output_tokens: int) -> int:
    """FLOPs of emitting output tokens with cached keys and values, after a prefill that gave the first of them.

    The end token counts as emitted. The output_tokens - 1 steps stand at positions prompt_tokens + 1 and up, so that
    prefill + decoding = one forward pass over prompt + output - 1 tokens with logits at output_tokens positions.
    """
    prompt_tokens = token_count("prompt_tokens", prompt_tokens)
    output_tokens = token_count("output_tokens", output_tokens)
    cost = forward_cost(architecture)
    return cost.causal(prompt_tokens + output_tokens - 1, output_tokens) - cost.causal(prompt_tokens, 1)


def inference_flops(architecture: Architecture, prompt_tokens: int, output_tokens: int) -> int:
    """FLOPs of one answer: prefill and decoding."""
    return prefill_flops(architecture, prompt_tokens) + decode_flops(architecture, prompt_tokens, output_tokens)


def padded_training_flops(architecture: Architecture, rows: int, length: int, *, recompute: bool = False) -> int:
    """Hardware FLOPs of one training batch as executed: rows x padded length, attention over the full square.

    Full recomputation of activations executes the forward pass once more. For the hardware ledger only.
    """
    rows, length = token_count("rows", rows, 0), token_count("length", length, 0)
    return rows * (4 if recompute else 3) * forward_cost(architecture).noncausal(length, length)
