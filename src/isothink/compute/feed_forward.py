"""The feed-forward part of one transformer layer: dense, or a mixture of experts. Part of an `Architecture`.

Sizes are counted as a function of the hidden size, which belongs to the architecture. A bias is a parameter but enters
no matrix product, so it costs no FLOPs here.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from isothink.domain.record import Record


class DenseFeedForward(Record):
    """One feed-forward block that every token goes through; three matrices if gated, two if not."""

    kind: Literal["dense"] = "dense"
    size: PositiveInt
    gated: bool = True
    bias: bool = False

    def matmul_weights(self, hidden_size: int) -> int:
        """Weights of the matrix products."""
        return (3 if self.gated else 2) * hidden_size * self.size

    def active_matmul_weights(self, hidden_size: int) -> int:
        """Weights that one token is multiplied with: all of them."""
        return self.matmul_weights(hidden_size)

    def bias_parameters(self, hidden_size: int) -> int:
        """Elements of the biases."""
        return (2 if self.gated else 1) * self.size + hidden_size if self.bias else 0


class ExpertFeedForward(Record):
    """A router, experts of which each token visits a few, and perhaps one expert that all tokens share; no biases."""

    kind: Literal["experts"] = "experts"
    experts: PositiveInt
    active_experts: PositiveInt
    expert_size: PositiveInt
    shared_size: PositiveInt | None = None
    shared_gate: bool = False
    gated: bool = True

    @model_validator(mode="after")
    def _active_experts_exist(self) -> "ExpertFeedForward":
        if self.active_experts > self.experts:
            raise ValueError(f"active_experts is {self.active_experts}, more than the {self.experts} experts")
        return self

    def matmul_weights(self, hidden_size: int) -> int:
        """Weights of the matrix products, of all experts."""
        return self._weights(hidden_size, self.experts)

    def active_matmul_weights(self, hidden_size: int) -> int:
        """Weights that one token is multiplied with: the router, its experts, the shared expert and its gate."""
        return self._weights(hidden_size, self.active_experts)

    def bias_parameters(self, hidden_size: int) -> int:
        """Elements of the biases: none in any covered architecture."""
        return 0

    def _weights(self, hidden_size: int, experts: int) -> int:
        matrices = 3 if self.gated else 2
        size = experts * self.expert_size + (self.shared_size or 0)
        return hidden_size * (self.experts + matrices * size + (1 if self.shared_gate else 0))


FeedForward = Annotated[DenseFeedForward | ExpertFeedForward, Field(discriminator="kind")]
