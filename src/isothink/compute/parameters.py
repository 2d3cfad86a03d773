"""How many parameters an architecture has: in total, active per token, in matrix products. Exact, from its shape."""

from isothink.compute.architecture import Architecture
from isothink.domain.record import Record


class ParameterCounts(Record):
    """Parameter counts of one architecture, in elements."""

    total: int
    """All parameters; a tied embedding once."""
    active: int
    """All but those of the experts that a token does not visit."""
    matmul: int
    """Every weight that enters a matrix product, of all experts; the output head once even when tied."""
    without_embedding: int
    """All outside `nn.Embedding`, so that a tied output head is left out as well: what transformers' trainer counts."""


def parameter_counts(architecture: Architecture) -> ParameterCounts:
    """Count the parameters of an architecture."""
    hidden_size, head_size = architecture.hidden_size, architecture.head_size
    head = architecture.vocabulary_size * hidden_size
    key_value_size = architecture.key_value_heads * head_size
    attention_bias = (
        architecture.query_heads * head_size + 2 * key_value_size if architecture.query_key_value_bias else 0
    )
    attention_bias += hidden_size if architecture.output_bias else 0
    per_layer = attention_bias + architecture.layer_norm_parameters
    parts = architecture.feed_forwards
    matmul = architecture.layers * architecture.attention_matmul_weights()
    matmul += sum(part.matmul_weights(hidden_size) for part in parts)
    vectors = architecture.layers * per_layer + architecture.final_norm_parameters
    vectors += sum(part.bias_parameters(hidden_size) for part in parts)
    total = matmul + vectors + (head if architecture.tied_embeddings else 2 * head)
    idle = sum(part.matmul_weights(hidden_size) - part.active_matmul_weights(hidden_size) for part in parts)
    return ParameterCounts(total=total, active=total - idle, matmul=matmul + head, without_embedding=total - head)
