"""A study whose students are folders of models, as they lie on a disk; their weights are never loaded."""

import json
from pathlib import Path

from ..backends.small_tokenizers import QWEN25, byte_level, write_tokenizer

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "vocab_size": 512,
    "max_position_embeddings": 256,
    "tie_word_embeddings": True,
    "some_field_of_the_future": {"x": 1},
    "transformers_version": "5.0.0",
}
WEIGHTS = b"\x02" + b"\0" * 7 + b"{}" + bytes(range(256)) * 4


def write_model(folder: Path, *, tokenizer=True, weights=WEIGHTS, **fields) -> Path:
    """A folder with a configuration, safetensors of no tensors and perhaps a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **fields}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    if tokenizer:
        write_tokenizer(folder, byte_level(tags=False), QWEN25, eos_token="<|endoftext|>")
    return folder


def write_study(folder: Path, **changes) -> Path:
    """The study file in `folder`; changes replace its top-level keys."""
    study = {
        "schema_version": 1,
        "name": "models",
        "prompts": {"backend": "procedural", "tasks": ["capital", "chain"], "per_task": 20},
        "teacher": {"backend": "symbolic"},
        "tokenizer": {"backend": "transformers"},
        "students": [{"name": "small", "model": "small"}],
        "arms": ["ift", "reasoning"],
        "budgets": {"training_flops": [1e9]},
        "training": {
            "batch": {"unit": "instances", "size": 4},
            "learning_rate": {"by": "rule", "rate": 1e-3, "reference_width": 32, "exponent": 0},
            "warmup_steps": 0,
            "max_epochs": 100,
        },
        "evaluation": {"tasks": ["capital"], "items_per_task": 4, "max_new_tokens": 8},
        **changes,
    }
    path = folder / "models.yaml"
    path.write_text(json.dumps(study), encoding="utf-8")  # JSON is YAML
    return path
