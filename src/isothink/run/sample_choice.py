"""Which answers a report shows side by side: two arms on one item, right, wrong, and failed in every way.

Called by reporting.py. Only what decides is read of every cell; texts are read of the chosen items alone.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pyarrow.parquet as pq

from isothink.errors import RunFolderError
from isothink.evidence.settings import BASELINE
from isothink.plan.record import Plan, PlannedCell
from isothink.report.data import SampleAnswer, SamplePair
from isothink.report.text import shortened
from isothink.store.run_folder import RunFolder
from isothink.store.tables import SAMPLES_FILE, read_columns

PAIRS = 300
OF_A_FAILURE = 4
"""Pairs per arm and way to fail that are chosen first, wherever in the study they are."""
FAILURE_PAIRS = 120
LEADING = 4
"""Pairs of cells, one of each arm, from which the others are chosen."""
LONGEST_TEXT = 2_000
SLIM = ("item", "family", "benchmark", "repeat", "score", "think_state", "stop_reason", "is_looping")
FULL = (*SLIM, "prompt", "reference", "text", "trace_tokens", "answer_tokens")

Rows = Mapping[str, Mapping[str, Any]]
Sides = tuple[PlannedCell, PlannedCell]


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """One item answered by two cells, named by their ids."""

    left: str
    right: str
    item: str


def sample_pairs(folder: RunFolder, plan: Plan, accuracy: Mapping[str, float]) -> tuple[SamplePair, ...]:
    """At most `PAIRS` pairs; `accuracy` of configurations says which student leads."""
    sides = _sides(folder, plan, accuracy)
    return tuple(_read(folder, {cell.id: cell for pair in sides for cell in pair}, _chosen(folder, sides)))


def failures_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The ways in which an answer failed, other than by being wrong."""
    found = []
    if row["stop_reason"] != "end":
        found.append(str(row["stop_reason"]))
    if row["think_state"] in ("unclosed", "orphan_close"):
        found.append(str(row["think_state"]))
    if row["is_looping"]:
        found.append("looping")
    if row["score"] is None:
        found.append("unscored")
    return tuple(found)


def _sides(folder: RunFolder, plan: Plan, accuracy: Mapping[str, float]) -> list[Sides]:
    """Pairs of complete cells that differ in their arm alone: large budgets first, then students that know much."""
    cells = {
        (cell.budget_flops, cell.student, cell.seed, cell.arm): cell
        for cell in plan.cells
        if cell.samples is not None and folder.manifest("samples", cell.samples) is not None
    }
    found = [
        (cells[*key[:3], BASELINE], cell)
        for key, cell in cells.items()
        if key[3] != BASELINE and (*key[:3], BASELINE) in cells
    ]

    best: dict[tuple[float, str], float] = defaultdict(float)
    for cell in cells.values():
        key = (cell.budget_flops, cell.student)
        best[key] = max(best[key], accuracy.get(cell.configuration, 0.0))

    def rank(sides: Sides) -> tuple[float, float, str, int]:
        cell = sides[0]
        return -cell.budget_flops, -best[cell.budget_flops, cell.student], cell.student, cell.seed

    return sorted(found, key=rank)


def _chosen(folder: RunFolder, sides: Sequence[Sides]) -> list[_Choice]:
    failures: dict[tuple[str, str], list[_Choice]] = defaultdict(list)
    outcomes: dict[tuple[object, ...], list[_Choice]] = defaultdict(list)
    leading = _leading(sides)
    baseline: tuple[str, Rows] = ("", {})
    for pair in sides:
        if baseline[0] != pair[0].id:  # pairs of one baseline stand together
            baseline = (pair[0].id, _slim(folder, pair[0]))
        left, right = baseline[1], _slim(folder, pair[1])
        for item in sorted(left.keys() & right.keys(), key=_shuffled):
            choice = _Choice(left=pair[0].id, right=pair[1].id, item=item)
            for cell, row in zip(pair, (left[item], right[item]), strict=True):
                for failure in failures_of(row):
                    if len(failures[cell.arm, failure]) < OF_A_FAILURE:
                        failures[cell.arm, failure].append(choice)
            if pair in leading:
                row = left[item]
                key = (row["family"], row["benchmark"], pair[1].arm, _outcome(row), _outcome(right[item]))
                if len(outcomes[key]) < PAIRS:
                    outcomes[key].append(choice)
    first = list(dict.fromkeys(_in_turn(failures.values())))[:FAILURE_PAIRS]
    chosen = list(dict.fromkeys((*first, *_in_turn(outcomes.values()))))[:PAIRS]
    place = {choice: index for index, choice in enumerate(_in_turn(outcomes.values()))}
    return sorted(chosen, key=lambda choice: place.get(choice, len(place)))


def _leading(sides: Sequence[Sides]) -> list[Sides]:
    """The first pair of each arm."""
    by_arm: dict[str, Sides] = {}
    for pair in sides:
        by_arm.setdefault(pair[1].arm, pair)
    return list(by_arm.values())[:LEADING]


def _in_turn(buckets: Any) -> Iterator[_Choice]:
    """One of each, then the next of each."""
    for round_ in zip_longest(*buckets):
        yield from (choice for choice in round_ if choice is not None)


def _outcome(row: Mapping[str, Any]) -> str:
    score = row["score"]
    if score is None:
        return "unscored"
    return "right" if score == 1 else "wrong" if score == 0 else "partly"


def _shuffled(item: str) -> bytes:
    """An order that has nothing to do with how items are made or numbered, the same every time."""
    return hashlib.sha256(item.encode("utf-8", "surrogatepass")).digest()


def _slim(folder: RunFolder, cell: PlannedCell) -> Rows:
    table = read_columns(_path(folder, cell), SLIM)
    return {row["item"]: row for row in table.to_pylist() if row["repeat"] == 0}


def _read(folder: RunFolder, cells: Mapping[str, PlannedCell], choices: Sequence[_Choice]) -> Iterator[SamplePair]:
    wanted: dict[str, set[str]] = defaultdict(set)
    for choice in choices:
        wanted[choice.left].add(choice.item)
        wanted[choice.right].add(choice.item)
    texts = {identity: _full(folder, cells[identity], items) for identity, items in wanted.items()}
    for choice in choices:
        row = texts[choice.left][choice.item]
        yield SamplePair(
            family=row["family"],
            benchmark=row["benchmark"],
            item=choice.item,
            prompt=shortened(row["prompt"], LONGEST_TEXT),
            reference=shortened(row["reference"], LONGEST_TEXT),
            left=_answer(cells[choice.left], row),
            right=_answer(cells[choice.right], texts[choice.right][choice.item]),
        )


def _full(folder: RunFolder, cell: PlannedCell, items: set[str]) -> Rows:
    """The first answers to some items, with their texts: a batch of rows in memory at a time."""
    found: dict[str, Mapping[str, Any]] = {}
    try:
        with pq.ParquetFile(_path(folder, cell)) as file:
            for batch in file.iter_batches(batch_size=512, columns=list(FULL)):
                names, repeats = batch.column("item").to_pylist(), batch.column("repeat").to_pylist()
                places = [index for index, name in enumerate(names) if name in items and repeats[index] == 0]
                found |= {row["item"]: row for row in batch.take(places).to_pylist()} if places else {}
    except OSError as error:
        raise RunFolderError(f"{_path(folder, cell)}: cannot be read: {error}") from None
    return found


def _path(folder: RunFolder, cell: PlannedCell) -> Any:
    return folder.step_folder("samples", str(cell.samples)) / SAMPLES_FILE


def _answer(cell: PlannedCell, row: Mapping[str, Any]) -> SampleAnswer:
    return SampleAnswer(
        configuration=cell.configuration,
        text=shortened(row["text"], LONGEST_TEXT),
        score=row["score"],
        think_state=row["think_state"],
        stop_reason=row["stop_reason"],
        tokens=row["trace_tokens"] + row["answer_tokens"],
        is_looping=bool(row["is_looping"]),
    )
