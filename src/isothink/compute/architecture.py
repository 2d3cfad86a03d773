"""The shape of a decoder-only transformer in normalised terms, and how to read it from a Hugging Face `config.json`.

Everything that counts FLOPs or parameters takes an `Architecture`; registry.py looks published ones up.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import NonNegativeInt, PositiveInt, model_validator

from isothink.compute.config_fields import LARGEST_LAYER_COUNT, ConfigFields, shown
from isothink.compute.families import FAMILIES, Family
from isothink.compute.feed_forward import DenseFeedForward, ExpertFeedForward, FeedForward
from isothink.domain.record import Record
from isothink.errors import ArchitectureError


class Architecture(Record):
    """A decoder-only transformer: sizes in elements, one entry per layer where layers can differ."""

    name: str
    hidden_size: PositiveInt
    query_heads: PositiveInt
    key_value_heads: PositiveInt
    head_size: PositiveInt
    """Elements of one head; it may differ from hidden size / query heads."""
    vocabulary_size: PositiveInt
    tied_embeddings: bool
    """Whether the output head is the input embedding."""
    windows: tuple[PositiveInt | None, ...]
    """Attention window of each layer, in tokens and counting the query itself; None: full attention."""
    feed_forwards: tuple[FeedForward, ...]
    """Feed-forward part of each layer."""
    query_key_value_bias: bool = False
    output_bias: bool = False
    layer_norm_parameters: NonNegativeInt
    """Elements of all norms of one layer."""
    final_norm_parameters: NonNegativeInt
    verified: bool = False
    """Whether the fields were read from a configuration file, rather than filled in from memory."""

    @model_validator(mode="after")
    def _consistent(self) -> "Architecture":
        if not self.windows or len(self.windows) != len(self.feed_forwards):
            raise ValueError(
                f"{len(self.windows)} windows and {len(self.feed_forwards)} feed-forward parts; one per layer"
            )
        if self.query_heads % self.key_value_heads:
            raise ValueError(
                f"{self.query_heads} query heads do not share {self.key_value_heads} key/value heads evenly"
            )
        return self

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.windows)

    def window_counts(self) -> Counter[int | None]:
        """How many layers have each attention window."""
        return Counter(self.windows)

    def attention_matmul_weights(self) -> int:
        """Weights of the q, k, v and output projections of one layer."""
        return self.hidden_size * self.head_size * 2 * (self.query_heads + self.key_value_heads)


def architecture_from_config(config: Mapping[str, Any], name: str = "config.json") -> Architecture:
    """Read the fields of a Hugging Face `config.json`; a multimodal model's `text_config` is unwrapped.

    Absent fields get the defaults that transformers uses, except the sizes without which a model has no shape.
    Raises ArchitectureError, one line that names the key, for a model type that the formulas do not cover and for
    missing or impossible fields.
    """
    fields = ConfigFields(_text_config(config, name), name)
    family = _family(fields)
    _refuse_other_mathematics(fields)
    layers = fields.positive("num_hidden_layers", largest=LARGEST_LAYER_COUNT)
    hidden_size = fields.positive("hidden_size")
    query_heads = fields.positive("num_attention_heads", family.query_heads)
    key_value_heads = _key_value_heads(fields, family, query_heads)
    head_size = _head_size(fields, family, hidden_size, query_heads)
    bias = fields.boolean(family.bias_key, family.bias_default) if family.bias_key else family.bias_default
    query_key_norm = {
        "none": 0,
        "head": 2 * head_size,
        "projection": (query_heads + key_value_heads) * head_size,
    }[family.query_key_norm]
    return Architecture(
        name=name,
        hidden_size=hidden_size,
        query_heads=query_heads,
        key_value_heads=key_value_heads,
        head_size=head_size,
        vocabulary_size=fields.positive("vocab_size", family.vocabulary_size),
        tied_embeddings=fields.boolean("tie_word_embeddings", family.tied_embeddings),
        windows=family.windows(fields, layers),
        feed_forwards=_feed_forwards(fields, family, layers),
        query_key_value_bias=bias,
        output_bias=bias and family.output_bias,
        layer_norm_parameters=family.hidden_norms * hidden_size + query_key_norm,
        final_norm_parameters=family.final_norms * hidden_size,
        verified=True,
    )


def _text_config(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The text model's own fields; the outer model type and tying count where the inner ones are absent."""
    if not isinstance(config, Mapping):
        raise ArchitectureError(f"{name}: the configuration is {shown(config)}; it must be a JSON object")
    if config.get("is_encoder_decoder"):
        raise ArchitectureError(f"{name}: is_encoder_decoder is true; the formulas cover decoder-only transformers")
    inner = config.get("text_config")
    if inner is None:
        return config
    if not isinstance(inner, Mapping):
        raise ArchitectureError(f"{name}: text_config is {shown(inner)}; it must be a JSON object")
    outer = {key: config[key] for key in ("model_type", "tie_word_embeddings") if config.get(key) is not None}
    # transformers ties the whole model by the outer field and ignores the inner one
    tied = {key: value for key, value in outer.items() if key == "tie_word_embeddings"}
    return outer | {key: value for key, value in inner.items() if value is not None} | tied


def _family(fields: ConfigFields) -> Family:
    model_type = fields.get("model_type")
    if model_type is None:
        raise fields.error("model_type", "is missing; it must be one of " + ", ".join(FAMILIES))
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise fields.error(
            "model_type", f"{shown(model_type)} is not covered by the formulas; covered: {', '.join(FAMILIES)}"
        )
    return FAMILIES[model_type]


def _refuse_other_mathematics(fields: ConfigFields) -> None:
    """Refuse switches of a covered model type that change what is computed."""
    if fields.get("is_encoder_decoder"):
        raise fields.error("is_encoder_decoder", "is true; the formulas cover decoder-only transformers")
    if fields.get("use_bidirectional_attention"):
        raise fields.error("use_bidirectional_attention", "is set; the formulas cover causal attention")
    if fields.get("kv_lora_rank") is not None:
        raise fields.error("kv_lora_rank", "is set; the formulas do not cover latent attention")


def _key_value_heads(fields: ConfigFields, family: Family, query_heads: int) -> int:
    # an explicit null means "as many as query heads" in transformers, an absent field means the type's default
    absent = family.key_value_heads if not fields.has("num_key_value_heads") else None
    key_value_heads = fields.positive("num_key_value_heads", absent or query_heads)
    if query_heads % key_value_heads:
        given = "" if fields.has("num_key_value_heads") else " by default"
        raise fields.error(
            "num_key_value_heads", f"is {key_value_heads}{given}; it must divide num_attention_heads, {query_heads}"
        )
    return key_value_heads


def _head_size(fields: ConfigFields, family: Family, hidden_size: int, query_heads: int) -> int:
    default = family.head_size or hidden_size // query_heads
    if fields.get("head_dim") is None and family.head_size is None and hidden_size % query_heads:
        raise fields.error(
            "num_attention_heads", f"is {query_heads}; without head_dim it must divide hidden_size, {hidden_size}"
        )
    return fields.positive("head_dim", default)


def _feed_forwards(fields: ConfigFields, family: Family, layers: int) -> tuple[FeedForward, ...]:
    if family.experts == "none":
        return (_dense(fields, family),) * layers
    if family.experts == "mixtral":
        experts = ExpertFeedForward(**_routing(fields, ("num_local_experts", "num_experts"), "intermediate_size"))
        return (experts,) * layers
    step = fields.positive("decoder_sparse_step", 1)
    dense_layers = fields.sequence("mlp_only_layers") or []
    for layer in dense_layers:
        if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < layers:
            raise fields.error("mlp_only_layers", f"has {shown(layer)}; it must list layers from 0 to {layers - 1}")
    is_dense = [layer in dense_layers or (layer + 1) % step != 0 for layer in range(layers)]
    dense = _dense(fields, family) if any(is_dense) else None
    experts = _qwen_experts(fields)
    return tuple(dense if dense is not None and is_dense[layer] else experts for layer in range(layers))


def _dense(fields: ConfigFields, family: Family) -> DenseFeedForward:
    key, default = family.feed_forward_bias_key, family.feed_forward_bias_default
    return DenseFeedForward(
        size=fields.positive("intermediate_size"),
        gated=family.gated,
        bias=fields.boolean(key, default) if key else default,
    )


def _qwen_experts(fields: ConfigFields) -> ExpertFeedForward:
    # transformers 5 stores the number of experts of Qwen 3 as num_local_experts
    routing = _routing(fields, ("num_experts", "num_local_experts"), "moe_intermediate_size")
    if fields.get("model_type") == "qwen2_moe":
        shared_size = fields.positive("shared_expert_intermediate_size")
        return ExpertFeedForward(**routing, shared_size=shared_size, shared_gate=True)
    return ExpertFeedForward(**routing)


def _routing(fields: ConfigFields, experts_keys: tuple[str, str], size_key: str) -> dict[str, int]:
    experts_key = next((key for key in experts_keys if fields.get(key) is not None), experts_keys[0])
    experts = fields.positive(experts_key)
    active_experts = fields.positive("num_experts_per_tok")
    if active_experts > experts:
        raise fields.error("num_experts_per_tok", f"is {active_experts}; it must be at most {experts_key}, {experts}")
    return {"experts": experts, "active_experts": active_experts, "expert_size": fields.positive(size_key)}
