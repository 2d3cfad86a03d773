"""FLOPs of training low-rank adapters (LoRA, arXiv:2106.09685) on a frozen model. Called by the plan.

Every matrix product counts once for the forward pass, once if a gradient flows on to its input, and once if its
weights are trained. Frozen matrices therefore count twice, adapters and attention products three times; below the
lowest adapter no gradient flows, and there each product counts only for what is computed.
"""

from collections.abc import Iterable
from typing import Any, Literal

from numpy.typing import NDArray
from pydantic import PositiveInt, field_validator

from isothink.compute.architecture import Architecture
from isothink.compute.feed_forward import DenseFeedForward, FeedForward
from isothink.compute.flops import forward_cost
from isothink.compute.lengths import cost_of_all
from isothink.compute.training_cost import TrainingCost
from isothink.domain.record import Record
from isothink.errors import ArchitectureError

Matrix = Literal["q", "k", "v", "o", "gate", "up", "down"]


class Adapters(Record):
    """Which matrices of every layer carry a low-rank adapter of their own, even where a library fuses q, k and v.

    `gate` exists in gated feed-forward parts only.
    """

    rank: PositiveInt
    matrices: frozenset[Matrix] = frozenset({"q", "k", "v", "o", "gate", "up", "down"})

    @field_validator("matrices")
    @classmethod
    def _some(cls, matrices: frozenset[Matrix]) -> frozenset[Matrix]:
        if not matrices:
            raise ValueError("matrices is empty; it must name at least one of q, k, v, o, gate, up, down")
        return matrices


def lora_training_cost(architecture: Architecture, adapters: Adapters) -> TrainingCost:
    """The cost of training adapters, logits at all positions.

    Raises ArchitectureError where the adapters would sit on experts, or where no matrix carries one.
    """
    layers = [
        _LayerCost(architecture, part, adapters, lowest=index == 0)
        for index, part in enumerate(architecture.feed_forwards)
    ]
    half_pair = 2 * architecture.query_heads * architecture.head_size  # scores, or weighted values
    per_pair: dict[int | None, int] = {}
    for layer, window in zip(layers, architecture.windows, strict=True):
        per_pair[window] = per_pair.get(window, 0) + half_pair * layer.attention_passes
    return TrainingCost(
        # the logits and everything above the lowest adapter pass a gradient on; their own weights stay frozen
        per_token=sum(layer.per_token for layer in layers) + 2 * forward_cost(architecture).per_logits,
        per_pair=tuple(per_pair.items()),
    )


def lora_training_flops(architecture: Architecture, lengths: Iterable[int] | NDArray[Any], adapters: Adapters) -> int:
    """FLOPs of training adapters once on sequences of these lengths, logits at all positions.

    Raises ArchitectureError as `lora_training_cost`.
    """
    return cost_of_all(lengths, lora_training_cost(architecture, adapters).of_sequence)


def adapter_parameters(architecture: Architecture, adapters: Adapters) -> int:
    """Weights of all adapters: two factors of that rank for each matrix that carries one."""
    hidden, head = architecture.hidden_size, architecture.head_size
    query, key = architecture.query_heads * head, architecture.key_value_heads * head
    sides: dict[Matrix, int] = {"q": hidden + query, "k": hidden + key, "v": hidden + key, "o": query + hidden}
    total = architecture.layers * sum(size for name, size in sides.items() if name in adapters.matrices)
    for part in architecture.feed_forwards:
        if isinstance(part, DenseFeedForward):
            names = {"up", "down", "gate"} if part.gated else {"up", "down"}
            total += len(names & adapters.matrices) * (hidden + part.size)
    return adapters.rank * total


class _LayerCost:
    """The FLOPs of one layer per token, and how often its two attention products count in sum (6 above the lowest)."""

    def __init__(self, architecture: Architecture, part: FeedForward, adapters: Adapters, *, lowest: bool) -> None:
        self.per_token = 0
        self._adapters = adapters
        hidden, head = architecture.hidden_size, architecture.head_size
        query, key = architecture.query_heads * head, architecture.key_value_heads * head
        entering = not lowest  # whether a gradient flows on to the layer's input
        queries = self._matrix("q", hidden, query, entering)
        keys = self._matrix("k", hidden, key, entering)
        values = self._matrix("v", hidden, key, entering)
        scores = queries or keys
        self.attention_passes = 2 + queries + keys + scores + values
        attention = self._matrix("o", query, hidden, scores or values)
        self._feed_forward(part, hidden, entering or attention)

    def _feed_forward(self, part: FeedForward, hidden: int, flows: bool) -> None:
        if not isinstance(part, DenseFeedForward):
            if self._adapters.matrices & {"gate", "up", "down"}:
                raise ArchitectureError("adapters on experts are not covered by the formulas; choose among q, k, v, o")
            self.per_token += 2 * part.active_matmul_weights(hidden) * (1 + flows)
            return
        inner = self._matrix("up", hidden, part.size, flows)
        if part.gated:
            inner = self._matrix("gate", hidden, part.size, flows) or inner
        if not self._matrix("down", part.size, hidden, inner) and not flows:
            raise ArchitectureError("no matrix of the lowest layer carries an adapter")

    def _matrix(self, name: Matrix, rows: int, columns: int, flows: bool) -> bool:
        """Add one matrix and its adapter; `flows`: a gradient goes on to its input. Returns whether one enters it."""
        self.per_token += 2 * rows * columns * (1 + flows)
        if name not in self._adapters.matrices:
            return flows
        rank = self._adapters.rank
        self.per_token += 2 * rows * rank * (2 + flows)  # forward, its own weights, its input
        self.per_token += 2 * rank * columns * 3
        return True
