"""Reads a table with one row per answer, of any tool, into import rows. Called by api.import_results."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isothink.errors import UsageError
from isothink.run.import_facts import FACTS, make_cell, published
from isothink.run.import_record import ImportedCell
from isothink.run.import_row import ImportRow
from isothink.run.import_values import (
    as_count,
    as_float,
    as_item,
    as_name,
    as_score,
    as_stop_reason,
    as_text,
    as_think_state,
    shown,
)
from isothink.store.rows import read_rows

ANSWER_COLUMNS = (
    *("item", "score", "correct", "benchmark", "family", "cluster", "repeat", "think_state", "stop_reason"),
    *("prompt_tokens", "trace_tokens", "answer_tokens", "inference_flops"),
    *("text", "prompt", "reference", "extracted", "error"),
)
COLUMNS = (*ANSWER_COLUMNS, *FACTS)
LOOKS_LIKE = {
    "student": ("model", "model_name", "size", "name"),
    "arm": ("format", "method", "training"),
    "item": ("id", "question_id", "doc_id"),
    "score": ("acc", "accuracy", "is_correct"),
}
"""What tables of other tools call a column that the import needs."""
MOST_ROWS = 5_000_000


def read_table(
    path: Path, *, names: Mapping[str, str], constants: Mapping[str, str]
) -> tuple[list[ImportRow], tuple[str, ...]]:
    """The rows of a table, and notes. `names` maps isothink's columns to the file's, `constants` fill in for columns.

    Raises:
        UsageError: the file, a column or a value is wrong; the message names the row.
    """
    for name in (*names, *constants):
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else f"columns: {', '.join(COLUMNS)}"
            raise UsageError(f"found {shown(name)} where one of isothink's columns should stand", hint=hint)
    both = sorted(set(names) & set(constants))
    if both:
        raise UsageError(f"{both[0]}: found --map and --set, allowed is one of them")
    reader = _TableReader(path, names, constants)
    rows, faults = [], []
    for row in read_rows(path):
        if row.values is None:
            faults.append(f"row {row.number}: {row.problem}")
            continue
        rows.append(reader.row(row.number, row.values))
        if len(rows) > MOST_ROWS:
            raise UsageError(f"{path}: found more than {MOST_ROWS:,} rows", hint="import it in parts")
    if not rows:
        raise UsageError(f"{path}: found no row that can be read{f': {faults[0]}' if faults else ''}")
    notes = [*reader.notes()]
    if faults:
        notes.append(f"{path.name}: {len(faults)} rows cannot be read and are left out, the first {faults[0]}")
    return rows, tuple(notes)


class _TableReader:
    def __init__(self, path: Path, names: Mapping[str, str], constants: Mapping[str, str]) -> None:
        self._path = path
        # a column that is mapped to another name is not that of its own name as well
        own = {name: name for name in COLUMNS if name not in set(names.values())}
        self._names = {**own, **names}
        self._constants = constants
        self._cells: dict[tuple[str, ...], ImportedCell] = {}
        self._columns: set[str] = set()
        self._checked = False

    def notes(self) -> Sequence[str]:
        """Columns that were not read: a misspelled one would otherwise count as missing without a word."""
        unread = sorted(self._columns - set(self._names.values()))
        return [f"columns not read: {', '.join(shown(name) for name in unread[:10])}"] if unread else []

    def row(self, number: int, values: Mapping[str, Any]) -> ImportRow:
        """One row."""
        where = f"{self._path}: row {number}"
        self._columns.update(values)
        if not self._checked:
            self._check_columns(values)
        value = dict.fromkeys(COLUMNS) | {name: values.get(column) for name, column in self._names.items()}
        value |= self._constants
        benchmark = as_name(value["benchmark"], where, "benchmark") or self._path.stem
        item = as_item(value["item"], where)
        return ImportRow(
            where=where,
            cell=self._cell(value, where),
            benchmark=benchmark,
            family=as_name(value["family"], where, "family") or benchmark,
            item=item,
            cluster=as_text(value["cluster"]) or item,
            repeat=as_count(value["repeat"], where, "repeat") or 0,
            score=self._score(value, where),
            error=as_text(value["error"]) or None,
            text=as_text(value["text"]),
            prompt=as_text(value["prompt"]),
            reference=as_text(value["reference"]),
            extracted=as_text(value["extracted"]),
            think_state=as_think_state(value["think_state"], where),
            stop_reason=as_stop_reason(value["stop_reason"], where),
            prompt_tokens=as_count(value["prompt_tokens"], where, "prompt_tokens"),
            trace_tokens=as_count(value["trace_tokens"], where, "trace_tokens"),
            answer_tokens=as_count(value["answer_tokens"], where, "answer_tokens"),
            inference_flops=as_float(value["inference_flops"], where, "inference_flops"),
        )

    def _score(self, value: Mapping[str, Any], where: str) -> float | None:
        score = as_score(value["score"], where)
        return as_score(value["correct"], where, "correct") if score is None else score

    def _check_columns(self, values: Mapping[str, Any]) -> None:
        """Of the first row alone: rows of JSON may leave out what is empty."""
        self._checked = True
        there = ", ".join(shown(name) for name in list(values)[:30])
        for name, column in self._names.items():
            if column != name and column not in values:
                raise UsageError(f"{self._path}: no column {shown(column)} for {name}, the table has {there}")
        for choice in (("item",), ("score", "correct"), ("student",), ("arm",)):
            if not any(name in self._constants or self._names.get(name) in values for name in choice):
                raise UsageError(
                    f"{self._path}: no column {' or '.join(choice)}, the table has {there}",
                    hint=self._how(choice[0], values),
                )

    def _how(self, name: str, values: Mapping[str, Any]) -> str:
        """How to give a column that the table lacks; one that looks like it is named, but never taken by itself."""
        unread = [column for column in values if column not in COLUMNS or column in LOOKS_LIKE.get(name, ())]
        near = [column for column in LOOKS_LIKE.get(name, ()) if column in unread]
        near += difflib.get_close_matches(name, unread, n=1)
        value = f"; or --set {name}=VALUE" if name in FACTS else ""
        return f"--map {name}={near[0] if near else 'NAME'} says what it is called there{value}"

    def _cell(self, value: Mapping[str, Any], where: str) -> ImportedCell:
        key = tuple(repr(value[name]) for name in FACTS)
        if key not in self._cells:
            model = as_name(value["model"], where, "model")
            if model is not None:
                published(model, where, "model")
            self._cells[key] = make_cell(
                value, where, how=lambda name: f"give a column {name}, --map {name}=COLUMN or --set {name}=VALUE"
            )
        return self._cells[key]
