"""Measures a user's own pairs: lengths of prompts and of both answers, from a file of texts or of token counts.

Called by ask.py. A text is measured in bytes; a row of three numbers holds token counts. The first usable row says
which the file holds. Rows that do not fit are counted and left out.
"""

import math
from pathlib import Path
from typing import Any

from isothink.errors import UsageError
from isothink.evidence.prior_lengths import LengthSums, PairLengths
from isothink.store.rows import read_rows

COLUMNS = ("prompt", "ift", "reasoning")
MOST_TOKENS = 10_000_000
"""Of one text; more is no length but a mistake."""
_MOST_COLUMNS_SHOWN = 20


class _MisfitError(Exception):
    """Why a row has no lengths."""


def pair_lengths(path: Path, *, bytes_per_token: float) -> PairLengths:
    """The mean lengths of the pairs in a file with the columns prompt, ift and reasoning.

    Raises:
        UsageError: no such file, a column is missing, or no row can be used.
    """
    counts: bool | None = None
    sums = LengthSums(1.0)
    skipped, problem = 0, ""
    checked = False
    for row in read_rows(path):
        try:
            if row.values is None:
                raise _MisfitError(row.problem)
            if not checked:
                _require_columns(path, row.values)
                checked = True
            cells = [row.values.get(column) for column in COLUMNS]
            if counts is None:
                counts = all(_is_number(cell, path) for cell in cells)
                sums = LengthSums(1.0 if counts else bytes_per_token)
            prompt, ift, reasoning = [
                _length(cell, column, counts) for cell, column in zip(cells, COLUMNS, strict=True)
            ]
        except _MisfitError as misfit:
            skipped += 1
            problem = problem or f"row {row.number}: {misfit}"
            continue
        sums.add(prompt, (ift, reasoning))
    if not sums.rows:
        raise UsageError(
            f"{path}: found no row with a prompt and both answers{f' ({problem})' if problem else ''}",
            hint="columns prompt, ift and reasoning, all texts or all token counts",
        )
    return sums.lengths(in_bytes=not counts, skipped=skipped, first_problem=problem)


def _require_columns(path: Path, values: dict[str, Any]) -> None:
    found = [str(name) for name in values]
    for column in COLUMNS:
        if column not in found:
            shown = ", ".join(name[:64] for name in found[:_MOST_COLUMNS_SHOWN]) or "none"
            raise UsageError(f"{path}: found no column {column!r}, its columns are {shown}")


def _is_number(cell: Any, path: Path) -> bool:
    """Whether a cell is a count; in CSV, where all is text, one that reads as a number."""
    if isinstance(cell, str) and path.suffix.lower() == ".csv":
        try:
            float(cell)
        except ValueError:
            return False
        return True
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _length(cell: Any, column: str, counts: bool) -> float:
    if counts:
        return _count(cell, column)
    if isinstance(cell, bytes):
        length = len(cell)
    elif isinstance(cell, str):
        length = len(cell.encode("utf-8", errors="replace"))
    elif cell is None:
        length = 0
    else:
        raise _MisfitError(f"column {column!r} holds {type(cell).__name__}, where a text is expected")
    if not length:
        raise _MisfitError(f"column {column!r} is empty")
    return float(length)


def _count(cell: Any, column: str) -> float:
    try:
        tokens = math.nan if isinstance(cell, bool) or cell is None else float(cell)
    except (TypeError, ValueError, OverflowError):
        tokens = math.nan
    if not 1 <= tokens <= MOST_TOKENS:
        shown = " ".join(repr(cell).split())[:40]
        raise _MisfitError(f"column {column!r} holds {shown}; allowed are token counts from 1 to {MOST_TOKENS}")
    return tokens
