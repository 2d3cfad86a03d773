"""Turns stored samples into what the analysis reads, and says which cells are missing. Called by run/analysis.py."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.hardware import SERVING, serving_work
from isothink.domain.arm import parse_arm
from isothink.domain.sample import Item
from isothink.errors import RunFolderError
from isothink.evidence.observations import CellFacts, Floats, ItemFacts, Observations
from isothink.evidence.record import MissingCell
from isothink.plan.record import Plan, PlannedCell
from isothink.run.identity import pairs_step
from isothink.run.rate_search import search_share
from isothink.run.teacher_share import teacher_share
from isothink.run.todo import failures_in
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder, read_json
from isothink.store.tables import SAMPLES_FILE, read_columns

COLUMNS = (
    *("item", "score", "think_state", "stop_reason", "is_looping"),
    *("prompt_tokens", "trace_tokens", "answer_tokens"),
)
THINKING = ("closed", "orphan_close", "unclosed")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One cell's answers; arrays of shape [items], NaN where an item has none.

    `answers` and `unscored` count. `lengths` holds the item's place, the prompt tokens and the output tokens of each
    answer, repeats one by one.
    """

    correct: Floats
    truncated: Floats
    looping: Floats
    thinking: Floats
    prompt_tokens: Floats
    trace_tokens: Floats
    answer_tokens: Floats
    answers: Floats
    unscored: Floats
    lengths: tuple[tuple[int, int, int], ...]


def observe(workspace: Workspace) -> tuple[Observations, tuple[MissingCell, ...]]:
    """All complete cells as observations, and the others with their reasons."""
    plan, items = workspace.plan, workspace.inputs.items
    complete = [cell for cell in plan.cells if _is_complete(workspace.folder, cell)]
    parameters = {student.name: student.parameters for student in plan.students}
    scores = [_scores(workspace.folder, cell, items) for cell in complete]
    shape = (len(complete), len(items))

    def stack(name: str) -> Floats:
        return np.array([getattr(score, name) for score in scores], dtype=np.float64).reshape(shape)

    observations = Observations(
        cells=tuple(_facts(workspace, cell, parameters[cell.student]) for cell in complete),
        items=tuple(
            ItemFacts(item=item.id, benchmark=item.benchmark, family=item.family, cluster=item.cluster)
            for item in items
        ),
        correct=stack("correct"),
        truncated=stack("truncated"),
        looping=stack("looping"),
        thinking=stack("thinking"),
        prompt_tokens=stack("prompt_tokens"),
        trace_tokens=stack("trace_tokens"),
        answer_tokens=stack("answer_tokens"),
        answers=stack("answers"),
        unscored=stack("unscored"),
        inference_flops=_inference_flops(workspace, complete, scores, shape),
        serving=_serving(workspace, complete, scores, shape),
    )
    return observations, missing_cells(plan, workspace.folder)


def missing_cells(plan: Plan, folder: RunFolder) -> tuple[MissingCell, ...]:
    """Every planned cell without samples, and why."""
    failures = failures_in(folder)
    missing = []
    for cell in plan.cells:
        if _is_complete(folder, cell):
            continue
        errors = [failures[step] for step in (*cell.path, cell.samples) if step in failures]
        status: Literal["not_run", "failed", "infeasible"] = "not_run"
        reason = "not run yet"
        if not cell.feasible:
            status, reason = "infeasible", f"infeasible: {cell.reason}"
        elif errors:
            status, reason = "failed", f"failed: {errors[0]}"
        missing.append(MissingCell(cell=cell.id, configuration=cell.configuration, reason=reason, status=status))
    return tuple(missing)


def _is_complete(folder: RunFolder, cell: PlannedCell) -> bool:
    return cell.samples is not None and folder.manifest("samples", cell.samples) is not None


def _scores(folder: RunFolder, cell: PlannedCell, items: tuple[Item, ...]) -> Scores:
    table = read_columns(folder.step_folder("samples", str(cell.samples)) / SAMPLES_FILE, COLUMNS).to_pylist()
    position = {item.id: index for index, item in enumerate(items)}
    return scores_of([(position[row["item"]], row) for row in table], len(items))


def scores_of(placed: Sequence[tuple[int, Mapping[str, Any]]], items: int) -> Scores:
    """The scores of one cell from its samples, each with the place of its item; imported ones may lack lengths."""
    # an answer that could not be had says nothing of the student: neither of its score nor of its lengths
    rows = [(place, row) for place, row in placed if row["stop_reason"] != "failed"]

    def column(value: Callable[[Mapping[str, Any]], float | None]) -> Floats:
        return item_means([(place, value(row)) for place, row in rows], items)

    return Scores(
        correct=column(lambda row: row["score"]),
        # of the same answers as the accuracy that it bounds
        truncated=column(lambda row: None if row["score"] is None else row["stop_reason"] == "length"),
        looping=column(lambda row: row["is_looping"]),
        thinking=column(lambda row: row["think_state"] in THINKING),
        prompt_tokens=column(lambda row: row["prompt_tokens"]),
        trace_tokens=column(lambda row: row["trace_tokens"]),
        answer_tokens=column(lambda row: row["answer_tokens"]),
        answers=_counts([place for place, _ in placed], items),
        unscored=_counts([place for place, row in placed if row["score"] is None], items),
        lengths=tuple(
            (place, row["prompt_tokens"] or 0, row["trace_tokens"] + row["answer_tokens"])
            for place, row in rows
            if row["answer_tokens"] is not None
        ),
    )


def _counts(places: Sequence[int], items: int) -> Floats:
    return np.bincount(np.array(places, dtype=np.int64), minlength=items).astype(np.float64)


def item_means(values: Iterable[tuple[int, float | None]], count: int) -> Floats:
    """The mean of each item's values, NaN where it has none; repeats are averaged, missing ones left out."""
    sums, counts = np.zeros(count), np.zeros(count)
    for place, value in values:
        if value is not None:
            sums[place] += value
            counts[place] += 1
    means: Floats = np.divide(sums, counts, out=np.full(count, np.nan), where=counts > 0)
    return means


def _facts(workspace: Workspace, cell: PlannedCell, parameters: int) -> CellFacts:
    folder = workspace.folder
    training = (folder.manifest("samples", str(cell.samples)) or {}).get("training")
    if training is None:
        place = folder.step_folder("samples", str(cell.samples))
        raise RunFolderError(f"{place}: found a manifest without training costs", hint="remove the folder, then run")
    return CellFacts(
        cell=cell.id,
        configuration=cell.configuration,
        student=cell.student,
        parameters=parameters,
        arm=cell.arm,
        arm_kind=parse_arm(cell.arm).kind,
        budget_flops=cell.budget_flops,
        seed=cell.seed,
        trunk=training["trunk"],
        training_flops={name: float(flops) for name, flops in training["by_convention"].items()},
        fixed_flops=teacher_share(workspace, cell) + search_share(workspace.plan, folder, cell),
    )


def _inference_flops(
    workspace: Workspace, cells: list[PlannedCell], scores: list[Scores], shape: tuple[int, int]
) -> dict[str, Floats]:
    result: dict[str, Floats] = {}
    architectures = {student.name: workspace.architecture(student.name) for student in workspace.plan.students}
    for name in CONVENTIONS:
        rows = [
            _served(name, architectures[cell.student], score, shape[1])
            for cell, score in zip(cells, scores, strict=True)
        ]
        if all(row is not None for row in rows):
            result[name] = np.array(rows, dtype=np.float64).reshape(shape)
    return result


def _served(name: str, architecture: Architecture, score: Scores, items: int) -> Floats | None:
    """FLOPs of serving each item under one convention, the mean of its repeats; None where it defines none."""
    convention = CONVENTIONS[name]
    known: dict[tuple[int, int], float] = {}
    costs: list[tuple[int, float | None]] = []
    for place, prompt, output in score.lengths:
        if (prompt, output) not in known:
            prefill = convention.prefill_flops(architecture, prompt)
            decode = convention.decode_flops(architecture, prompt, output)
            if prefill is None or decode is None:
                return None
            known[prompt, output] = float(prefill + decode)
        costs.append((place, known[prompt, output]))
    return item_means(costs, items)


def _serving(
    workspace: Workspace, cells: list[PlannedCell], scores: list[Scores], shape: tuple[int, int]
) -> dict[str, Floats]:
    """What serving each item asks of a device, the mean of its repeats."""
    architectures = {student.name: workspace.architecture(student.name) for student in workspace.plan.students}
    rows = []
    for cell, score in zip(cells, scores, strict=True):
        architecture = architectures[cell.student]
        known = {lengths: serving_work(architecture, *lengths) for lengths in {each[1:] for each in score.lengths}}
        works = [(place, known[prompt, output]) for place, prompt, output in score.lengths]
        rows.append([item_means([(place, work[part]) for place, work in works], shape[1]) for part in range(4)])
    arrays = np.array(rows, dtype=np.float64).reshape(shape[0], 4, shape[1])
    return {name: arrays[:, part] for part, name in enumerate(SERVING)}


def ledger_rows(workspace: Workspace) -> list[Mapping[str, Any]]:
    """Every ledger row of the plan's steps; totals are sums of these. What the plan no longer names is left out."""
    folder, plan = workspace.folder, workspace.plan
    rows: list[Mapping[str, Any]] = []
    rows.extend((folder.manifest("pairs", pairs_step(workspace.study)) or {}).get("ledger", []))
    for segment in plan.segments:
        rows.extend((folder.manifest("segments", segment.id) or {}).get("ledger", []))
    for student in plan.answering:
        if student.samples is not None:
            rows.extend((folder.manifest("samples", student.samples) or {}).get("ledger", []))
    for step in sorted(failures_in(folder)):
        rows.extend((read_json(folder.failure_file(step)) or {}).get("ledger", []))
    return rows
