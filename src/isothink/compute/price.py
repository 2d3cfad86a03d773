"""What one model costs: parameters, and FLOPs of one sequence under every convention. Called by api.py."""

from typing import Any

from isothink.compute.conventions import CONVENTIONS
from isothink.compute.lengths import token_count
from isothink.compute.parameters import parameter_counts
from isothink.compute.registry import lookup
from isothink.errors import UsageError

MOST_TOKENS = 10**12
"""Of a sequence; beyond it, costs are no use and integers of 64 bits are soon too small."""


def price_report(model: str, prompt_tokens: int, output_tokens: int) -> dict[str, Any]:
    """FLOPs of training on, and of serving, one sequence of prompt and output tokens.

    Training: one sequence of both, logits at all positions. Serving: prefill of the prompt, which gives the first
    output token, and decoding of the others. What a convention does not define is None. Raises UsageError for an
    unknown model or a count below 1.
    """
    prompt_tokens = token_count("prompt_tokens", prompt_tokens)
    output_tokens = token_count("output_tokens", output_tokens)
    for name, tokens in (("prompt_tokens", prompt_tokens), ("output_tokens", output_tokens)):
        if tokens > MOST_TOKENS:
            raise UsageError(f"{name} is {tokens}; it must be at most {MOST_TOKENS:,}")
    architecture = lookup(model)
    counts = parameter_counts(architecture)
    return {
        "model": architecture.name,
        "parameters": {"total": counts.total, "active": counts.active, "matmul": counts.matmul},
        "conventions": {
            name: {
                "training_flops": convention.training_flops(architecture, [prompt_tokens + output_tokens]),
                "prefill_flops": convention.prefill_flops(architecture, prompt_tokens),
                "decode_flops": convention.decode_flops(architecture, prompt_tokens, output_tokens),
            }
            for name, convention in CONVENTIONS.items()
        },
        "verified": architecture.verified,
    }
