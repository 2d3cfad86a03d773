"""The ways in which FLOPs are counted in the literature; a verdict says whether it changes under another.

`CONVENTIONS` maps each name to its three phases. What a convention does not define for an architecture is None.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from isothink.compute import flops
from isothink.compute.architecture import Architecture
from isothink.compute.feed_forward import DenseFeedForward
from isothink.compute.lengths import cost_of_all, length_array, token_count
from isothink.compute.parameters import parameter_counts

Lengths = Iterable[int] | NDArray[Any]


class Convention(Protocol):
    """One way of counting; every method returns FLOPs, or None where the convention defines none."""

    @property
    def description(self) -> str:
        """One line for tables."""

    def training_flops(self, architecture: Architecture, lengths: Lengths) -> int | None:
        """Training once on sequences of these lengths."""

    def prefill_flops(self, architecture: Architecture, prompt_tokens: int) -> int | None:
        """Reading a prompt."""

    def decode_flops(self, architecture: Architecture, prompt_tokens: int, output_tokens: int) -> int | None:
        """Emitting output tokens after a prefill that gave the first of them."""


@dataclass(frozen=True, kw_only=True)
class ExactConvention:
    """What the mathematics needs; see flops.py."""

    description: str = "causal attention over actual lengths; the default"

    def training_flops(self, architecture: Architecture, lengths: Lengths) -> int:
        """See `flops.training_flops`."""
        return flops.training_flops(architecture, lengths)

    def prefill_flops(self, architecture: Architecture, prompt_tokens: int) -> int:
        """See `flops.prefill_flops`."""
        return flops.prefill_flops(architecture, prompt_tokens)

    def decode_flops(self, architecture: Architecture, prompt_tokens: int, output_tokens: int) -> int:
        """See `flops.decode_flops`."""
        return flops.decode_flops(architecture, prompt_tokens, output_tokens)


@dataclass(frozen=True, kw_only=True)
class NoncausalConvention:
    """Exact, but training and prefill count every pair of tokens, masked or not, as FLOP counters do."""

    description: str = "exact, with full s x s attention in training and prefill"

    def training_flops(self, architecture: Architecture, lengths: Lengths) -> int:
        """3x a forward pass with s x s attention in every layer and logits at all positions."""
        cost = flops.forward_cost(architecture)
        return cost_of_all(lengths, lambda length: 3 * cost.noncausal(length, length))

    def prefill_flops(self, architecture: Architecture, prompt_tokens: int) -> int:
        """A forward pass with s x s attention in every layer and logits at one position."""
        return flops.forward_cost(architecture).noncausal(token_count("prompt_tokens", prompt_tokens), 1)

    def decode_flops(self, architecture: Architecture, prompt_tokens: int, output_tokens: int) -> int:
        """The same as exact: a cached step has one query, and no key lies in its future."""
        return flops.decode_flops(architecture, prompt_tokens, output_tokens)


@dataclass(frozen=True, kw_only=True)
class ParameterConvention:
    """6 N per training token and 2 N per token served, N being some count of the parameters; no attention.

    `6nd` takes the active parameters; `hf` what transformers' trainer takes (`num_parameters` without embeddings),
    which includes the experts that a token does not visit. The trainer also counts padding; here it is left out.
    """

    count: Literal["active", "without_embedding"]
    """Which of `ParameterCounts` N is."""
    description: str

    def training_flops(self, architecture: Architecture, lengths: Lengths) -> int:
        """6 N per token."""
        return 6 * self._count(architecture) * cost_of_all(length_array(lengths), lambda length: length)

    def prefill_flops(self, architecture: Architecture, prompt_tokens: int) -> int:
        """2 N per prompt token."""
        return 2 * self._count(architecture) * token_count("prompt_tokens", prompt_tokens)

    def decode_flops(self, architecture: Architecture, prompt_tokens: int, output_tokens: int) -> int:
        """2 N per emitted token after the first, which the prefill gave."""
        token_count("prompt_tokens", prompt_tokens)
        return 2 * self._count(architecture) * (token_count("output_tokens", output_tokens) - 1)

    def _count(self, architecture: Architecture) -> int:
        count: int = getattr(parameter_counts(architecture), self.count)
        return count


@dataclass(frozen=True, kw_only=True)
class PaperConvention:
    """Hoffmann et al. 2022 (arXiv:2203.15556, appendix F), as in arXiv:2509.22193, appendix D.

    Heads have size hidden / heads, keys and values as many heads as queries, the feed-forward part two matrices; the
    embedding counts as a matrix product, logits as computed at all positions, attention as s x s with its softmax.
    Undefined (None) for experts, which have no feed-forward size.
    """

    description: str = "Hoffmann et al. 2022: no grouped queries, two feed-forward matrices"

    def training_flops(self, architecture: Architecture, lengths: Lengths) -> int | None:
        """3x the forward pass."""
        cost = _paper_cost(architecture)
        if cost is None:
            return None
        per_token, per_pair = cost
        return cost_of_all(lengths, lambda length: 3 * length * (per_token + per_pair * length))

    def prefill_flops(self, architecture: Architecture, prompt_tokens: int) -> int | None:
        """The forward pass as the paper counts it, with logits at all prompt positions."""
        prompt_tokens = token_count("prompt_tokens", prompt_tokens)
        cost = _paper_cost(architecture)
        return None if cost is None else prompt_tokens * (cost[0] + cost[1] * prompt_tokens)

    def decode_flops(self, architecture: Architecture, prompt_tokens: int, output_tokens: int) -> int | None:
        """Steps at positions prompt + 1 .. prompt + output - 1: one query each, and as many keys as its position."""
        prompt_tokens = token_count("prompt_tokens", prompt_tokens)
        steps = token_count("output_tokens", output_tokens) - 1
        cost = _paper_cost(architecture)
        if cost is None:
            return None
        keys = flops.causal_pairs(prompt_tokens + steps, None) - flops.causal_pairs(prompt_tokens, None)
        return steps * cost[0] + keys * cost[1]


def _paper_cost(architecture: Architecture) -> tuple[int, int] | None:
    """FLOPs per token, and per pair of tokens, of a forward pass; head size x heads is the hidden size here."""
    hidden_size = architecture.hidden_size
    sizes = [part.size for part in architecture.feed_forwards if isinstance(part, DenseFeedForward)]
    if len(sizes) != architecture.layers:
        return None
    vocabulary = 2 * architecture.vocabulary_size * hidden_size
    projections = 8 * hidden_size * hidden_size  # q, k, v: 6 h^2; output: 2 h^2
    per_token = 2 * vocabulary + architecture.layers * projections + sum(4 * hidden_size * size for size in sizes)
    per_pair = architecture.layers * (4 * hidden_size + 3 * architecture.query_heads)
    return per_token, per_pair


CONVENTIONS: dict[str, Convention] = {
    "exact": ExactConvention(),
    "noncausal": NoncausalConvention(),
    "6nd": ParameterConvention(
        count="active", description="6 x active parameters per training token, 2 x to serve one"
    ),
    "hf": ParameterConvention(
        count="without_embedding", description="as 6nd, with the parameters outside nn.Embedding: transformers' trainer"
    ),
    "paper": PaperConvention(),
}
