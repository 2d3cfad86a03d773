"""Derives and prices every step of a study. Pure: called by run/ with lengths and what is complete."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.flops import decode_flops, prefill_flops
from isothink.compute.parameters import parameter_counts
from isothink.corpus.lengths import CorpusLengths, Integers
from isothink.domain.arm import Plain, parse_arm
from isothink.domain.study import Study
from isothink.plan.path import Infeasible
from isothink.plan.record import Plan, PlannedCell, Segment, Status, StudentFacts
from isothink.plan.students import student_architecture
from isothink.plan.tree import CellPath, TreeSegment, cell_paths, identify, kind_of, rate_format, student_rates
from isothink.store.fingerprint import fingerprint

BYTES_PER_WEIGHT = 4
MOMENTS_PER_WEIGHT = 2
BYTES_PER_SAMPLE = 400
EVALUATION_WORK = 3.0
"""Decoding is about as fast as training, per FLOP; loading and scoring take twice as long again (on the quickstart)."""


@dataclass(frozen=True, kw_only=True)
class ItemLengths:
    """What planning knows of the benchmarks: their identity, and the prompt tokens of each item."""

    identity: str
    prompt_tokens: Integers


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What the run folder holds already: ids of steps, and the speed that finished segments had, by student."""

    segments: frozenset[str] = frozenset()
    samples: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    flops_per_second: Mapping[str, float] = field(default_factory=dict)


def plan(study: Study, lengths: CorpusLengths, items: ItemLengths, completed: Completed | None = None) -> Plan:
    """The whole plan.

    Raises:
        StudyError: a student's architecture is not covered by the formulas, or does not fit the tokenizer.
    """
    completed = completed or Completed()
    segments: dict[str, Segment] = {}
    cells: list[PlannedCell] = []
    students: list[StudentFacts] = []
    evaluation: dict[str, float] = {}
    for index, settings in enumerate(study.students):
        architecture = student_architecture(study, index, lengths.vocabulary_size)
        counts = parameter_counts(architecture)
        rates = student_rates(study, settings.name, architecture.hidden_size)
        students.append(
            StudentFacts(name=settings.name, parameters=counts.total, matmul_parameters=counts.matmul, peak_rates=rates)
        )
        recipe = _recipe(study, index, lengths)
        for path in _paths(study, architecture, settings.name, lengths):
            tree = (
                []
                if isinstance(path.pieces, Infeasible)
                else identify(path, recipe, rates, study.training.final_rate_share)
            )
            cell = _cell(study, path, tree, lengths, items, completed)
            cells.append(cell)
            if cell.feasible:
                evaluation[cell.id] = _evaluation_flops(architecture, cell, lengths, items)
                for segment in _segments(study, path, tree, rates, completed):
                    segments.setdefault(segment.id, segment)
    return _assemble(study, lengths, items, completed, students, segments, cells, evaluation)


def _paths(study: Study, architecture: Architecture, student: str, lengths: CorpusLengths) -> list[CellPath]:
    seeds = sorted({seed for text in study.arms for seed in study.seeds_of(text)})
    return [path for seed in seeds for path in cell_paths(study, architecture, student, lengths, seed)]


def _recipe(study: Study, index: int, lengths: CorpusLengths) -> dict[str, Any]:
    """What a student's every segment depends on."""
    student = study.students[index]
    training = study.training
    return {
        "backend": student.backend,
        "architecture": student.architecture,
        "corpus": lengths.corpus,
        "tokenizer": lengths.tokenizer,
        "batch": training.batch.model_dump(),
        "warmup_steps": training.warmup_steps,
        "optimizer": training.optimizer.model_dump(),
        "precision": training.precision,
    }


def _segments(
    study: Study, path: CellPath, tree: list[TreeSegment], rates: Mapping[str, float], completed: Completed
) -> list[Segment]:
    segments = []
    for node in tree:
        piece, priced = node.piece, path.streams[node.piece.stream]
        flops = priced.flops_between(piece.first, piece.last)
        speed = _speed(study, path.student, completed)
        segments.append(
            Segment(
                id=node.id,
                parent=node.parent,
                student=path.student,
                arm=piece.stream,
                seed=path.seed,
                peak_rate=rates[rate_format(piece.stream)],
                kind=kind_of(piece),
                phase_start=piece.phase_start,
                first=piece.first,
                last=piece.last,
                first_step=piece.first_step,
                steps=piece.steps,
                decay=piece.decay,
                tokens=priced.tokens_between(piece.first, piece.last),
                flops=flops,
                seconds=None if speed is None else flops / speed,
                status=_status(node.id, completed.segments, completed.failed),
            )
        )
    return segments


def _speed(study: Study, student: str, completed: Completed) -> float | None:
    """FLOPs per second of one worker: measured where segments of the student are complete, else the study's guess."""
    return completed.flops_per_second.get(student) or study.resources.flops_per_second


def _status(step: str, complete: frozenset[str], failed: frozenset[str]) -> Status:
    if step in complete:
        return "complete"
    return "failed" if step in failed else "waiting"


def _cell(
    study: Study,
    path: CellPath,
    tree: list[TreeSegment],
    lengths: CorpusLengths,
    items: ItemLengths,
    completed: Completed,
) -> PlannedCell:
    configuration = f"{path.student}-{_plain(path.arm)}-{_budget_text(path.budget)}"
    cell = f"{configuration}-seed{path.seed}"
    facts = {
        "id": cell,
        "configuration": configuration,
        "student": path.student,
        "arm": path.arm,
        "seed": path.seed,
        "budget_flops": path.budget,
    }
    if isinstance(path.pieces, Infeasible):
        return _infeasible(facts, path.pieces.reason)
    prompts = path.pieces[-1].last
    read = path.streams[path.pieces[-1].stream].stream.pair[:prompts]
    seen = np.bincount(lengths.source[read], minlength=len(lengths.sources))
    there = np.bincount(lengths.source, minlength=len(lengths.sources))
    epochs = {name: float(seen[index] / there[index]) for index, name in enumerate(lengths.sources)}
    most = max(epochs.values())
    if most > study.training.max_epochs:
        source = max(epochs, key=lambda name: epochs[name])
        reason = f"{source} would be gone through {most:.4g} times, max_epochs is {study.training.max_epochs:g}"
        return _infeasible(facts, reason)
    evaluation = study.evaluation.model_dump(include={"max_new_tokens", "sampling"})
    samples = f"{cell}-{fingerprint({'leaf': tree[-1].id, 'items': items.identity, 'evaluation': evaluation})}"
    return PlannedCell(
        **facts,
        path=tuple(node.id for node in tree),
        samples=samples,
        flops=sum(path.streams[node.piece.stream].flops_between(node.piece.first, node.piece.last) for node in tree),
        steps=sum(node.piece.steps for node in tree),
        prompts=prompts,
        unique_prompts=len(np.unique(read)),
        epochs=most,
        epochs_by_source=epochs,
        feasible=True,
        reason=None,
        status=_cell_status(tree, samples, completed),
    )


def _cell_status(tree: list[TreeSegment], samples: str, completed: Completed) -> Status:
    if samples in completed.samples:
        return "complete"
    return "failed" if {samples, *(node.id for node in tree)} & completed.failed else "waiting"


def _infeasible(facts: dict[str, Any], reason: str) -> PlannedCell:
    return PlannedCell(
        **facts,
        path=(),
        samples=None,
        flops=None,
        steps=None,
        prompts=None,
        unique_prompts=None,
        epochs=None,
        epochs_by_source={},
        feasible=False,
        reason=reason,
        status="waiting",
    )


def _budget_text(budget: float) -> str:
    """Short where that says it all: two budgets never have the same text."""
    short = f"{budget:.4g}"
    exact = short if float(short) == budget else repr(budget)
    return re.sub(r"e\+?(-?)0*", r"e\1", exact)  # 5e11, as everywhere


def _plain(arm: str) -> str:
    return arm.replace("(", "").replace(")", "")


def _evaluation_flops(
    architecture: Architecture, cell: PlannedCell, lengths: CorpusLengths, items: ItemLengths
) -> float:
    """What answering all items is expected to cost: the answers as long as the teacher's in the arm's last format."""
    arm = parse_arm(cell.arm)
    taught = lengths.ift if isinstance(arm, Plain) and arm.format == "ift" else lengths.reasoning
    output = max(1, round(float(np.mean(taught - lengths.prompt))))
    prompts, counts = np.unique(items.prompt_tokens, return_counts=True)
    totals = (
        int(count) * (prefill_flops(architecture, int(prompt)) + decode_flops(architecture, int(prompt), output))
        for prompt, count in zip(prompts, counts, strict=True)
    )
    return float(sum(totals))


def _assemble(
    study: Study,
    lengths: CorpusLengths,
    items: ItemLengths,
    completed: Completed,
    students: list[StudentFacts],
    segments: dict[str, Segment],
    cells: list[PlannedCell],
    evaluation: Mapping[str, float],
) -> Plan:
    parameters = {student.name: student.parameters for student in students}
    seconds = [segment.seconds for segment in segments.values() if segment.status != "complete"]
    for cell in cells:
        if cell.feasible and cell.status != "complete":
            speed = _speed(study, cell.student, completed)
            seconds.append(None if speed is None else EVALUATION_WORK * evaluation[cell.id] / speed)
    known = [second for second in seconds if second is not None]
    return Plan(
        study=study.name,
        source=lengths.origin,
        corpus=lengths.corpus,
        tokenizer=lengths.tokenizer,
        students=tuple(students),
        segments=tuple(segments.values()),
        cells=tuple(cells),
        total_flops=sum(segment.flops for segment in segments.values()),
        unshared_flops=sum(cell.flops for cell in cells if cell.flops is not None),
        phases={"teacher": 0.0, "search": 0.0, "evaluation": sum(evaluation.values()), "judging": 0.0},
        peak_disk_bytes=_peak_disk_bytes(segments, cells, parameters, len(items.prompt_tokens)),
        seconds=sum(known) / study.resources.processes if len(known) == len(seconds) else None,
        items=len(items.prompt_tokens),
        unique_prompts=lengths.unique_prompts,
        notes=("The teacher is a program: its cost is zero FLOPs, so teacher cost is absent from every total.",),
    )


def _peak_disk_bytes(
    segments: Mapping[str, Segment], cells: list[PlannedCell], parameters: Mapping[str, int], items: int
) -> int:
    """An upper bound: the weights of every segment, the optimizer's moments at every branch point, all samples."""
    parents = {segment.parent for segment in segments.values()}
    weights = sum(
        parameters[segment.student] * BYTES_PER_WEIGHT * (1 + MOMENTS_PER_WEIGHT * (segment.id in parents))
        for segment in segments.values()
    )
    return weights + BYTES_PER_SAMPLE * items * sum(cell.feasible for cell in cells)
