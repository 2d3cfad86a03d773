"""Whether prompts and their answers fit into a student's positions. Used by the answerers."""

from collections.abc import Sequence
from typing import Any

from isothink.errors import UsageError


def positions_of(config: Any) -> int | None:
    """How many tokens a prompt and its answer may have together, where a configuration of `transformers` says so."""
    most = getattr(config.get_text_config(), "max_position_embeddings", None)
    return most if isinstance(most, int) and most > 0 else None


def require_positions(positions: int | None, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> None:
    """Refuses a cap that the longest prompt leaves no room for.

    Raises:
        UsageError: a prompt and its answer may need more positions than there are.
    """
    longest = max(map(len, prompts), default=0)
    if positions is not None and longest + max_new_tokens > positions:
        raise UsageError(
            f"evaluation.max_new_tokens: found {max_new_tokens}, allowed are numbers up to"
            f" {max(0, positions - longest)}: the student has {positions} positions and the longest"
            f" prompt takes {longest}"
        )
