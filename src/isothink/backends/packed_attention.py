"""Attention over packed rows that never crosses from one example into another. Used by transformers_trainer.py.

Three ways, the best that a model and a device allow: the kernels of flash-attn where it is installed, PyTorch's own
attention over rows of several lengths, or the mask that `transformers` derives from positions that start anew.
"""

from importlib.util import find_spec
from inspect import signature
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from transformers import AttentionInterface, PreTrainedModel

from isothink.backends.micro_batches import fed_tokens
from isothink.backends.training_batch import Batch, packed_batch
from isothink.student.protocol import Example

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # PyTorch before 2.10
    varlen_attn = None

Way = Literal["flash", "varlen", "masks"]
VARLEN = "isothink_varlen"
LARGEST_HEAD = 256
"""What flash kernels compute (github.com/Dao-AILab/flash-attention)."""
FIRST_CAPABILITY = (8, 0)
"""Ampere: the first generation with bfloat16 and these kernels."""
TOLERANCE = 1e-3
"""Of the logits' spread. Without a leak kernels give the same logits to the last bits; a leak changes percents."""
ASKS_FOR_GROUPS = varlen_attn is not None and "enable_gqa" in signature(varlen_attn).parameters
"""Whether PyTorch's kernel must be told of grouped queries (2.13); before, it finds out by the shapes (2.11)."""
SOFT_CAPS = ("attn_logit_softcapping", "logit_softcapping")


def varlen_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **rest: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each example of one packed row, as `transformers` calls it.

    A window of n tokens holds the token itself and n - 1 before it; the kernel counts those before it.
    """
    if query.device.type != "cuda":
        return _one_by_one(query, key, value, cu_seq_lens_q.tolist(), scaling, sliding_window), None
    # rotary positions leave queries and keys in float32 under autocast, while values are as the kernel wants them
    rows = (part[0].transpose(0, 1).to(value.dtype) for part in (query, key, value))
    window = (-1, 0) if sliding_window is None else (sliding_window - 1, 0)
    grouped = {"enable_gqa": bool(query.shape[1] != key.shape[1])} if ASKS_FOR_GROUPS else {}
    output = varlen_attn(
        *rows,
        cu_seq_lens_q,
        cu_seq_lens_q,
        max_length_q,
        max_length_q,
        scale=scaling,
        window_size=window,
        **grouped,
    )
    return output[None], None


def _one_by_one(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    edges: list[int],
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """The same by one call per example: what a machine without the kernel computes, and tests compare."""
    outputs = []
    for first, last in pairwise(edges):
        places = torch.arange(last - first, device=query.device)
        behind = places[:, None] - places[None, :]
        seen = (behind >= 0) & (behind < (window or last - first))
        parts = (part[:, :, first:last].to(value.dtype) for part in (query, key, value))
        outputs.append(
            torch.nn.functional.scaled_dot_product_attention(
                *parts, attn_mask=seen, scale=scaling, enable_gqa=query.shape[1] != key.shape[1]
            )
        )
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous()


AttentionInterface.register(VARLEN, varlen_attention)


def ways_of(model: PreTrainedModel, device: torch.device, precision: str) -> list[Way]:
    """The ways that compute what the model's configuration says, on this device, the fastest first."""
    config = model.config.get_text_config()
    heads = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    plain = not getattr(config, "attention_dropout", 0) and not any(getattr(config, name, None) for name in SOFT_CAPS)
    able = device.type == "cuda" and torch.cuda.get_device_capability(device) >= FIRST_CAPABILITY
    fits = able and precision == "bfloat16" and plain and heads <= LARGEST_HEAD and heads % 8 == 0
    if not fits or not getattr(model, "_supports_flash_attn", False):
        return ["masks"]
    here: dict[Way, bool] = {"flash": find_spec("flash_attn") is not None, "varlen": varlen_attn is not None}
    return [*(way for way, is_here in here.items() if is_here), "masks"]


def use_way(model: PreTrainedModel, way: Way) -> None:
    """Has the model attend in this way; masks work with whichever attention it has."""
    if way != "masks":
        model.set_attn_implementation({"flash": "flash_attention_2", "varlen": VARLEN}[way])


def attention_arguments(batch: Batch, way: Way) -> dict[str, Any]:
    """What a model is called with beside the positions, so that attention knows the edges of the examples."""
    if way == "masks" or batch.edges is None:
        return {}
    return {
        "cu_seq_lens_q": batch.edges,
        "cu_seq_lens_k": batch.edges,
        "max_length_q": batch.longest,
        "max_length_k": batch.longest,
    }


def works(model: PreTrainedModel, way: Way, device: torch.device, precision: str) -> bool:
    """Has the model attend in this way if no example sees another; otherwise leaves it as it was.

    Asked before training, on this device and with these kernels: leaking attention changes results without an error
    (huggingface/trl#3067), and kernels refuse shapes that no list of theirs names.
    """
    before = model.config._attn_implementation
    try:
        use_way(model, way)
        if is_isolated(model, way, device, precision):
            return True
    except torch.OutOfMemoryError:
        raise
    except (ImportError, NotImplementedError, RuntimeError, TypeError, ValueError):
        model.train()
    model.set_attn_implementation(before)
    return False


def is_isolated(model: PreTrainedModel, way: Way, device: torch.device, precision: str) -> bool:
    """Whether an example's logits are the same whatever stands before it."""
    vocabulary = model.config.get_text_config().vocab_size
    chance = np.random.default_rng(0)
    first, other, second = (
        Example(
            prompt=chance.integers(0, vocabulary, 8).astype(np.int32),
            answer=chance.integers(0, vocabulary, 24).astype(np.int32),
        )
        for _ in range(3)
    )
    model.eval()
    logits = []
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        for before in (first, other):
            batch = packed_batch((before, second), {}).to(device)
            extra = attention_arguments(batch, way)
            row = model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False, **extra).logits
            logits.append(row[0, fed_tokens(before) :].float())
    model.train()
    return bool((logits[0] - logits[1]).abs().max() <= TOLERANCE * logits[0].std())
