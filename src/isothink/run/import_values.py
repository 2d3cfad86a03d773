"""Values of other tools' files, checked: numbers, scores, names, states. Called by the readers of imports."""

import math
from collections.abc import Mapping
from typing import Any

from isothink.domain.sample import StopReason, ThinkState
from isothink.errors import UsageError
from isothink.store.cell_text import cell_text, is_missing
from isothink.store.row_filter import as_number

LONGEST_NAME = 200
LONGEST_ITEM = 2_000
LARGEST_COUNT = 2**31 - 1
MISSING = ("", "na", "n/a", "nan", "null", "none")
TRUE, FALSE = ("true", "yes", "right", "correct"), ("false", "no", "wrong", "incorrect")
STOP_REASONS: Mapping[str, StopReason] = {
    **dict.fromkeys(("end", "stop", "eos", "end_turn", "stop_sequence"), "end"),
    **dict.fromkeys(("length", "max_tokens", "model_length", "max_length"), "length"),
    **dict.fromkeys(("failed", "error", "content_filter"), "failed"),
}
THINK_STATES: Mapping[str, ThinkState] = {
    "none": "none",
    "closed": "closed",
    "orphan_close": "orphan_close",
    "unclosed": "unclosed",
}
SHOWN = 60


def shown(value: Any) -> str:
    """A value in an error, short."""
    text = cell_text(value)
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def is_empty(value: Any) -> bool:
    """Whether a file says nothing there."""
    return is_missing(value) or (isinstance(value, str) and value.strip().lower() in MISSING)


def as_text(value: Any) -> str | None:
    """A text as it stands, None where there is none; half surrogate pairs cannot be stored."""
    if is_missing(value):
        return None
    return cell_text(value).encode("utf-8", "replace").decode("utf-8")


def as_name(value: Any, where: str, column: str) -> str | None:
    """A name that tables and figures can show, None where there is none.

    Raises:
        UsageError: it is long, or holds signs that cannot be printed.
    """
    if is_missing(value) or not cell_text(value).strip():
        return None
    text = cell_text(value).strip()
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise UsageError(
            f"{where}: {column}: found {shown(text)}, allowed are at most {LONGEST_NAME} printable characters"
        )
    return text


def as_item(value: Any, where: str) -> str:
    """An item's id.

    Raises:
        UsageError: it is missing or long.
    """
    text = (as_text(value) or "").strip()
    if not text or len(text) > LONGEST_ITEM:
        raise UsageError(f"{where}: item: found {shown(text)}, allowed are 1 to {LONGEST_ITEM} characters")
    return text


def as_float(value: Any, where: str, column: str, *, least: float = 0.0, above: bool = False) -> float | None:
    """A finite number of at least (or above) `least`, None where there is none.

    Raises:
        UsageError: it is no such number.
    """
    if is_empty(value):
        return None
    number = as_number(cell_text(value).strip())
    if isinstance(value, bool) or number is None or number < least or (above and number == least):
        bound = f"above {least:g}" if above else f"of at least {least:g}"
        raise UsageError(f"{where}: {column}: found {shown(value)}, allowed is a finite number {bound}")
    return number


def as_count(value: Any, where: str, column: str, *, least: int = 0, most: int = LARGEST_COUNT) -> int | None:
    """A whole number, None where there is none.

    Raises:
        UsageError: it is none, or out of range.
    """
    number = as_float(value, where, column, least=float(least))
    if number is None:
        return None
    if not number.is_integer() or number > most:
        raise UsageError(
            f"{where}: {column}: found {shown(value)}, allowed are whole numbers from {least} to {most:.3g}"
        )
    return int(number)


def as_score(value: Any, where: str, column: str = "score") -> float | None:
    """A score from 0 to 1, None where the answer has none (an empty cell, NaN).

    Raises:
        UsageError: it is none. A score out of range is never cut to it: it may be a percentage, or a loss.
    """
    if isinstance(value, bool):
        return float(value)
    if is_empty(value):
        return None
    text = cell_text(value).strip().lower()
    if text in TRUE or text in FALSE:
        return float(text in TRUE)
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if not 0.0 <= number <= 1.0:
        raise UsageError(
            f"{where}: {column}: found {shown(value)}, allowed are 0 to 1, true and false, and nothing for no score",
            hint="percentages must be divided by 100",
        )
    return number


def as_stop_reason(value: Any, where: str) -> StopReason | None:
    """How a generation ended, in isothink's words or those of common servers.

    Raises:
        UsageError: it is another word.
    """
    if is_empty(value):
        return None
    found = STOP_REASONS.get(cell_text(value).strip().lower())
    if found is None:
        raise UsageError(f"{where}: stop_reason: found {shown(value)}, allowed are {', '.join(STOP_REASONS)}")
    return found


def as_think_state(value: Any, where: str) -> ThinkState | None:
    """A think state.

    Raises:
        UsageError: it is another word.
    """
    if is_missing(value) or not cell_text(value).strip():
        return None
    found = THINK_STATES.get(cell_text(value).strip().lower())
    if found is None:
        raise UsageError(f"{where}: think_state: found {shown(value)}, allowed are {', '.join(THINK_STATES)}")
    return found
