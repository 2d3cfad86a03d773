"""Low-rank adapters (LoRA) on a frozen student, with `peft`. Used by transformers_trainer.py.

Files are peft's own: `adapter_model.safetensors` and `adapter_config.json`. Each matrix has an adapter of its own, as
the FLOPs are counted; a model that fuses several into one is refused for those.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from isothink.backends.sharding import decoder_layers, whole
from isothink.domain.training_settings import LoraAdapters, Matrix
from isothink.errors import MissingDependencyError, StepError, UsageError

ADAPTER_FILE = "adapter_model.safetensors"
SEPARATE: dict[Matrix, tuple[str, ...]] = {
    "q": ("self_attn.q_proj",),
    "k": ("self_attn.k_proj",),
    "v": ("self_attn.v_proj",),
    "o": ("self_attn.o_proj", "attention.dense"),
    "gate": ("mlp.gate_proj",),
    "up": ("mlp.up_proj", "mlp.dense_h_to_4h"),
    "down": ("mlp.down_proj", "mlp.dense_4h_to_h"),
}
"""What a matrix is called in the decoder layers of `transformers`; the second names are GPT-NeoX's."""
FUSED: dict[str, tuple[Matrix, ...]] = {
    "attention.query_key_value": ("q", "k", "v"),
    "self_attn.qkv_proj": ("q", "k", "v"),
    "mlp.gate_up_proj": ("gate", "up"),
}
PEFT_PREFIX = "base_model.model."
NAME = "default"
"""What peft calls the only adapter of a model."""


def add_adapters(model: PreTrainedModel, settings: LoraAdapters, seed: int) -> None:
    """Puts adapters that change nothing yet into a model, and freezes everything else.

    Raises:
        UsageError: the model has no such matrix, or holds it in one with others.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingDependencyError(
            f"training.adapters needs peft, which cannot be imported: {error}", hint="pip install 'isothink[train]'"
        ) from error
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=0.0,
        bias="none",
        target_modules=target_modules(model, settings.matrices),
    )
    # apart from the seed of random weights, which would make the adapters echo the first of them
    torch.manual_seed(int(np.random.SeedSequence([seed, 1]).generate_state(1)[0]))
    get_peft_model(model, config)


def target_modules(model: PreTrainedModel, matrices: tuple[Matrix, ...]) -> list[str]:
    """The names that end those of the matrices' modules, one for each matrix, in every layer.

    Raises:
        UsageError: a layer lacks one of them.
    """
    layers = [{name for name, _ in layer.named_modules()} for layer in decoder_layers(model)]
    found: dict[Matrix, str] = {}
    for matrix, names in SEPARATE.items():
        for name in names:
            if layers and all(name in layer for layer in layers):
                found[matrix] = name
    for matrix in matrices:
        if matrix not in found:
            fused = [name for name, parts in FUSED.items() if matrix in parts and any(name in one for one in layers)]
            why = f"holds it in {fused[0]} with others" if fused else "has no such matrix in every layer"
            raise UsageError(
                f"training.adapters.matrices: found {matrix}, a model of type {model.config.model_type} {why};"
                f" allowed is {', '.join(found) or 'none'}"
            )
    return [found[matrix] for matrix in matrices]


def adapter_weights(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """The adapters' weights under the names that peft gives them in files; gathered one after the other."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            yield f"{PEFT_PREFIX}{name.replace(f'.{NAME}.', '.')}", whole(weight)


def save_adapters(model: PreTrainedModel, weights: dict[str, torch.Tensor], folder: Path) -> None:
    """Writes the adapters' weights and settings."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / ADAPTER_FILE, metadata={"format": "pt"})
    model.peft_config[NAME].save_pretrained(folder)


def load_adapters(model: PreTrainedModel, folder: Path) -> None:
    """Puts saved weights in the place of the adapters' first ones.

    Raises:
        StepError: the file is missing, damaged, or of other adapters.
    """
    path = folder / ADAPTER_FILE
    try:
        saved = load_file(path)
    except (OSError, SafetensorError) as error:
        raise StepError(f"{path}: the adapters to go on from cannot be read: {error}") from error
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            key = f"{PEFT_PREFIX}{name.replace(f'.{NAME}.', '.')}"
            if key not in saved or saved[key].shape != weight.shape:
                raise StepError(f"{path}: the adapters to go on from lack {key} of shape {tuple(weight.shape)}")
            weight.data.copy_(saved[key])


def merged_weights(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights of a plain model that computes the same, under its names; gathered one after the other."""
    modules = dict(model.named_modules())
    for name, tensor in named_weights(model):
        if ".lora_" in name:
            continue
        owner, _, leaf = name.rpartition(".")
        if not owner.endswith(".base_layer"):
            yield name, whole(tensor)
            continue
        module = modules[owner.removesuffix(".base_layer")]
        plain = whole(tensor)
        if leaf == "weight":
            low, high = whole(module.lora_A[NAME].weight), whole(module.lora_B[NAME].weight)
            plain = plain + module.scaling[NAME] * (high @ low)
        yield f"{owner.removesuffix('.base_layer')}.{leaf}", plain


def named_weights(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters, tied ones once, and the buffers that belong into a file."""
    kept = set(model.state_dict())
    yield from model.named_parameters()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name in kept)
