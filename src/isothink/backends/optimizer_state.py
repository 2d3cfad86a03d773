"""AdamW and its state as safetensors, whole whichever way the weights are spread. Used by transformers_trainer.py."""

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from isothink.backends.sharding import like, whole
from isothink.domain.training_settings import AdamW
from isothink.errors import StepError

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def adamw(model: torch.nn.Module, settings: AdamW) -> torch.optim.Optimizer:
    """AdamW over the weights that are trained; matrices decay, vectors (norms, biases) do not.

    Its state is made at once, not in the first step, so that memory which runs out does so before anything has changed.
    """
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [weight for weight in trained if weight.ndim >= 2], "weight_decay": settings.weight_decay},
            {"params": [weight for weight in trained if weight.ndim < 2], "weight_decay": 0.0},
        ],
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=True,
    )
    for weight in trained:
        optimizer.state[weight] = {
            "step": torch.zeros((), dtype=torch.float32, device=weight.device),
            "exp_avg": torch.zeros_like(weight, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(weight, requires_grad=False),
        }
    return optimizer


def moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the state with its name, gathered from all processes one after the other."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            for moment in MOMENTS:
                yield f"{moment}.{name}", whole(optimizer.state[weight][moment])


def load_moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Puts a saved state in the place of the optimizer's own.

    Raises:
        StepError: the file is missing, damaged, or another model's.
    """
    if not path.is_file():
        raise StepError(f"{path}: the state of the parent's optimizer is missing")
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise StepError(f"{path}: the state of the parent's optimizer cannot be read: {error}") from error
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            try:
                optimizer.state[weight] = {
                    moment: like(weight, tensors[f"{moment}.{name}"]) for moment in MOMENTS
                }  # a fused optimizer keeps its step count on the device, too
            except KeyError as error:
                raise StepError(f"{path}: the state of the parent's optimizer lacks {error}") from error
