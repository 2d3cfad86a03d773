"""A small valid study as plain data, for tests to change one thing in."""

import copy
import json

from isothink.domain.study import Study

ARCHITECTURE = {
    "model_type": "qwen3",
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "tie_word_embeddings": True,
}

VALID = {
    "schema_version": 1,
    "name": "tiny",
    "title": "A tiny study",
    "prompts": {"backend": "procedural", "tasks": ["capital", "chain"], "per_task": 10, "seed": 0},
    "teacher": {"backend": "symbolic"},
    "filters": {
        "on_length": "drop",
        "keep": "all",
        "decontamination": {"words": 13, "shortest_item": 8, "items": True},
    },
    "tokenizer": {"backend": "words"},
    "rendering": {"ift_format": "plain"},
    "students": [
        {"name": "s", "backend": "transformers", "architecture": ARCHITECTURE},
        {"name": "m", "architecture": {**ARCHITECTURE, "hidden_size": 16, "intermediate_size": 32}},
    ],
    "arms": ["ift", "reasoning", "sequential(0.5)", "mixed(0.5)"],
    "match": "training_flops",
    "budgets": {"training_flops": [1e6, 2e6]},
    "lengths": {
        "sources": {"chain": {"prompts": 10, "prompt_tokens": 6, "ift_tokens": 2, "reasoning_tokens": 12}},
        "item_prompt_tokens": 8,
    },
    "seeds": {"default": 1, "arms": {"ift": 2}},
    "training": {
        "batch": {"unit": "tokens", "size": 64},
        "learning_rate": {"by": "rule", "rate": 0.003, "reference_width": 8, "exponent": 0.5},
        "warmup_steps": 2,
        "decay_share": 0.1,
        "final_rate_share": 0.1,
        "max_epochs": 1000,
        "optimizer": {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.01, "clip_gradient_norm": 1.0},
        "precision": "float32",
    },
    "evaluation": {
        "tasks": ["capital", "chain"],
        "items_per_task": 4,
        "seed": 0,
        "max_new_tokens": 8,
        "sampling": "greedy",
        "batch_size": 4,
    },
    "verdict": {"queries": 1000.0},
    "resources": {"processes": 1, "threads": 1, "flops_per_second": 1e9},
}


def valid_study():
    """A copy to change."""
    return copy.deepcopy(VALID)


def put(data, path, value):
    """Sets data[path[0]][path[1]]... to `value`, in place."""
    *parents, last = path
    for part in parents:
        data = data[part]
    data[last] = value


def study_of(data):
    """The record that plain data make."""
    return Study.model_validate_json(json.dumps(data))
