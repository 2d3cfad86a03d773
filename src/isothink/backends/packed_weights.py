"""Weights laid out for oneDNN, which multiplies by them faster than PyTorch does by default. Used by the answerer.

For float32 on x86 `torch.nn.Linear` asks BLAS, which reads a weight matrix in the order in which it is stored. oneDNN
takes one that was reordered once, as the code does that `torch.compile` makes of a model whose weights are frozen; the
numbers are the same but for rounding. With 4 to 32 rows, as where answers are written, it takes about half the time.
"""

import platform
from functools import partial

import torch

SMALLEST = 2**16
"""Elements of a matrix that is reordered; smaller ones stay in the processor's cache whichever way they lie."""


def pack_weights(model: torch.nn.Module, rows: int) -> None:
    """Reorders the matrices of a model that is only read from here on, for passes over about so many rows.

    The operators are PyTorch's, but not of its public interface: where they are missing, the model stays as it is.
    """
    if not _is_possible():
        return
    for module in model.modules():
        if type(module) is torch.nn.Linear and _is_packable(module.weight):
            packed = torch.ops.mkldnn._reorder_linear_weight(module.weight.detach(), rows)
            # a parameter of its own: an embedding that shares the matrix keeps it as it was
            module.weight = torch.nn.Parameter(packed, requires_grad=False)
            module.forward = partial(_multiply, module)


def _is_possible() -> bool:
    operators = ("_reorder_linear_weight", "_linear_pointwise")
    return (
        platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in operators)
    )


def _is_packable(weight: torch.Tensor) -> bool:
    plain = weight.device.type == "cpu" and weight.dtype == torch.float32 and not weight.is_mkldnn
    return plain and weight.numel() >= SMALLEST


def _multiply(module: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, module.weight, module.bias, "none", [], "")
    return product
