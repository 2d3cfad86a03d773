"""What PyTorch itself counts: a model built by transformers from a configuration, and its FLOPs by FlopCounterMode.

Eager attention and eager experts, because the counter does not see fused kernels. The model lies on the meta device, so
real shapes cost no memory, except with experts, where routing needs values.
"""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402


def settings_of(config):
    """The configuration object that transformers makes of the fields."""
    fields = {key: value for key, value in config.items() if key != "model_type"}
    tokens = {"pad_token_id": None, "bos_token_id": None, "eos_token_id": None}
    return transformers.AutoConfig.for_model(config["model_type"], **(tokens | fields))


def build(config):
    """A causal language model with random (or no) weights, eager throughout."""
    settings = settings_of(config)
    experts = {"experts_implementation": "eager"} if has_experts(config) else {}
    with torch.device("cpu" if has_experts(config) else "meta"):
        return transformers.AutoModelForCausalLM.from_config(settings, attn_implementation="eager", **experts)


def has_experts(config):
    return "num_experts_per_tok" in config


def forward_and_backward(model, length):
    """FLOPs of the forward and of the backward pass over one sequence."""
    device = next(model.parameters()).device
    tokens = torch.zeros((1, length), dtype=torch.long, device=device)
    mask = torch.zeros((1, 1, length, length), device=device)
    with FlopCounterMode(display=False) as forward:
        logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()
