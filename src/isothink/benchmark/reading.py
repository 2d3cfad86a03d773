"""Rows of a data set into benchmark items: prompts rendered, references read, bad rows counted. Called by run/.

A row that makes no item is counted with its reason and the first of its kind is named: nothing is left out in silence.
"""

import difflib
import hashlib
import heapq
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from isothink.benchmark.items import item_id
from isothink.domain.benchmark_settings import EARLIER, MOST_OPTIONS, OPTIONS, Benchmark, fill
from isothink.domain.sample import Item
from isothink.errors import UsageError
from isothink.scoring.instructions import write_instructions
from isothink.scoring.number_answer import power_of_ten, read_number
from isothink.scoring.scorers import extract_reference
from isothink.store.cell_text import cell_reference, cell_text, is_missing
from isothink.store.rows import Row

Fault = Literal["unreadable_row", "uneven_lists", "empty_prompt", "bad_options", "bad_reference", "duplicate_prompt"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERED = re.compile(r"\s*\(?([A-Za-z])\s?[).:]\s*")
_INDEX = re.compile(r"([0-9]{1,2})(?:\.0)?")
"""As text; pandas writes `2.0` into a CSV file where another row of the column is empty."""
_MOST_COLUMNS_SHOWN = 20
_LONGEST_NAME = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """How many rows have one fault, and the first of them, by its number."""

    count: int
    first: str


@dataclass(kw_only=True)
class ReadItems:
    """Every item of a benchmark, in the order of its rows, and what became of the other rows."""

    items: list[Item] = field(default_factory=list)
    rows: int = 0
    """Rows read, bad ones included."""
    others: int = 0
    """Rows that `where` leaves to other benchmarks."""
    parts: int = 0
    """Items that rows were taken apart into, bad ones included; equal to the other rows where each is one item."""
    faults: dict[Fault, Faults] = field(default_factory=dict)

    def add_fault(self, fault: Fault, detail: str) -> None:
        """Counts a bad row."""
        known = self.faults.get(fault)
        self.faults[fault] = Faults(
            count=1 if known is None else known.count + 1, first=known.first if known else detail
        )


class _RowError(Exception):
    """A row that makes no item."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail


def read_items(rows: Iterable[Row], benchmark: Benchmark, *, place: str) -> ReadItems:
    """The items that the rows make; of prompts that are equal up to white space the first counts.

    Raises:
        UsageError: the first readable row lacks a column that the benchmark names, or no row makes an item.
    """
    found = ReadItems()
    seen: set[bytes] = set()
    columns_known = False
    for row in rows:
        found.rows += 1
        if row.values is not None and not columns_known:
            _require_columns(row.values, benchmark, place)
            columns_known = True
        try:
            parts = _parts(row, benchmark)
        except _RowError as error:
            found.parts += 1
            found.add_fault(error.fault, f"row {row.number}: {error.detail}")
            continue
        found.others += parts is None
        for place_in_row, values in enumerate(parts or (), start=1):
            found.parts += 1
            try:
                found.items.append(_new_item(values, benchmark, seen))
            except _RowError as error:
                where = f"row {row.number}" + (f", item {place_in_row}" if benchmark.each is not None else "")
                found.add_fault(error.fault, f"{where}: {error.detail}")
    if not found.items:
        raise _nothing(found, benchmark, place)
    return found


def choose_items(items: Iterable[Item], *, limit: int, seed: int) -> list[Item]:
    """At most `limit` items, by the hashes of their ids: random, the same in every order, growing with the limit."""
    return heapq.nsmallest(limit, items, key=lambda item: hashlib.sha256(f"items\0{seed}\0{item.id}".encode()).digest())


def _nothing(found: ReadItems, benchmark: Benchmark, place: str) -> UsageError:
    if found.others and set(found.faults) <= {"unreadable_row"}:
        wanted = " and ".join(f"{column} of {', '.join(values)}" for column, values in benchmark.where.items())
        return UsageError(f"{benchmark.name}: none of the {found.others} rows of {place} has {_shortened(wanted, 200)}")
    first = next((faults.first for faults in found.faults.values()), "")
    return UsageError(f"{benchmark.name}: none of the {found.rows} rows of {place} makes an item", hint=first)


def _columns(benchmark: Benchmark) -> Iterator[tuple[str, str]]:
    """Every column that is read, with the key that names it."""
    for column in benchmark.placeholders:
        yield "prompt", column
    options = benchmark.options
    if options is not None:
        for column in options.columns or ():
            yield "options.columns", column
        for key, named in (("options.column", options.column), ("options.labels", options.labels)):
            if named is not None:
                yield key, named
    yield "reference.column", benchmark.reference.column
    for key, named in (("unit", benchmark.reference.unit), ("arguments", benchmark.reference.arguments)):
        if named is not None:
            yield f"reference.{key}", named
    for column in benchmark.each.columns if benchmark.each is not None else ():
        yield "each.columns", column
    for column in benchmark.where:
        yield "where", column
    if benchmark.cluster is not None:
        yield "cluster", benchmark.cluster


def _require_columns(values: dict[str, Any], benchmark: Benchmark, place: str) -> None:
    for key, column in _columns(benchmark):
        if _has(values, column) or column in benchmark.empty:  # rows of JSON may leave out what may be empty
            continue
        found = [name for name in _names(values) if name]
        more = f" and {len(found) - _MOST_COLUMNS_SHOWN} more" if len(found) > _MOST_COLUMNS_SHOWN else ""
        shown = ", ".join(_shortened(name) for name in found[:_MOST_COLUMNS_SHOWN]) or "none"
        near = difflib.get_close_matches(column, found, n=1)
        raise UsageError(
            f"{benchmark.name}: {key}: found no column {column!r} in {place}, its columns are {shown}{more}",
            hint=f"did you mean {_shortened(near[0])}?" if near else "",
        )


def _names(values: dict[str, Any]) -> Iterator[str]:
    """The columns of a row, those inside of others dotted."""
    for name, value in values.items():
        inside = value[0] if isinstance(value, list) and value else value
        if isinstance(inside, dict) and inside:
            yield from (f"{name}.{inner}" for inner in inside)
        else:
            yield str(name)


def _has(values: dict[str, Any], column: str) -> bool:
    if column in values:
        return True
    head, dot, rest = column.partition(".")
    inner = values.get(head) if dot else None
    if dot and head in values and inner is None:  # a mapping that this row has not
        return True
    if isinstance(inner, list):  # an empty one says nothing of its columns
        return all(isinstance(each, dict) and _has(each, rest) for each in inner)
    return isinstance(inner, dict) and _has(inner, rest)


def _cell(values: dict[str, Any], column: str) -> Any:
    """The value in a column, which may be dotted, through lists of mappings too; None where there is none."""
    if column in values:
        return values[column]
    head, dot, rest = column.partition(".")
    inner = values.get(head) if dot else None
    if isinstance(inner, list):
        return [_cell(each, rest) if isinstance(each, dict) else None for each in inner]
    return _cell(inner, rest) if isinstance(inner, dict) else None


def _parts(row: Row, benchmark: Benchmark) -> list[dict[str, Any]] | None:
    """The values of each item that a row holds; None where `where` leaves the row to another benchmark."""
    if row.values is None:
        raise _RowError("unreadable_row", row.problem)
    values = row.values
    if any(cell_text(_cell(values, column)) not in allowed for column, allowed in benchmark.where.items()):
        return None
    each = benchmark.each
    if each is None:
        return [values]
    lists = {column: _elements(values, column, "uneven_lists") for column in each.columns}
    lengths = {column: len(elements) for column, elements in lists.items()}
    if len(set(lengths.values())) != 1:
        shown = " and ".join(f"{count} in {column!r}" for column, count in lengths.items())
        raise _RowError("uneven_lists", f"found {shown}, allowed is one length")
    parts: list[dict[str, Any]] = []
    earlier = ""
    for position in range(len(lists[each.columns[0]])):
        part = {**values, **{column: elements[position] for column, elements in lists.items()}}
        if each.earlier is not None:
            part[EARLIER] = earlier
            texts = {column: cell_text(_cell(part, column)).strip() for column in benchmark.placeholders}
            earlier += fill(each.earlier, {**texts, EARLIER: "", OPTIONS: ""})
        parts.append(part)
    return parts


def _new_item(values: dict[str, Any], benchmark: Benchmark, seen: set[bytes]) -> Item:
    item = _item(values, benchmark)
    normal = hashlib.sha256(" ".join(item.prompt.split()).encode()).digest()[:12]
    if normal in seen:
        raise _RowError("duplicate_prompt", "equal to an earlier prompt, up to white space")
    seen.add(normal)
    return item


def _item(values: dict[str, Any], benchmark: Benchmark) -> Item:
    options = _options(values, benchmark)
    texts = {column: cell_text(_cell(values, column)).strip() for column in benchmark.placeholders}
    texts = {column: text or benchmark.empty.get(column, "") for column, text in texts.items()}
    empty = [column for column, text in texts.items() if not text]
    if empty:
        raise _RowError("empty_prompt", f"column {empty[0]!r} is empty")
    if options is not None:
        texts[OPTIONS] = "\n".join(f"{letter}. {text}" for letter, text in zip(_LETTERS, options, strict=False))
    if benchmark.each is not None and benchmark.each.earlier is not None:
        texts[EARLIER] = values[EARLIER]
    prompt = benchmark.fill(texts) + benchmark.suffix
    identity = item_id(benchmark.name, prompt)
    shared = cell_text(_cell(values, benchmark.cluster)).strip() if benchmark.cluster is not None else ""
    reference, *alternatives = _references(values, options, benchmark)
    return Item(
        id=identity,
        benchmark=benchmark.name,
        family=benchmark.family,
        prompt=prompt,
        reference=reference,
        alternatives=tuple(alternatives),
        tolerance=benchmark.reference.tolerance,
        answer_format=benchmark.answer_format,
        cluster=item_id(f"{benchmark.name} cluster", shared) if shared else identity,
    )


def _options(values: dict[str, Any], benchmark: Benchmark) -> list[str] | None:
    settings = benchmark.options
    if settings is None:
        return None
    if settings.column is not None:
        options = _list(values, settings.column)
    else:
        options = [cell_text(_cell(values, column)).strip() for column in settings.columns or ()]
    if settings.are_lettered:
        options = [_without_letter(text, letter) for text, letter in zip(options, _LETTERS, strict=False)]
    if "" in options:
        raise _RowError("bad_options", f"option {_LETTERS[options.index('')]} is empty")
    return options


def _list(values: dict[str, Any], column: str) -> list[str]:
    """The texts of a list of options."""
    elements = _elements(values, column, "bad_options")
    if not 2 <= len(elements) <= MOST_OPTIONS:
        detail = f"column {column!r} holds {len(elements)} options, allowed are 2 to {MOST_OPTIONS}"
        raise _RowError("bad_options", detail)
    return [cell_text(text).strip() for text in elements]


def _elements(values: dict[str, Any], column: str, fault: Fault) -> list[Any]:
    """A list; CSV files hold its JSON."""
    value = _cell(values, column)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise _RowError(fault, f"column {column!r} holds a text, allowed is a list") from None
    if is_missing(value) or not isinstance(value, list):
        raise _RowError(fault, f"column {column!r} holds no list")
    return value


def _without_letter(text: str, letter: str) -> str:
    match = _LETTERED.match(text)
    if match is None or match[1].upper() != letter:
        raise _RowError("bad_options", f"an option does not begin with its letter {letter}: {_shortened(text)!r}")
    return text[match.end() :].strip()


def _references(values: dict[str, Any], options: list[str] | None, benchmark: Benchmark) -> list[str]:
    """The reference, and the alternatives to it."""
    settings = benchmark.reference
    if benchmark.answer_format == "ifeval":
        return [_instructions(values, benchmark)]
    if settings.gives == "answers":
        return _several(values, benchmark)
    value = _cell(values, settings.column)
    if isinstance(value, dict) or (isinstance(value, list) and len(value) > 1):
        # as a text it would be a reference that no answer equals
        kind = f"a list of {len(value)}, which gives: answers takes" if isinstance(value, list) else "a mapping"
        raise _RowError("bad_reference", f"column {settings.column!r} holds {kind}, allowed is one answer")
    text = cell_reference(value, settings.after)
    if text is None and settings.may_be_empty:
        return [""]
    if text is None:
        raise _RowError("bad_reference", f"column {settings.column!r} holds no reference")
    if options is not None:
        return [_right_letter(text, values, options, benchmark)]
    return [_checked(text, benchmark), *_with_power(text, values, benchmark)]


def _several(values: dict[str, Any], benchmark: Benchmark) -> list[str]:
    settings = benchmark.reference
    if is_missing(_cell(values, settings.column)) and settings.may_be_empty:
        return [""]
    elements = _elements(values, settings.column, "bad_reference")
    texts = [cell_reference(element, settings.after) for element in elements]
    known = list(dict.fromkeys(_checked(text, benchmark) for text in texts if text is not None))
    if not known and not settings.may_be_empty:
        raise _RowError("bad_reference", f"column {settings.column!r} holds no reference")
    return known or [""]


def _with_power(text: str, values: dict[str, Any], benchmark: Benchmark) -> list[str]:
    """The number as it is without the power of ten that its unit begins with."""
    column = benchmark.reference.unit
    power = power_of_ten(cell_text(_cell(values, column))) if column is not None else 0
    value = read_number(text)
    return [f"{value!r} \\times 10^{{{power}}}"] if power and value is not None and "e" not in repr(value) else []


def _instructions(values: dict[str, Any], benchmark: Benchmark) -> str:
    settings = benchmark.reference
    names = _elements(values, settings.column, "bad_reference")
    arguments = _elements(values, settings.arguments or "", "bad_reference")
    if not names or len(names) != len(arguments):
        found = f"found {len(names)} instructions and {len(arguments)} arguments"
        raise _RowError("bad_reference", f"{found}, allowed is the same number, at least 1")
    if not all(isinstance(each, dict) for each in arguments):
        raise _RowError("bad_reference", f"column {settings.arguments!r} holds no list of mappings")
    return write_instructions([cell_text(name) for name in names], arguments)


def _right_letter(text: str, values: dict[str, Any], options: list[str], benchmark: Benchmark) -> str:
    position = _right_option(text, values, options, benchmark)
    if position is None or not 0 <= position < len(options):
        shown = _shortened(text)
        column = benchmark.reference.column
        raise _RowError("bad_reference", f"{shown!r} in column {column!r} is none of {len(options)} options")
    return _LETTERS[position]


def _right_option(text: str, values: dict[str, Any], options: list[str], benchmark: Benchmark) -> int | None:
    """The position of the right option from 0; None where the reference is none, or more than one."""
    gives = benchmark.reference.gives
    if gives == "answer":
        return _LETTERS.index(_checked(text, benchmark))
    if gives in ("index_from_0", "index_from_1"):
        index = _INDEX.fullmatch(text)
        return None if index is None else int(index[1]) - (gives == "index_from_1")
    labels = benchmark.options.labels if benchmark.options is not None else None
    named = options if gives == "option" or labels is None else _list(values, labels)
    return named.index(text) if named.count(text) == 1 else None


def _checked(text: str, benchmark: Benchmark) -> str:
    """A reference that can be compared with; a letter as a capital.

    Raises:
        _RowError: it holds no answer in the benchmark's own format, so that nothing could be right.
    """
    try:
        extracted = extract_reference(text, benchmark.answer_format)
    except ValueError as error:
        raise _RowError("bad_reference", str(error)) from None
    return extracted if benchmark.answer_format == "letter" else text


def _shortened(text: str, longest: int = _LONGEST_NAME) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
