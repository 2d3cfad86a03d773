"""Counts agree exactly with those of PyTorch and transformers, for every model type and for real shapes."""

import pytest

from isothink.compute.architecture import architecture_from_config
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.families import FAMILIES
from isothink.compute.lora import Adapters, lora_training_flops
from isothink.compute.parameters import parameter_counts
from isothink.compute.registry import lookup, published_config

from .shapes import SHAPES

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from .counted import build, forward_and_backward, settings_of  # noqa: E402

REAL = [
    "Qwen/Qwen2.5-0.5B",
    "Qwen/Qwen3-0.6B",
    "meta-llama/Llama-3.2-1B",
    "google/gemma-3-270m",
    "google/gemma-3-1b-pt",
    "HuggingFaceTB/SmolLM2-135M",
    "HuggingFaceTB/SmolLM3-3B",
    "allenai/OLMo-2-0425-1B",
    "mistralai/Mistral-7B-v0.1",
    "microsoft/phi-4",
]


@pytest.mark.parametrize("name", SHAPES)
def test_small_shapes(name):
    model = build(SHAPES[name])
    architecture = architecture_from_config(SHAPES[name])
    counts = parameter_counts(architecture)
    assert counts.total == sum(parameter.numel() for parameter in model.parameters())
    assert counts.without_embedding == model.num_parameters(exclude_embeddings=True)
    for length in (1, 7, 23):
        forward, backward = forward_and_backward(model, length)
        noncausal = CONVENTIONS["noncausal"]
        assert forward + backward == noncausal.training_flops(architecture, [length])
        assert backward == 2 * forward
        one_logit = forward - 2 * architecture.vocabulary_size * architecture.hidden_size * (length - 1)
        assert one_logit == noncausal.prefill_flops(architecture, length)


@pytest.mark.parametrize("name", REAL)
def test_real_shapes(name):
    model = build(published_config(name))
    architecture = lookup(name)
    assert parameter_counts(architecture).total == sum(parameter.numel() for parameter in model.parameters())
    forward, backward = forward_and_backward(model, 640)
    assert forward + backward == CONVENTIONS["noncausal"].training_flops(architecture, [640])


@pytest.mark.parametrize("name", SHAPES)
def test_windows_are_those_of_transformers(name):
    config = settings_of(SHAPES[name])
    types = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if types is None:  # one kind of layer: Mistral, Mixtral, Phi-3 and Qwen 3 MoE read the window alone
        expected = (window,) * config.num_hidden_layers
    else:
        expected = tuple(window if kind == "sliding_attention" else None for kind in types)
    assert architecture_from_config(SHAPES[name]).windows == expected


@pytest.mark.parametrize("name", SHAPES)
def test_a_configuration_that_transformers_saved(name):
    saved = settings_of(SHAPES[name]).to_dict()
    assert architecture_from_config(saved) == architecture_from_config(SHAPES[name])


@pytest.mark.parametrize("model_type", FAMILIES)
def test_defaults_of_absent_fields(model_type):
    sizes = {"hidden_size": 64, "num_hidden_layers": 9, "num_attention_heads": 32, "vocab_size": 101}
    experts = {"num_experts_per_tok": 2, "moe_intermediate_size": 8, "shared_expert_intermediate_size": 8}
    minimal = sizes | {"intermediate_size": 80, "num_local_experts": 4} | experts
    saved = settings_of({"model_type": "gemma3_text" if model_type == "gemma3" else model_type, **minimal}).to_dict()
    if model_type == "qwen2_moe":
        minimal, saved = minimal | {"num_experts": 4}, saved | {"num_experts": 4}
    read = architecture_from_config({"model_type": model_type, **minimal})
    assert read == architecture_from_config(saved)
    assert read.head_size == (saved.get("head_dim") or 2)
    assert read.key_value_heads == (saved.get("num_key_value_heads") or 32)
    assert read.tied_embeddings == saved["tie_word_embeddings"]


class LowRank(torch.nn.Module):
    """A frozen matrix with a low-rank adapter beside it."""

    def __init__(self, frozen, rank):
        super().__init__()
        self.frozen = frozen
        self.down = torch.nn.Linear(frozen.in_features, rank, bias=False, device="meta")
        self.up = torch.nn.Linear(rank, frozen.out_features, bias=False, device="meta")

    def forward(self, x):
        return self.frozen(x) + self.up(self.down(x))


@pytest.mark.parametrize("name", ["grouped queries, untied", "head size of its own", "local and global"])
@pytest.mark.parametrize(
    "matrices",
    [("q", "k", "v", "o", "gate", "up", "down"), ("q", "v"), ("v",), ("k",), ("o",), ("up",), ("down",), ("q", "down")],
)
def test_lora(name, matrices):
    model = build(SHAPES[name])
    model.requires_grad_(False)
    for layer in model.model.layers:
        for matrix in matrices:
            owner = layer.self_attn if matrix in "qkvo" else layer.mlp
            setattr(owner, f"{matrix}_proj", LowRank(getattr(owner, f"{matrix}_proj"), 4))
    architecture = architecture_from_config(SHAPES[name])
    full = architecture.model_copy(update={"windows": (None,) * architecture.layers})
    adapters = Adapters(rank=4, matrices=frozenset(matrices))
    for length in (1, 9):
        # causal pairs of the closed form against the square that eager attention computes
        causal = lora_training_flops(full, [length], adapters)
        counted = sum(forward_and_backward(model, length))
        per_pair = lora_training_flops(full, [length], adapters) - length * lora_training_flops(full, [1], adapters)
        if length == 1:
            assert causal == counted
        else:  # s(s+1)/2 - s pairs beyond those of s single tokens, s^2 - s in the square
            assert counted - causal == per_pair
