"""What the supported Hugging Face model types differ in, and the defaults of their absent fields. For architecture.py.

Source of the defaults: the `configuration_*.py` and `modeling_*.py` of Hugging Face transformers 5; the tests build
each type with transformers and compare the parameters one for one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from isothink.compute.config_fields import ConfigFields

Windows = tuple[int | None, ...]
DEFAULT_WINDOW = 4096
SLIDING, FULL = "sliding_attention", "full_attention"


@dataclass(frozen=True, kw_only=True)
class Family:
    """One model type: which parts its layers have, and the values that transformers assumes for absent fields."""

    windows: Callable[[ConfigFields, int], Windows]
    """The attention window of each layer, from the fields and the number of layers."""
    tied_embeddings: bool = False
    query_heads: int | None = None
    """Default of `num_attention_heads`; None: the field is required."""
    key_value_heads: int | None = None
    """Default of `num_key_value_heads`; None: as many as query heads."""
    head_size: int | None = None
    """Default of `head_dim`; None: hidden size / query heads."""
    vocabulary_size: int | None = None
    """Default of `vocab_size`; None: the field is required."""
    bias_key: str | None = "attention_bias"
    """The field that switches on the biases of the q, k and v projections; None: they are fixed to `bias_default`."""
    bias_default: bool = False
    output_bias: bool = True
    """Whether the output projection follows `bias_key` as well."""
    feed_forward_bias_key: str | None = None
    feed_forward_bias_default: bool = False
    gated: bool = True
    hidden_norms: int = 2
    """Vectors of hidden size in the norms of one layer: scales, and shifts where a norm has them."""
    final_norms: int = 1
    query_key_norm: Literal["none", "head", "projection"] = "none"
    """Norm of queries and keys: none, one scale per element of a head, or one per element of the projection."""
    experts: Literal["none", "mixtral", "qwen"] = "none"


def no_windows(fields: ConfigFields, layers: int) -> Windows:
    """Full attention everywhere, whatever `sliding_window` says: this type does not read it."""
    return (None,) * layers


def window_everywhere(default_window: int | None) -> Callable[[ConfigFields, int], Windows]:
    """The same window in all layers, as for Mistral and Phi-3."""
    return lambda fields, layers: (_window(fields, default_window),) * layers


def window_above(fields: ConfigFields, layers: int) -> Windows:
    """Windows from layer `max_window_layers` (default 28) on, as for Qwen 2 and 3."""
    first = fields.natural("max_window_layers", 28)
    return _by_type(fields, [SLIDING if layer >= first else FULL for layer in range(layers)], switch=True)


def window_below_alternating(fields: ConfigFields, layers: int) -> Windows:
    """Windows in every other layer below `max_window_layers`, as transformers does for Qwen 2 MoE."""
    end = fields.natural("max_window_layers", 28)
    kinds = [SLIDING if layer % 2 == 0 and layer < end else FULL for layer in range(layers)]
    return _by_type(fields, kinds, switch=True)


def window_switched(fields: ConfigFields, layers: int) -> Windows:
    """The same window in all layers if `use_sliding_window` is true, as for Qwen 3 MoE."""
    return _by_type(fields, [SLIDING] * layers, switch=True)


def window_without_position(fields: ConfigFields, layers: int) -> Windows:
    """Windows in the layers without rotary positions, as for SmolLM3 (switched off in its releases)."""
    rotary = fields.sequence("no_rope_layers")
    if rotary is None:
        interval = fields.positive("no_rope_layer_interval", 4)
        rotary = [int((layer + 1) % interval != 0) for layer in range(layers)]
    if len(rotary) != layers:
        raise fields.error("no_rope_layers", f"has {len(rotary)} entries; it must have {layers}, one per layer")
    kinds = [FULL if has_rotary else SLIDING for has_rotary in rotary]
    return _by_type(fields, kinds, switch=True, default_window=None)


def window_pattern(default_period: int) -> Callable[[ConfigFields, int], Windows]:
    """Windows in all but every n-th layer, as for Gemma 2 (2), Gemma 3 (6) and OLMo 3 (4)."""

    def windows(fields: ConfigFields, layers: int) -> Windows:
        period = fields.positive("sliding_window_pattern", default_period)
        kinds = [SLIDING if (layer + 1) % period else FULL for layer in range(layers)]
        return _by_type(fields, kinds)

    return windows


def _window(fields: ConfigFields, default: int | None) -> int | None:
    """The window; an absent field means the type's default, an explicit null no window, as in transformers."""
    if not fields.boolean("use_sliding_window", True):
        return None
    if not fields.has("sliding_window"):
        return default
    return None if fields.get("sliding_window") is None else fields.positive("sliding_window")


def _by_type(
    fields: ConfigFields, kinds: list[str], *, switch: bool = False, default_window: int | None = DEFAULT_WINDOW
) -> Windows:
    """The window of each layer; `layer_types` overrides `kinds`; with `switch`, windows are off unless switched on."""
    given = fields.sequence("layer_types")
    if given is not None:
        if len(given) != len(kinds):
            raise fields.error("layer_types", f"has {len(given)} entries; it must have {len(kinds)}, one per layer")
        for kind in given:
            if kind not in (SLIDING, FULL):
                raise fields.error("layer_types", f"has {kind!r}; the formulas cover {SLIDING} and {FULL}")
        kinds = given
    if switch and not fields.boolean("use_sliding_window", False):
        return (None,) * len(kinds)
    window = _window(fields, default_window)
    return tuple(window if kind == SLIDING else None for kind in kinds)


_GEMMA_3 = Family(
    windows=window_pattern(6),
    tied_embeddings=True,
    query_heads=8,
    key_value_heads=4,
    head_size=256,
    vocabulary_size=262_208,
    hidden_norms=4,
    query_key_norm="head",
)

FAMILIES = {
    "gemma": Family(windows=no_windows, tied_embeddings=True, key_value_heads=16, head_size=256),
    "gemma2": Family(windows=window_pattern(2), tied_embeddings=True, key_value_heads=4, head_size=256, hidden_norms=4),
    "gemma3": _GEMMA_3,
    "gemma3_text": _GEMMA_3,
    "gpt_neox": Family(
        windows=no_windows,
        bias_default=True,
        feed_forward_bias_default=True,
        gated=False,
        hidden_norms=4,
        final_norms=2,
    ),
    "granite": Family(windows=no_windows, feed_forward_bias_key="mlp_bias"),
    "llama": Family(windows=no_windows, feed_forward_bias_key="mlp_bias"),
    "mistral": Family(windows=window_everywhere(DEFAULT_WINDOW), key_value_heads=8, bias_key=None),
    "mixtral": Family(windows=window_everywhere(None), key_value_heads=8, bias_key=None, experts="mixtral"),
    "olmo2": Family(windows=no_windows, query_key_norm="projection"),
    "olmo3": Family(windows=window_pattern(4), query_key_norm="projection"),
    "phi3": Family(windows=window_everywhere(None), bias_key=None),
    "qwen2": Family(windows=window_above, key_value_heads=32, bias_key=None, bias_default=True, output_bias=False),
    "qwen2_moe": Family(
        windows=window_below_alternating,
        key_value_heads=16,
        bias_key="qkv_bias",
        bias_default=True,
        output_bias=False,
        experts="qwen",
    ),
    "qwen3": Family(windows=window_above, key_value_heads=32, head_size=128, query_key_norm="head"),
    "qwen3_moe": Family(windows=window_switched, key_value_heads=4, query_key_norm="head", experts="qwen"),
    "smollm3": Family(
        windows=window_without_position, tied_embeddings=True, key_value_heads=4, feed_forward_bias_key="mlp_bias"
    ),
}
