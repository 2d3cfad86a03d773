"""How decoder layers and the loss are computed: recomputed to save memory, compiled to save time. Used by the trainer.

Eager kernels write and read every intermediate result: on an H200 that takes more time than the matrix products of a
model with 1.5 billion parameters.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from isothink.backends.sharding import decoder_layers
from isothink.backends.training_batch import LossFunction, weighted_loss

LEAST_PARAMETERS = 100_000_000
"""Smaller students are trained before their kernels are made, which takes a minute."""


def recompute_activations(model: PreTrainedModel) -> None:
    """Has every decoder layer keep its input alone, and compute the rest anew in the backward pass.

    `transformers` would do so around the layer, where `torch.compile` looks at nothing.
    """
    for layer in decoder_layers(model):
        layer.forward = _recomputed(layer.forward)


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    def recomputed(*inputs: Any, **settings: Any) -> Any:
        return checkpoint(forward, *inputs, use_reentrant=False, **settings)

    return recomputed


def pays(model: PreTrainedModel, device: torch.device, processes: int) -> bool:
    """Whether compiled kernels are worth making. For spread weights it was not tried."""
    able = device.type == "cuda" and processes == 1 and find_spec("triton") is not None
    return able and model.num_parameters() >= LEAST_PARAMETERS


class Compiled:
    """A model whose layers, and whose loss, are compiled: once for all lengths."""

    def __init__(self, model: PreTrainedModel, backend: str = "inductor") -> None:
        self._plain = [(layer, layer.forward) for layer in decoder_layers(model)]
        self.loss: LossFunction = torch.compile(weighted_loss, dynamic=True, backend=backend)
        for layer, forward in self._plain:
            layer.forward = torch.compile(forward, dynamic=True, backend=backend)

    def undo(self, error: Exception) -> None:
        """Has the model compute as it did before: no compiler is needed to train, only more time."""
        for layer, forward in self._plain:
            layer.forward = forward
        reason = " ".join(str(error).split())[:200]
        warnings.warn(f"torch.compile failed, training goes on without: {type(error).__name__}: {reason}", stacklevel=2)
