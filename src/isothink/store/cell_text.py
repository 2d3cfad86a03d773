"""A cell of a data set's row, as text. Called by teacher/ and benchmark/ for the rows that rows.py reads."""

import json
import math
from decimal import Decimal
from typing import Any

_LARGEST_WHOLE_FLOAT = 2.0**53


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing; tables made by pandas hold NaN for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def cell_text(value: Any) -> str:
    """A cell as text: whole numbers without a fraction, lists with commas, empty where it is missing."""
    if isinstance(value, str):
        return value
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_WHOLE_FLOAT else repr(value)
    if isinstance(value, Decimal):
        return str(int(value)) if value.is_finite() and value == value.to_integral_value() else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(cell_text(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def cell_reference(value: Any, after: str | None) -> str | None:
    """A reference answer: what follows the last `after` where that stands in the text; None where nothing is left."""
    text = cell_text(value)
    if after:
        text = text.rpartition(after)[2]
    return text.strip() or None
