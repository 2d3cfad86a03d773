"""Joins imported cells to what a study observed, items matched by benchmark and id. Called by run/analysis.py.

Fairness: on a benchmark that has an imported cell only items count that every cell with answers to that benchmark
answered; answers without a score are answers, and stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.flops import decode_flops, prefill_flops
from isothink.compute.hardware import decode_bytes
from isothink.domain.numbers import scientific
from isothink.evidence.choice import tied
from isothink.evidence.observations import CellFacts, Floats, ItemFacts, Observations
from isothink.evidence.record import MissingCell, ServingCost
from isothink.evidence.settings import AnalysisSettings
from isothink.run.import_record import ImportedCell, ImportedPart
from isothink.run.import_samples import caveats_of
from isothink.run.imports_folder import read_import_samples, read_imports
from isothink.run.observe import COLUMNS, Scores, item_means, scores_of
from isothink.store.fingerprint import fingerprint
from isothink.store.run_folder import RunFolder

COST_TOLERANCE = AnalysisSettings().cost_tolerance
"""Training costs within this of the lowest of a group are one level, as on a frontier."""
NO_TRAINING = 1.0
"""The budget of models that cost no training here: the smallest that a verdict can be asked for, 1 FLOP."""
SERVING = tuple(ServingCost.model_fields)
VALUE_BYTES = 2
ARRAYS = ("correct", "truncated", "looping", "thinking", "prompt_tokens", "trace_tokens", "answer_tokens")
COUNTS = ("answers", "unscored")
READ = (*COLUMNS, "cell", "benchmark", "family", "cluster", "inference_flops")
ItemKey = tuple[str, str]
Rows = list[tuple[ImportedPart, list[dict[str, Any]]]]


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Observations with the imported cells, the budgets at which cells are compared, and what must be said of it."""

    observations: Observations
    budgets_flops: tuple[float, ...]
    missing: tuple[MissingCell, ...]
    notes: tuple[str, ...]


def join(observations: Observations | None, folder: RunFolder, budgets_flops: Sequence[float] = ()) -> Joined:
    """Adds a run's imports to the observations of its study; without a study they stand alone.

    A study's budgets stay its own; without one they are the levels of what the imported cells cost.

    Raises:
        RunFolderError: an import is damaged.
    """
    manifests = read_imports(folder)
    if not manifests:
        base = observations or _nothing()
        return Joined(observations=base, budgets_flops=tuple(budgets_flops), missing=(), notes=())
    base = observations or _nothing()
    cells = _cells_of(folder)
    budgets = _budgets(list(cells.values()), budgets_flops)
    items = _items(base, cells)
    place = {(item.benchmark, item.item): index for index, item in enumerate(items)}
    own = {item.benchmark for item in base.items}
    notes = [*caveats_of(part for manifest in manifests for part in manifest.parts)]
    missing: list[MissingCell] = []
    facts, blocks = [], []
    names = _configuration_names(base, cells, budgets)
    for key, parts in cells.items():
        cell = parts[0][0].cell
        fact = _facts(cell, budgets[key], names[key])
        placed = []
        for part, rows in parts:
            matched = [(place[row["benchmark"], row["item"]], row) for row in rows if _key(row) in place]
            lost = len(rows) - len(matched)
            if lost and part.benchmark in own:
                notes.append(
                    f"{cell.id}: {lost:,} of {len(rows):,} answers to {part.benchmark} are to items that the study does"
                    " not have, and are left out"
                )
            placed.extend(matched)
        if not placed:
            reason = "imported: none of its items is one of the study's"
            missing.append(MissingCell(cell=cell.id, configuration=names[key], reason=reason))
            continue
        facts.append(fact)
        blocks.append(_Block(cell, placed, len(items), {id(row): part for part, rows in parts for row in rows}))
    joined = _stack(base, items, facts, blocks)
    fair, left_out = _fair(joined, imported_from=len(base.cells))
    notes.extend(left_out)
    notes.extend(_same_seeds(facts))
    levels = tuple(budgets_flops) if observations is not None else tuple(sorted(set(budgets.values())))
    return Joined(observations=fair, budgets_flops=levels, missing=tuple(missing), notes=tuple(dict.fromkeys(notes)))


def _key(row: dict[str, Any]) -> ItemKey:
    return row["benchmark"], row["item"]


def _nothing() -> Observations:
    empty: Floats = np.zeros((0, 0))
    return Observations(
        cells=(),
        items=(),
        correct=empty,
        truncated=empty,
        looping=empty,
        thinking=empty,
        prompt_tokens=empty,
        trace_tokens=empty,
        answer_tokens=empty,
        inference_flops={},
        answers=empty,
        unscored=empty,
    )


CellKey = tuple[str, str, int, float]


def _cells_of(folder: RunFolder) -> dict[CellKey, Rows]:
    """Every imported cell with its parts and their samples, in an order that does not depend on that of importing."""
    found: dict[CellKey, Rows] = {}
    for manifest in read_imports(folder):
        rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in read_import_samples(folder, manifest.id, READ).to_pylist():
            rows.setdefault((row["cell"], row["benchmark"]), []).append(row)
        for part in manifest.parts:
            found.setdefault(part.cell.key, []).append((part, rows.get((part.cell.id, part.benchmark), [])))
    return {key: sorted(found[key], key=lambda entry: entry[0].benchmark) for key in sorted(found)}


def _budgets(cells: Sequence[Rows], study: Sequence[float]) -> dict[CellKey, float]:
    """The budget of each cell: as the file says, else the study's smallest cap that it meets, else its cost's level."""
    facts = [parts[0][0].cell for parts in cells]
    levels = tied(np.array([cell.training_flops for cell in facts]), COST_TOLERANCE)
    found = {}
    for cell, level in zip(facts, levels.tolist(), strict=True):
        caps = [cap for cap in study if cell.training_flops <= cap * (1.0 + COST_TOLERANCE)]
        found[cell.key] = cell.budget_flops or min(caps, default=max(level, NO_TRAINING))
    return found


def _items(base: Observations, cells: dict[CellKey, Rows]) -> tuple[ItemFacts, ...]:
    """The study's items, and those of benchmarks that it does not have."""
    own = {item.benchmark for item in base.items}
    added: dict[ItemKey, ItemFacts] = {}
    for parts in cells.values():
        for part, rows in parts:
            if part.benchmark in own:
                continue
            for row in rows:
                fact = ItemFacts(
                    item=row["item"], benchmark=row["benchmark"], family=row["family"], cluster=row["cluster"]
                )
                added.setdefault((fact.benchmark, fact.item), fact)
    return (*base.items, *(added[key] for key in sorted(added)))


def _configuration_names(
    base: Observations, cells: dict[CellKey, Rows], budgets: dict[CellKey, float]
) -> dict[CellKey, str]:
    """A readable name for each student, arm and budget; where two would share one, a mark tells them apart."""
    lines = {key: (key[0], key[1], budgets[key]) for key in cells}
    plain = {line: f"{line[0]}-{line[1]}-{scientific(line[2])}" for line in lines.values()}
    taken = [*plain.values(), *{cell.configuration for cell in base.cells}]
    return {
        key: plain[line] if taken.count(plain[line]) == 1 else f"{plain[line]}-{fingerprint(list(line))[:6]}"
        for key, line in lines.items()
    }


def _facts(cell: ImportedCell, budget: float, configuration: str) -> CellFacts:
    shape = _shape(cell)
    priced = [name for name in CONVENTIONS if shape is None or _answer(name, shape, 1, 1) is not None]
    return CellFacts(
        cell=cell.id,
        configuration=configuration,
        student=cell.student,
        parameters=cell.parameters,
        arm=cell.arm,
        arm_kind=cell.arm_kind,
        budget_flops=budget,
        seed=cell.seed,
        trunk=cell.id,
        training_flops=dict.fromkeys(priced, cell.training_flops),
        fixed_flops=cell.fixed_flops,
        source="imported",
    )


def _shape(cell: ImportedCell) -> Architecture | None:
    return None if cell.architecture is None else Architecture.model_validate(cell.architecture)


def _answer(convention: str, shape: Architecture, prompt: int, output: int) -> float | None:
    prefill = CONVENTIONS[convention].prefill_flops(shape, prompt)
    decode = CONVENTIONS[convention].decode_flops(shape, prompt, output)
    return None if prefill is None or decode is None else float(prefill + decode)


class _Block:
    """One imported cell's arrays over all items."""

    def __init__(
        self,
        cell: ImportedCell,
        placed: list[tuple[int, dict[str, Any]]],
        items: int,
        part_of: dict[int, ImportedPart],
    ) -> None:
        self.scores: Scores = scores_of(placed, items)
        shape = _shape(cell)
        costs: dict[str, list[tuple[int, float | None]]] = {name: [] for name in CONVENTIONS}
        serving: dict[str, list[tuple[int, float | None]]] = {name: [] for name in SERVING}
        known: dict[tuple[int, int], tuple[dict[str, float | None], dict[str, float | None]]] = {}
        for place, row in placed:
            if row["stop_reason"] == "failed":
                continue
            if part_of[id(row)].inference == "given" or row["answer_tokens"] is None:
                for name in CONVENTIONS:
                    costs[name].append((place, row["inference_flops"]))
                continue
            lengths = (max(1, row["prompt_tokens"] or 0), max(1, row["trace_tokens"] + row["answer_tokens"]))
            if lengths not in known:
                known[lengths] = _prices(cell, shape, *lengths)
            for name, value in known[lengths][0].items():
                costs[name].append((place, value))
            for name, value in known[lengths][1].items():
                serving[name].append((place, value))
        self.inference = {name: item_means(values, items) for name, values in costs.items()}
        self.serving = {name: item_means(values, items) for name, values in serving.items()}


def _prices(
    cell: ImportedCell, shape: Architecture | None, prompt: int, output: int
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """FLOPs under each convention, and what serving takes; a cache whose shape is not known has no size."""
    if shape is None:
        prefill, decode = 2.0 * cell.parameters * prompt, 2.0 * cell.parameters * (output - 1)
        serving: dict[str, float | None] = {
            "prefill_flops": prefill,
            "decode_flops": decode,
            "weight_bytes": float(VALUE_BYTES * cell.parameters * (output - 1)),
            "cache_bytes": None,
        }
        return dict.fromkeys(CONVENTIONS, prefill + decode), serving
    one, two = (float(decode_bytes(shape, prompt, output, batch_size=batch)) for batch in (1, 2))
    return {name: _answer(name, shape, prompt, output) for name in CONVENTIONS}, {
        "prefill_flops": float(prefill_flops(shape, prompt)),
        "decode_flops": float(decode_flops(shape, prompt, output)),
        "weight_bytes": 2 * one - two,  # the second sequence of a batch adds its keys and values alone
        "cache_bytes": two - one,
    }


def _stack(
    base: Observations, items: tuple[ItemFacts, ...], facts: Sequence[CellFacts], blocks: Sequence[_Block]
) -> Observations:
    """The study's rows, then the imported ones, over all items."""
    wide = len(items) - len(base.items)

    def rows(ours: Floats | None, theirs: list[Floats], fill: float) -> Floats:
        mine = np.full((len(base.cells), len(base.items)), fill) if ours is None else ours
        padded = np.concatenate([mine, np.full((mine.shape[0], wide), fill)], axis=1)
        return np.concatenate([padded, np.array(theirs).reshape(len(theirs), len(items))])

    conventions = [name for name in CONVENTIONS if name in base.inference_flops or not base.cells]
    arrays = {name: rows(getattr(base, name), [getattr(b.scores, name) for b in blocks], np.nan) for name in ARRAYS}
    asked = 1.0 if base.answers is None else 0.0  # without counts each was one answer
    counts = {
        "answers": rows(
            np.full(base.correct.shape, asked) if base.answers is None else base.answers,
            [block.scores.answers for block in blocks],
            0.0,
        ),
        "unscored": rows(
            (~np.isfinite(base.correct)).astype(np.float64) if base.unscored is None else base.unscored,
            [block.scores.unscored for block in blocks],
            0.0,
        ),
    }
    return Observations(
        cells=(*base.cells, *facts),
        items=items,
        inference_flops={
            name: rows(base.inference_flops.get(name), [block.inference[name] for block in blocks], np.nan)
            for name in conventions
        },
        serving={
            name: rows(base.serving.get(name), [block.serving[name] for block in blocks], np.nan) for name in SERVING
        },
        **arrays,
        **counts,
    )


def _fair(observations: Observations, *, imported_from: int) -> tuple[Observations, list[str]]:
    """The observations without the items of imported benchmarks that not every cell there answered."""
    assert observations.answers is not None
    asked = observations.answers > 0
    keep = np.ones(len(observations.items), dtype=bool)
    notes = []
    for name in dict.fromkeys(item.benchmark for item in observations.items):
        columns = np.array([index for index, item in enumerate(observations.items) if item.benchmark == name])
        block = asked[:, columns]
        if not block[imported_from:].any():
            continue
        everyone = block[block.any(axis=1)].all(axis=0)
        keep[columns] = everyone
        lost = int((~everyone).sum())
        if lost == columns.size:
            notes.append(f"{name}: no item was answered by every cell, and the benchmark is left out")
        elif lost:
            notes.append(
                f"{name}: {lost:,} of {columns.size:,} items were not answered by every cell, and are left out for all"
            )
    if keep.all():
        return observations, notes
    chosen = np.flatnonzero(keep)
    return Observations(
        cells=observations.cells,
        items=tuple(observations.items[index] for index in chosen),
        inference_flops={name: values[:, chosen] for name, values in observations.inference_flops.items()},
        serving={name: values[:, chosen] for name, values in observations.serving.items()},
        **{name: getattr(observations, name)[:, chosen] for name in (*ARRAYS, *COUNTS)},
    ), notes


def _same_seeds(facts: Sequence[CellFacts]) -> list[str]:
    """Cells of one configuration are pooled as its seeds, also where they carry one seed and two costs."""
    seeds: dict[str, list[int]] = {}
    for fact in facts:
        seeds.setdefault(fact.configuration, []).append(fact.seed)
    return [
        f"{name}: {len(found)} imported cells of about one cost, some of the same seed, count as its seeds"
        for name, found in seeds.items()
        if len(set(found)) < len(found)
    ]
