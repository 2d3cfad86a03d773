"""Small shapes of every supported model type, as the fields of a `config.json`."""

SIZES = {
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "vocab_size": 101,
}
EXPERTS = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
GPT_NEOX = {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}
WINDOW = {"sliding_window": 5}

SHAPES = {
    "grouped queries, untied": {"model_type": "qwen2", **SIZES},
    "tied": {"model_type": "qwen2", **SIZES, "tie_word_embeddings": True},
    "windows from a layer on": {
        "model_type": "qwen2",
        **SIZES,
        **WINDOW,
        "use_sliding_window": True,
        "max_window_layers": 1,
    },
    "window switched off": {"model_type": "qwen2", **SIZES, **WINDOW, "use_sliding_window": False},
    "head size of its own": {"model_type": "qwen3", **SIZES, "head_dim": 20},
    "default head size": {"model_type": "qwen3", **SIZES},
    "biases": {"model_type": "qwen3", **SIZES, "head_dim": 16, "attention_bias": True},
    "one key head per query head": {"model_type": "llama", **GPT_NEOX},
    "all biases": {"model_type": "llama", **SIZES, "attention_bias": True, "mlp_bias": True},
    "sliding window": {"model_type": "mistral", **SIZES, **WINDOW},
    "no window": {"model_type": "mistral", **SIZES, "sliding_window": None},
    "gemma": {"model_type": "gemma", **SIZES, "head_dim": 16},
    "alternating": {"model_type": "gemma2", **SIZES, **WINDOW, "head_dim": 20},
    "local and global": {"model_type": "gemma3_text", **SIZES, **WINDOW, "head_dim": 20, "num_hidden_layers": 7},
    "layer types": {
        "model_type": "gemma3_text",
        **SIZES,
        **WINDOW,
        "layer_types": ["full_attention", "sliding_attention", "full_attention"],
    },
    "smollm3": {"model_type": "smollm3", **SIZES},
    "windows where there is no rotary position": {
        "model_type": "smollm3",
        **SIZES,
        **WINDOW,
        "use_sliding_window": True,
        "no_rope_layers": [1, 0, 1],
    },
    "norm of the projections": {"model_type": "olmo2", **SIZES},
    "three of four local": {"model_type": "olmo3", **SIZES, **WINDOW, "num_hidden_layers": 5},
    "fused projections": {"model_type": "phi3", **SIZES},
    "granite": {"model_type": "granite", **SIZES},
    "plain feed-forward": {"model_type": "gpt_neox", **GPT_NEOX},
    "plain, without attention biases": {"model_type": "gpt_neox", **GPT_NEOX, "attention_bias": False},
    "experts, one dense layer": {"model_type": "qwen3_moe", **SIZES, **EXPERTS, "head_dim": 16, "mlp_only_layers": [0]},
    "experts in every other layer": {
        "model_type": "qwen3_moe",
        **SIZES,
        **EXPERTS,
        "head_dim": 16,
        "decoder_sparse_step": 2,
    },
    "shared expert": {"model_type": "qwen2_moe", **SIZES, **EXPERTS, "shared_expert_intermediate_size": 36},
    "mixtral": {"model_type": "mixtral", **SIZES, "num_local_experts": 4, "num_experts_per_tok": 2},
}
"""Name -> configuration."""
