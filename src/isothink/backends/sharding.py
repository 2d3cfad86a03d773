"""Weights spread over the processes that train together, with FSDP2 (`fully_shard`). Used by transformers_trainer.py.

What only several processes need is imported there: it takes a second.
"""

from typing import Any

import torch
from transformers import PreTrainedModel


def shard(model: PreTrainedModel, device: torch.device, processes: int, *, bfloat16: bool) -> None:
    """Spreads every decoder layer, and the rest, over all processes; each must hold the same weights before.

    With `bfloat16`, layers compute in it and gradients are added up in 32 bits, as are the weights kept.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    arguments: dict[str, Any] = {"mesh": init_device_mesh(device.type, (processes,))}
    if bfloat16:
        arguments["mp_policy"] = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in decoder_layers(model):
        fully_shard(layer, **arguments)
    fully_shard(model, **arguments)


def spread_again(model: PreTrainedModel) -> None:
    """Puts whole weights away, which a forward pass without a backward pass leaves in the place of the spread ones."""
    for module in model.modules():
        if hasattr(module, "reshard"):
            module.reshard()


def decoder_layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The modules that `transformers` says are to stay in one piece."""
    names = set(model._no_split_modules or ())
    return [module for module in model.modules() if type(module).__name__ in names]


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in one piece, on the CPU where it was spread; every process must ask at the same time."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor.detach().contiguous() if gather is None else gather().detach().cpu()


def like(weight: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """A whole tensor on the weight's device, spread as the weight is where it has its shape."""
    tensor = tensor.to(weight.device)
    if hasattr(weight, "placements") and tensor.shape == weight.shape:
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(tensor, weight.device_mesh, weight.placements, src_data_rank=None)
    return tensor
