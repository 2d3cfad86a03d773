"""A table of values by size, from a file to predictions: columns, units, caps, repeated rows. Called by api.py."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isothink.errors import UsageError
from isothink.evidence.prediction import GainOver, Mode, Unit, predict
from isothink.evidence.prediction_record import Prediction
from isothink.evidence.size_series import SizeSeries
from isothink.evidence.value_scale import ScaleName
from isothink.store.cell_text import cell_text
from isothink.store.row_filter import as_number, parse_conditions
from isothink.store.rows import read_rows

TEACHER = "teacher"
ARM = "arm"
BASELINE = "ift"
MISSING = ("", "na", "n/a", "nan", "null", "none", "-")
LARGEST_TABLE = 100_000
"""Rows."""
WIDEST = 1e9
"""The largest size over the smallest."""


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """What the columns of a table mean."""

    size: str
    value: str
    by: tuple[str, ...]
    cap: str | None = None
    unit: Literal["percent", "fraction"] | None = None
    scale: ScaleName = "logit"


@dataclass(frozen=True, kw_only=True)
class _Cell:
    number: int
    key: tuple[str, ...]
    size: float
    value: float | None
    cap: float | None


def predict_table(
    path: Path,
    columns: TableColumns,
    *,
    where: str | None = None,
    at: tuple[float, ...] = (),
    hold_out: tuple[float, ...] = (),
    mode: Mode = "larger",
    gain_over: GainOver | None = None,
) -> Prediction:
    """Reads a table and predicts; gains are over `ift` of a column `arm`, unless they are asked over another.

    Raises:
        UsageError: the file, a column, a value, a size or the expression is wrong.
    """
    rows, notes = _rows(path)
    names = list(rows[0][1])
    for name in (columns.size, columns.value, *columns.by, *([columns.cap] if columns.cap else [])):
        if name not in names:
            raise UsageError(f"{path}: no column {name!r}, the table has {', '.join(names)}")
    if where is not None:
        conditions = parse_conditions(where, names)
        rows = [row for row in rows if all(condition.holds(row[1]) for condition in conditions)]
    taught = ARM in columns.by and columns.scale == "logit"
    cells = [_cell(path, number, row, columns) for number, row in rows]
    arm = columns.by.index(ARM) if taught else 0
    students = [cell for cell in cells if not (taught and cell.key[arm] == TEACHER)]
    if not any(cell.value is not None for cell in students):
        raise UsageError(f"{path}: no row is left with a value of {columns.value}", hint="see --where and --value")
    unit = _unit(path, cells, columns)
    teachers = [cell for cell in cells if taught and cell.key[arm] == TEACHER]
    series, more = _series(students, teachers, arm, unit)
    _check_sizes(path, series, at, hold_out)
    return predict(
        replace(series, scale=columns.scale),
        columns.by,
        at=at,
        hold_out=hold_out,
        mode=mode,
        unit=unit,
        gain_over=_gain_over(path, series, columns.by, gain_over),
        notes=(*notes, *more),
    )


def _gain_over(path: Path, series: SizeSeries, by: tuple[str, ...], asked: GainOver | None) -> GainOver | None:
    """What was asked for, if the table has it; else arms over `ift` where there are such."""
    wanted = asked or GainOver(column=ARM, baseline=BASELINE)
    levels = {key[by.index(wanted.column)] for key in series.keys} if wanted.column in by else set()
    if wanted.baseline in levels:
        return wanted
    if asked is None:
        return None
    if wanted.column not in by:
        raise UsageError(f"--gain: found the column {wanted.column!r}, allowed are those of --by: {', '.join(by)}")
    there = ", ".join(sorted(levels))
    raise UsageError(f"--gain: no row of {path} has {wanted.column} {wanted.baseline!r}, allowed are {there}")


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    rows, faults = [], []
    for row in read_rows(path):
        if row.values is None:
            faults.append(f"row {row.number} cannot be read and is left out: {row.problem}")
        else:
            rows.append((row.number, row.values))
        if len(rows) > LARGEST_TABLE:
            raise UsageError(f"{path}: found more than {LARGEST_TABLE} rows", hint="predict from means per cell")
    if not rows:
        raise UsageError(f"{path}: found no row{f': {faults[0]}' if faults else ''}")
    return rows, faults[:20]


def _cell(path: Path, number: int, row: Mapping[str, Any], columns: TableColumns) -> _Cell:
    size = _number(path, number, row, columns.size)
    if size is None or size <= 0:
        found = cell_text(row.get(columns.size)) or "nothing"
        raise UsageError(f"{path}: row {number}: {columns.size} is {found}, allowed are numbers above 0")
    return _Cell(
        number=number,
        key=tuple(cell_text(row.get(name)).strip() for name in columns.by),
        size=size,
        value=_number(path, number, row, columns.value),
        cap=_number(path, number, row, columns.cap) if columns.cap else None,
    )


def _number(path: Path, number: int, row: Mapping[str, Any], column: str) -> float | None:
    text = cell_text(row.get(column)).strip()
    if text.lower() in MISSING:
        return None
    value = as_number(text)
    if value is None:
        raise UsageError(
            f"{path}: row {number}: {column} is {text!r}, allowed is a number",
            hint="a missing cell is empty",
        )
    return value


def _unit(path: Path, cells: list[_Cell], columns: TableColumns) -> Unit:
    values = [(cell.number, value) for cell in cells for value in (cell.value, cell.cap) if value is not None]
    if columns.scale == "log":
        for number, value in values:
            if value <= 0:
                raise UsageError(f"{path}: row {number}: {columns.value} is {value:g}, allowed is more than 0")
        return "plain"
    unit = columns.unit or ("percent" if any(value > 1.0 for _, value in values) else "fraction")
    if columns.unit is None and "percent" in columns.value.lower():
        unit = "percent"
    most = 100.0 if unit == "percent" else 1.0
    for number, value in values:
        if not 0.0 <= value <= most:
            hint = "see --unit; --scale log is for quantities without a cap"
            raise UsageError(f"{path}: row {number}: found {value:g}, allowed is 0 to {most:g} ({unit})", hint=hint)
    return unit


def _series(students: list[_Cell], teachers: list[_Cell], arm: int, unit: Unit) -> tuple[SizeSeries, list[str]]:
    """Cells as arrays, in an order that does not depend on that of the rows."""
    factor = 100.0 if unit == "percent" else 1.0
    keys = sorted({cell.key for cell in students})
    sizes = sorted({cell.size for cell in students})
    found: dict[tuple[tuple[str, ...], float], list[float]] = {}
    for cell in students:
        if cell.value is not None:
            found.setdefault((cell.key, cell.size), []).append(cell.value / factor)
    values = np.full((len(keys), len(sizes)), np.nan)
    for (key, size), several in found.items():
        values[keys.index(key), sizes.index(size)] = float(np.mean(sorted(several)))
    notes = []
    repeated = sum(len(several) > 1 for several in found.values())
    if repeated:
        notes.append(f"cells with several rows, which count with their mean: {repeated}; is a column missing in --by?")
    missing = sum(cell.value is None for cell in students)
    if missing:
        notes.append(f"rows that hold no value and are left out: {missing}")
    levels = [{key[column] for key in keys} for column in range(len(keys[0]))]
    caps = np.array([_cap(key, students, teachers, levels, arm) for key in keys]) / factor
    return SizeSeries(keys=tuple(keys), sizes=np.array(sizes), values=values, caps=caps), notes


def _cap(key: tuple[str, ...], students: list[_Cell], teachers: list[_Cell], levels: list[set[str]], arm: int) -> float:
    """The cap column's highest value, else the teacher that shares the most columns; a level of its own is no match."""
    own = [cell.cap for cell in students if cell.key == key and cell.cap is not None]
    if own:
        return max(own)
    matches: dict[int, list[float]] = {}
    for teacher in teachers:
        shared = [column for column in range(len(key)) if column != arm and teacher.key[column] in levels[column]]
        if teacher.value is not None and all(teacher.key[column] == key[column] for column in shared):
            matches.setdefault(len(shared), []).append(teacher.value)
    return float(np.mean(matches[max(matches)])) if matches else float("nan")


def _check_sizes(path: Path, series: SizeSeries, at: tuple[float, ...], hold_out: tuple[float, ...]) -> None:
    if series.sizes[-1] / series.sizes[0] > WIDEST:
        found = f"{series.sizes[0]:g} to {series.sizes[-1]:g}"
        raise UsageError(f"{path}: found sizes from {found}, allowed is a factor of {WIDEST:g}", hint="in one unit")
    for size in (*at, *hold_out):
        if not (np.isfinite(size) and size > 0):
            raise UsageError(f"--at and --hold-out: found {size:g}, allowed are numbers above 0")
    for size in hold_out:
        if not np.isclose(series.sizes, size, rtol=1e-9, atol=0.0).any():
            there = ", ".join(f"{known:g}" for known in series.sizes)
            raise UsageError(f"--hold-out: no row of {path} has the size {size:g}, the sizes are {there}")
