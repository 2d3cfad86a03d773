"""SQL over a run: DuckDB views on its Parquet files and manifests. Called by `isothink sql` and api.sql."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from isothink.corpus.order import prompt_order
from isothink.domain.study import Study
from isothink.errors import UsageError
from isothink.plan.planner import Completed
from isothink.plan.record import PlannedCell
from isothink.run.identity import pairs_step
from isothink.run.imports_folder import read_import_samples, read_imports
from isothink.run.observe import ledger_rows
from isothink.run.todo import completed_in, failures_in
from isothink.run.workspace import Workspace
from isothink.store.tables import (
    DROPPED_FILE,
    DROPPED_SCHEMA,
    PAIR_SCHEMA,
    PAIRS_FILE,
    SAMPLE_SCHEMA,
    SAMPLES_FILE,
    read_columns,
)

SAMPLE_COLUMNS = (
    "cell, benchmark, family, item, repeat, score, think_state, stop_reason, prompt_tokens, trace_tokens,"
    " answer_tokens, inference_flops, seconds, is_looping, text, extracted, reference, prompt, error, scorer, cluster,"
    " votes"
)

CELLS = pa.schema(
    [
        ("cell", pa.string()),
        ("student", pa.string()),
        ("arm", pa.string()),
        ("seed", pa.int64()),
        ("parameters", pa.int64()),
        ("budget_flops", pa.float64()),
        ("training_flops", pa.float64()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("steps", pa.int64()),
        ("prompts", pa.int64()),
        ("unique_prompts", pa.int64()),
        ("epochs", pa.float64()),
        ("source", pa.string()),
    ]
)
SEGMENTS = pa.schema(
    [
        ("segment", pa.string()),
        ("parent", pa.string()),
        ("student", pa.string()),
        ("arm", pa.string()),
        ("seed", pa.int64()),
        ("kind", pa.string()),
        ("steps", pa.int64()),
        ("tokens", pa.int64()),
        ("planned_flops", pa.float64()),
        ("flops", pa.float64()),
        ("status", pa.string()),
    ]
)
PROMPT_ORDER = pa.schema([("seed", pa.int64()), ("position", pa.int64()), ("pair", pa.string())])
LEDGER = pa.schema(
    [
        ("phase", pa.string()),
        ("step", pa.string()),
        ("flops", pa.float64()),
        ("hardware_flops", pa.float64()),
        ("tokens", pa.int64()),
        ("seconds", pa.float64()),
    ]
)


def query_run(workspace: Workspace, query: str) -> list[dict[str, Any]]:
    """Runs a query and returns its rows; the query can read the run, and neither other files nor the network.

    Raises:
        UsageError: DuckDB refuses the query.
    """
    tables = _tables(workspace)
    connection = duckdb.connect(":memory:")
    try:
        for name in [name for name in tables if name in query.lower()] or tables:  # none is named by SHOW TABLES
            connection.register(f"{name}_rows", MAKERS[name](workspace))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_rows")
            connection.unregister(f"{name}_rows")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        relation = connection.sql(query)
        return [] if relation is None else _rows(relation.to_arrow_table())
    except duckdb.Error as error:
        raise UsageError(f"query: {str(error).splitlines()[0]}", hint="tables: " + ", ".join(tables)) from None
    finally:
        connection.close()


def _tables(workspace: Workspace) -> tuple[str, ...]:
    if not workspace.has_study:
        return IMPORT_TABLES
    if isinstance(workspace.pair_study, Study):
        return TABLES
    return (*PAIR_TABLES, *IMPORT_TABLES) if workspace.folder.imports() else PAIR_TABLES


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON holds them: NaN and infinity become null, and columns of one name get names of their own."""
    names: list[str] = []
    for column in table.column_names:
        name = column
        while name in names:
            name += "_"
        names.append(name)
    text = json.dumps(table.rename_columns(names).to_pylist(), default=_plain)
    rows: list[dict[str, Any]] = json.loads(text, parse_constant=lambda constant: None)
    return rows


def _plain(value: Any) -> int | float | str:
    """What JSON has no type for; DuckDB's sum of whole numbers comes as a decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def _pairs(workspace: Workspace) -> pa.Table:
    path = workspace.folder.step_folder("pairs", pairs_step(workspace.pair_study)) / PAIRS_FILE
    return read_columns(path) if path.is_file() else PAIR_SCHEMA.empty_table()


def _dropped(workspace: Workspace) -> pa.Table:
    path = workspace.folder.step_folder("pairs", pairs_step(workspace.pair_study)) / DROPPED_FILE
    return read_columns(path) if path.is_file() else DROPPED_SCHEMA.empty_table()


def _samples(workspace: Workspace) -> pa.Table:
    names = [name.strip() for name in SAMPLE_COLUMNS.split(",")]
    tables = [SAMPLE_SCHEMA.empty_table()]
    for manifest in read_imports(workspace.folder):
        tables.append(read_import_samples(workspace.folder, manifest.id))
    for cell in _planned_cells(workspace):
        if cell.samples is not None and workspace.folder.manifest("samples", cell.samples) is not None:
            tables.append(read_columns(workspace.folder.step_folder("samples", cell.samples) / SAMPLES_FILE))
    return pa.concat_tables(tables).select(names)


def _planned_cells(workspace: Workspace) -> tuple[PlannedCell, ...]:
    return workspace.plan.cells if workspace.has_study and isinstance(workspace.pair_study, Study) else ()


def _cells(workspace: Workspace) -> pa.Table:
    planned = _planned_rows(workspace) if _planned_cells(workspace) else []
    return pa.Table.from_pylist([*planned, *_imported_rows(workspace)], schema=CELLS)


def _imported_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """One row per imported cell; what only a training here has is null."""
    cells = {part.cell.key: part.cell for manifest in read_imports(workspace.folder) for part in manifest.parts}
    return [
        {
            **dict.fromkeys(CELLS.names),
            "cell": cell.id,
            "student": cell.student,
            "arm": cell.arm,
            "seed": cell.seed,
            "parameters": cell.parameters,
            "budget_flops": cell.budget_flops,
            "training_flops": cell.training_flops,
            "status": "complete",
            "source": "imported",
        }
        for _, cell in sorted(cells.items())
    ]


def _planned_rows(workspace: Workspace) -> list[dict[str, Any]]:
    folder, plan = workspace.folder, workspace.plan
    parameters = {student.name: student.parameters for student in plan.students}
    complete, failures = completed_in(folder), failures_in(folder)
    rows = []
    for cell in plan.cells:
        errors = [failures[step] for step in (*cell.path, cell.samples) if step in failures]
        status = "waiting"
        if not cell.feasible:
            status = "infeasible"
        elif cell.samples in complete.samples:
            status = "complete"
        elif errors:
            status = "failed"
        rows.append(
            {
                "cell": cell.id,
                "student": cell.student,
                "arm": cell.arm,
                "seed": cell.seed,
                "parameters": parameters[cell.student],
                "budget_flops": cell.budget_flops,
                "training_flops": _training_flops(workspace, cell, complete),
                "status": status,
                "error": cell.reason if not cell.feasible else (errors[0] if status == "failed" else None),
                "steps": cell.steps,
                "prompts": cell.prompts,
                "unique_prompts": cell.unique_prompts,
                "epochs": cell.epochs,
                "source": "trained",
            }
        )
    return rows


def _training_flops(workspace: Workspace, cell: PlannedCell, complete: Completed) -> float | None:
    """What the cell's training cost, None while it is not trained."""
    if cell.samples is not None and cell.samples in complete.samples:
        manifest = workspace.folder.manifest("samples", cell.samples) or {}
        return float(manifest["training"]["flops"])
    if cell.feasible and set(cell.path) <= complete.segments:
        return float(sum((workspace.folder.manifest("segments", step) or {})["flops"] for step in cell.path))
    return None


def _segments(workspace: Workspace) -> pa.Table:
    complete = completed_in(workspace.folder)
    rows = []
    for segment in workspace.plan.segments:
        manifest = workspace.folder.manifest("segments", segment.id) or {}
        rows.append(
            {
                "segment": segment.id,
                "parent": segment.parent,
                "student": segment.student,
                "arm": segment.arm,
                "seed": segment.seed,
                "kind": segment.kind,
                "steps": segment.steps,
                "tokens": segment.tokens,
                "planned_flops": float(segment.flops),
                "flops": float(manifest["flops"]) if "flops" in manifest else None,
                "status": "complete" if segment.id in complete.segments else "waiting",
            }
        )
    return pa.Table.from_pylist(rows, schema=SEGMENTS)


def _ledger(workspace: Workspace) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in ledger_rows(workspace)], schema=LEDGER)


def _prompt_order(workspace: Workspace) -> pa.Table:
    """The one order per seed of which every cell reads a prefix, as long as the longest of them."""
    longest: dict[int, int] = {}
    for cell in workspace.plan.cells:
        longest[cell.seed] = max(longest.get(cell.seed, 0), cell.prompts or 0)
    tables = [PROMPT_ORDER.empty_table()]
    ids = pa.array(workspace.lengths.ids)
    for seed, count in longest.items():
        order = prompt_order(workspace.lengths, seed=seed, count=count)
        columns = {"seed": [seed] * count, "position": range(count), "pair": ids.take(pa.array(order))}
        tables.append(pa.table(columns, schema=PROMPT_ORDER))
    return pa.concat_tables(tables)


MAKERS: dict[str, Callable[[Workspace], pa.Table]] = {
    "pairs": _pairs,
    "dropped": _dropped,
    "segments": _segments,
    "ledger": _ledger,
    "cells": _cells,
    "samples": _samples,
    "prompt_order": _prompt_order,
}
TABLES = tuple(MAKERS)
PAIR_TABLES = ("pairs", "dropped")
"""Those of a study that makes pairs only."""
IMPORT_TABLES = ("cells", "samples")
"""Those of imported results without a study."""
