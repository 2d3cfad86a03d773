"""Reading configurations: defaults, windows, nesting, and one line for every mistake."""

import pytest

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.compute.families import FAMILIES
from isothink.compute.feed_forward import DenseFeedForward, ExpertFeedForward
from isothink.errors import ArchitectureError

from .shapes import EXPERTS, SHAPES, SIZES

QWEN = {"model_type": "qwen2", **SIZES}
MOE = {"model_type": "qwen3_moe", **SIZES, **EXPERTS, "head_dim": 16}
NAN = float("nan")

MISTAKES = [
    ("hidden_size", None),
    ("hidden_size", 0),
    ("hidden_size", -48),
    ("hidden_size", 48.0),
    ("hidden_size", NAN),
    ("hidden_size", float("inf")),
    ("hidden_size", "48"),
    ("hidden_size", True),
    ("hidden_size", [48]),
    ("hidden_size", 10**4000),
    ("num_hidden_layers", None),
    ("num_hidden_layers", 0),
    ("num_hidden_layers", -1),
    ("num_hidden_layers", 10**9),
    ("num_attention_heads", None),
    ("num_attention_heads", 7),
    ("num_key_value_heads", 4),
    ("num_key_value_heads", 0),
    ("num_key_value_heads", 1.5),
    ("head_dim", 0),
    ("head_dim", NAN),
    ("intermediate_size", None),
    ("intermediate_size", {"a\nb": 1}),
    ("vocab_size", None),
    ("vocab_size", -5),
    ("tie_word_embeddings", "yes"),
    ("tie_word_embeddings", 1),
    ("use_sliding_window", "no"),
    ("max_window_layers", -1),
    ("layer_types", "full_attention"),
    ("layer_types", ["full_attention"]),
    ("layer_types", ["full_attention", "linear_attention", "full_attention"]),
    ("model_type", None),
    ("model_type", 3),
    ("model_type", "deepseek_v3"),
    ("model_type", "mamba"),
    ("model_type", "jamba"),
    ("model_type", "falcon_h1"),
    ("model_type", "qwen3_next"),
    ("model_type", "t5"),
    ("is_encoder_decoder", True),
    ("use_bidirectional_attention", True),
    ("kv_lora_rank", 512),
    ("text_config", "nested"),
]
MISTAKES_WITH_EXPERTS = [
    ("num_experts", None),
    ("num_experts", 0),
    ("num_experts_per_tok", 7),
    ("num_experts_per_tok", None),
    ("moe_intermediate_size", None),
    ("decoder_sparse_step", 0),
    ("mlp_only_layers", 3),
    ("mlp_only_layers", [3]),
    ("mlp_only_layers", [True]),
]
MISTAKES_WITH_WINDOW = [
    ("sliding_window", 0),
    ("sliding_window", -1),
    ("sliding_window", 4096.5),
    ("sliding_window", NAN),
]


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [(QWEN, *mistake) for mistake in MISTAKES]
    + [(MOE, *mistake) for mistake in MISTAKES_WITH_EXPERTS]
    + [(SHAPES["sliding window"], *mistake) for mistake in MISTAKES_WITH_WINDOW],
)
def test_a_mistake_is_one_line_that_names_the_key(config, key, value):
    wrong = {**config, key: value}
    if value is None:
        del wrong[key]
    with pytest.raises(ArchitectureError) as caught:
        architecture_from_config(wrong, name="some/model")
    message = caught.value.message
    assert message.startswith("some/model: ")
    assert key in message
    assert "\n" not in message
    assert len(message) < 400


def test_a_number_too_long_to_print():
    with pytest.raises(ArchitectureError, match="hidden_size is a number of thousands of digits"):
        architecture_from_config({**QWEN, "hidden_size": 10**5000})


@pytest.mark.parametrize("config", [[], "text", None, 3])
def test_no_object(config):
    with pytest.raises(ArchitectureError, match="JSON object"):
        architecture_from_config(config)


def test_the_missing_query_heads_of_gemma_3_are_those_of_transformers():
    config = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024}
    outer = {"model_type": "gemma3", "text_config": config | {"model_type": "gemma3_text"}, "vision_config": {}}
    architecture = architecture_from_config(outer)
    assert (architecture.query_heads, architecture.key_value_heads, architecture.head_size) == (8, 4, 256)
    assert architecture.vocabulary_size == 262_208
    assert architecture.tied_embeddings
    assert architecture.windows.count(None) == 5
    assert architecture.windows[:6] == (1024,) * 5 + (None,)


def test_the_outer_configuration_decides_on_tying():
    inner = {**SIZES, "model_type": "mistral", "tie_word_embeddings": False}
    assert architecture_from_config(
        {"model_type": "mistral3", "text_config": inner, "tie_word_embeddings": True}
    ).tied_embeddings
    assert not architecture_from_config({"model_type": "mistral3", "text_config": inner}).tied_embeddings


def test_windows():
    config = QWEN | {"sliding_window": 9, "max_window_layers": 2}
    assert architecture_from_config(config).windows == (None, None, None)
    assert architecture_from_config(config | {"use_sliding_window": False}).windows == (None, None, None)
    assert architecture_from_config(config | {"use_sliding_window": True}).windows == (None, None, 9)
    mistral = {"model_type": "mistral", **SIZES}
    assert architecture_from_config(mistral | {"sliding_window": 4096}).windows == (4096,) * 3
    assert architecture_from_config(mistral | {"sliding_window": None}).windows == (None,) * 3
    gemma = {"model_type": "gemma3_text", **SIZES, "sliding_window": 512, "num_hidden_layers": 4}
    assert architecture_from_config(gemma | {"sliding_window_pattern": 2}).windows == (512, None, 512, None)


def test_experts_and_dense_layers():
    parts = architecture_from_config(MOE | {"mlp_only_layers": [1]}).feed_forwards
    assert [type(part) for part in parts] == [ExpertFeedForward, DenseFeedForward, ExpertFeedForward]
    parts = architecture_from_config(MOE | {"decoder_sparse_step": 2}).feed_forwards
    assert [type(part) for part in parts] == [DenseFeedForward, ExpertFeedForward, DenseFeedForward]
    without_dense_size = {key: value for key, value in MOE.items() if key != "intermediate_size"}
    assert architecture_from_config(without_dense_size).layers == 3


def test_every_family_has_a_shape():
    covered = {config["model_type"] for config in SHAPES.values()}
    assert covered | {"gemma3"} == set(FAMILIES)


def test_a_record_round_trips():
    for config in SHAPES.values():
        architecture = architecture_from_config(config)
        assert Architecture.model_validate_json(architecture.model_dump_json()) == architecture
