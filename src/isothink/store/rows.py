"""Rows of users' data files, one at a time: JSON lines, Parquet, CSV. Called by run/ and backends/ for prompt sets.

A row that cannot be read is a row with a problem, so that one torn line never costs a whole file.
"""

import csv
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from isothink.errors import UsageError

LONGEST_LINE = 64 * 2**20
"""Bytes of a line of JSON, characters of a field or line of CSV."""
LARGEST_ARRAY = 256 * 2**20
"""Bytes of a `.json` file that is one array; it is read whole."""
DEEPEST = 64
BATCH_ROWS = 64

_ALLOWED = ".jsonl, .ndjson, .json, .parquet and .csv"
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_UNFIT = (ValueError, ArithmeticError, pa.ArrowException)
"""What pyarrow raises for a value that Python cannot hold: bytes that are no UTF-8, a year 10,000."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `number` is its line or its position, from 1. Without `values`, `problem` says why in one line."""

    number: int
    values: dict[str, Any] | None
    problem: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file in its order, read as they are asked for.

    Half surrogate pairs are replaced, since what is read here is written as UTF-8 later; NaN stays.

    Raises:
        UsageError: no such file, another ending, no Parquet file.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        found = f"the ending {path.suffix!r}" if path.suffix else "no ending"
        raise UsageError(f"{path}: found {found}, allowed are {_ALLOWED}")
    _require_file(path)
    return reader(path)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, computed once in a process for each state of it.

    Raises:
        UsageError: no such file, or it cannot be read.
    """
    _require_file(path)
    status = path.stat()
    return _digest(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, modified: int) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _require_file(path: Path) -> None:
    try:
        if path.is_file() and os.access(path, os.R_OK):
            return
        there = path.exists()
    except (OSError, ValueError):  # a name too long, a null byte
        there = False
    if there:
        raise UsageError(f"{path}: cannot be read: allowed is a file that this user may read")
    raise UsageError(
        f"{path}: no such file",
        hint="relative paths in a study file are beside it, those on the command line below the current folder",
    )


def table_rows(batch: Any, first: int) -> Iterator[Row]:
    """The rows of an Arrow batch or table, counted from `first`; backends/ calls it with batches of its own."""
    try:
        values = batch.to_pylist()
    except _UNFIT:
        for offset in range(batch.num_rows):
            yield _single_row(batch.slice(offset, 1), first + offset)
        return
    for offset, row in enumerate(values):
        yield Row(first + offset, row)


def _single_row(batch: Any, number: int) -> Row:
    try:
        return Row(number, batch.to_pylist()[0])
    except _UNFIT as error:
        return Row(number, None, f"a value cannot be read: {_first_line(error)}")


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        file = pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path}: not a Parquet file: {_first_line(error)}") from None
    names = file.schema_arrow.names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        file.close()
        raise UsageError(f"{path}: found two columns named {repeated[0]!r}, allowed is each name once")
    return _batches(file, path)


def _batches(file: Any, path: Path) -> Iterator[Row]:
    first = 1
    with file:
        batches = file.iter_batches(batch_size=BATCH_ROWS, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise UsageError(f"{path}: damaged after row {first - 1}: {_first_line(error)}") from None
            if batch is None:
                return
            yield from table_rows(batch, first)
            first += batch.num_rows


def _json_rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    return _array_rows(path) if path.suffix.lower() == ".json" and head.startswith(b"[") else _line_rows(path)


def _line_rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            if line is None:
                yield Row(number, None, f"longer than {LONGEST_LINE} bytes")
                continue
            content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if content.strip():
                yield _parsed_row(content, number)


def _lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is too long, which is skipped without being held."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) <= LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _parsed_row(content: bytes, number: int) -> Row:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Row(number, None, f"not UTF-8: byte {content[error.start]:#04x} at position {error.start}")
    try:
        values = json.loads(text)
    except RecursionError:
        return Row(number, None, f"more than {DEEPEST} levels")
    except ValueError as error:
        return Row(number, None, f"not JSON: {_first_line(error)}")
    return _object_row(values, number, check=_needs_check(content))


def _needs_check(content: bytes) -> bool:
    """Whether JSON may hold half a surrogate pair (in UTF-8 only escaped ones are left) or many levels."""
    return content.count(b"[") + content.count(b"{") > DEEPEST or bool(_SURROGATE_ESCAPE.search(content))


def _object_row(values: Any, number: int, *, check: bool) -> Row:
    if not isinstance(values, dict):
        return Row(number, None, f"not a JSON object, but {_kind(values)}")
    if not check:
        return Row(number, values)
    try:
        return Row(number, without_surrogates(values))
    except RecursionError:
        return Row(number, None, f"more than {DEEPEST} levels")


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "true or false" if isinstance(value, bool) else "a number"


def without_surrogates(value: Any, levels: int = DEEPEST) -> Any:
    """A JSON value whose texts can be written as UTF-8.

    Raises:
        RecursionError: it has more than `levels` levels.
    """
    if levels < 0:
        raise RecursionError
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(inner, levels - 1) for inner in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): without_surrogates(inner, levels - 1) for key, inner in value.items()}
    return value


def _array_rows(path: Path) -> Iterator[Row]:
    """The rows of a `.json` file that is one array."""
    hint = "write one object per line, as .jsonl"
    if path.stat().st_size > LARGEST_ARRAY:
        raise UsageError(f"{path}: found an array of more than {LARGEST_ARRAY} bytes", hint=hint)
    content = path.read_bytes()
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: found a byte that is not UTF-8 at position {error.start}") from None
    except RecursionError:
        raise UsageError(f"{path}: found more than {DEEPEST} levels") from None
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {_first_line(error)}", hint=hint) from None
    return (_object_row(item, number, check=True) for number, item in enumerate(values, start=1))


class _Lines:
    """The lines of a CSV file; one that is too long is skipped with an error, and the next can be read."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.read = 0
        """Lines read or skipped."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.read += 1
        if len(line) <= LONGEST_LINE or line.endswith(("\n", "\r")):
            return line
        while (rest := self._file.readline(LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
            pass
        raise csv.Error(f"longer than {LONGEST_LINE} characters")


def _csv_rows(path: Path) -> Iterator[Row]:
    if csv.field_size_limit() < LONGEST_LINE:
        csv.field_size_limit(LONGEST_LINE)
    rows = _csv_fields(path)
    header = next(rows, None)
    if header is None:
        return iter(())
    _, names, problem = header
    if names is None:
        raise UsageError(f"{path}: its header line cannot be read: {problem}")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UsageError(f"{path}: its header names the column {repeated[0]!r} twice, allowed is each name once")
    return (_csv_row(names, number, fields, problem) for number, fields, problem in rows)


def _csv_row(names: list[str], number: int, fields: list[str] | None, problem: str) -> Row:
    if fields is None:
        return Row(number, None, problem)
    if len(fields) != len(names):
        return Row(number, None, f"found {len(fields)} fields, the header has {len(names)}")
    return Row(number, dict(zip(names, fields, strict=True)))


def _csv_fields(path: Path) -> Iterator[tuple[int, list[str] | None, str]]:
    """The line at which each row begins, and its fields or what is wrong with it."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, strict=True)
        while True:
            number = lines.read + 1
            try:
                fields = next(reader, None)
            except csv.Error as error:
                yield number, None, f"not CSV: {_first_line(error)}"
                continue
            if fields is None:
                return
            if any(_SURROGATE.search(field) for field in fields):
                yield number, None, "not UTF-8"
            elif fields:
                yield number, fields, ""


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _line_rows,
    ".ndjson": _line_rows,
    ".json": _json_rows,
    ".parquet": _parquet_rows,
    ".csv": _csv_rows,
}
