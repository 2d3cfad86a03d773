"""Students as architectures, checked against the tokenizer. Used by plan/ and by the checks of a study file."""

import difflib
from collections.abc import Mapping
from typing import Any

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.domain.study import Study
from isothink.errors import ArchitectureError, StudyError

SHAPE_KEYS = frozenset(
    "model_type hidden_size num_hidden_layers intermediate_size num_attention_heads num_key_value_heads head_dim"
    " vocab_size tie_word_embeddings attention_bias mlp_bias qkv_bias use_sliding_window sliding_window"
    " sliding_window_pattern max_window_layers layer_types no_rope_layers no_rope_layer_interval num_experts"
    " num_local_experts num_experts_per_tok moe_intermediate_size shared_expert_intermediate_size decoder_sparse_step"
    " mlp_only_layers text_config".split()
)
"""Fields of a Hugging Face configuration that move FLOPs or parameters."""

OTHER_KEYS = frozenset(
    "_name_or_path architectures attention_dropout attention_multiplier attn_logit_softcapping bos_token_id"
    " classifier_dropout dtype embedding_multiplier eos_token_id final_logit_softcapping hidden_act hidden_activation"
    " hidden_dropout initializer_range layer_norm_eps logits_scaling max_position_embeddings norm_topk_prob"
    " original_max_position_embeddings output_router_logits pad_token_id partial_rotary_factor pretraining_tp"
    " query_pre_attn_scalar residual_multiplier rms_norm_eps rope_local_base_freq rope_parameters rope_scaling"
    " rope_theta rotary_emb_base rotary_pct router_aux_loss_coef torch_dtype transformers_version use_cache"
    " use_parallel_residual".split()
)
"""Fields that `transformers` reads and that move neither."""

REFUSED_KEYS = frozenset({"is_encoder_decoder", "kv_lora_rank", "use_bidirectional_attention"})
"""Fields by which the formulas know that they do not cover a model."""

POSITIONS_KEY = "max_position_embeddings"


def shape_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model's own configuration, what a study needs: its shape, and how many positions it has."""
    wanted = SHAPE_KEYS | REFUSED_KEYS | {POSITIONS_KEY}
    fields = {key: value for key, value in config.items() if key in wanted}
    inner = fields.get("text_config")
    return {**fields, "text_config": shape_fields(inner)} if isinstance(inner, Mapping) else fields


def positions_of(study: Study, index: int) -> int | None:
    """How many tokens a student can read at once, where its configuration says so."""
    fields = study.students[index].architecture or {}
    inner = fields.get("text_config")
    found = (inner if isinstance(inner, Mapping) else fields).get(POSITIONS_KEY)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def longest_sequence(study: Study) -> int | None:
    """The most tokens that a pair may have in either format: what the study says, else what every student can read.

    None where neither says anything.

    Raises:
        StudyError: the study allows more than some student can read.
    """
    given = study.training.max_tokens
    known = [(positions_of(study, index), student.name) for index, student in enumerate(study.students)]
    limits = [(positions, name) for positions, name in known if positions is not None]
    if not limits:
        return given
    positions, name = min(limits)
    if given is not None and given > positions:
        raise StudyError(
            f"training.max_tokens: found {given}, allowed are numbers up to {positions},"
            f" the positions of student {name}"
        )
    return given or positions


def refuse_unknown_keys(study: Study, index: int) -> None:
    """A misspelt key would silently leave its default in place, and so another model than the one that was meant.

    Raises:
        StudyError: naming the key.
    """
    if study.students[index].model is not None:
        return  # its configuration is not the user's writing
    for key in study.students[index].architecture or {}:
        if key not in SHAPE_KEYS | OTHER_KEYS:
            near = difflib.get_close_matches(key, SHAPE_KEYS | OTHER_KEYS, n=1)
            raise StudyError(
                f"students[{index}].architecture.{key}: found an unknown key,"
                " allowed are the fields of a Hugging Face config.json of a decoder-only transformer",
                hint=f"did you mean {near[0]}?" if near else "",
            )


def student_config(study: Study, index: int, vocabulary_size: int) -> dict[str, Any]:
    """The Hugging Face configuration of one student; of random weights, its vocabulary filled in.

    Raises:
        StudyError: the study gives a vocabulary smaller than the tokenizer's.
    """
    settings = study.students[index]
    config: dict[str, Any] = dict(settings.architecture or {})
    if settings.model is not None:
        return config
    given = config.setdefault("vocab_size", vocabulary_size)
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given < vocabulary_size:
        raise StudyError(
            f"students[{index}].architecture.vocab_size: found {given},"
            f" allowed are numbers from the tokenizer's {vocabulary_size} on"
        )
    return config


def student_architecture(study: Study, index: int, vocabulary_size: int) -> Architecture:
    """The shape of one student.

    Raises:
        StudyError: the formulas do not cover it, or its vocabulary is too small; the message begins with the key.
    """
    settings = study.students[index]
    refuse_unknown_keys(study, index)
    key = f"students[{index}].{'architecture' if settings.model is None else 'model'}"
    try:
        architecture = architecture_from_config(student_config(study, index, vocabulary_size), name=settings.name)
    except ArchitectureError as error:
        raise StudyError(f"{key}: {error.message}", hint=error.hint) from None
    if architecture.vocabulary_size < vocabulary_size:
        raise StudyError(
            f"{key}: found a vocabulary of {architecture.vocabulary_size} tokens,"
            f" the tokenizer needs {vocabulary_size}",
            hint="tokenizer.model names the tokenizer of all students; larger vocabularies than its own are fine",
        )
    if settings.model is None and architecture.head_size % 2:
        raise StudyError(
            f"{key}.head_dim: found {architecture.head_size},"
            " allowed are even numbers: rotary positions turn pairs of elements"
        )
    return architecture
