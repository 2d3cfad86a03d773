"""What there is to watch of a run: its steps as a reader knows them, and what was spent before. Used by pipeline.py.

Manifests are read once: of what is complete when the view opens, and of each step as it finishes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.compute as pc

from isothink.domain.ledger import PHASES, Phase
from isothink.domain.study import PairStudy
from isothink.errors import IsothinkError
from isothink.plan.record import Plan, PlannedCell, PlannedTrial, Segment
from isothink.run.identity import pairs_step
from isothink.run.scheduler import Step
from isothink.run.study_progress import StepResult, Watched, WatchedStep, added
from isothink.run.todo import completed_in
from isothink.store.run_folder import RunFolder
from isothink.store.tables import SAMPLES_FILE, read_columns

FOLDERS = {"corpus": "corpus", "train": "segments", "evaluate": "samples"}


def watch_pairs(study: PairStudy, steps: Sequence[Step], *, done_before: int) -> Watched:
    """The making of pairs, and of the corpus."""
    described = {}
    for step in steps:
        if step.id.startswith("corpus"):
            facts = {"kind": "corpus", "label": "freezing the corpus"}
        else:
            pilot = "the pilot" if step.id.startswith("pilot") else "the pairs"
            facts = {"kind": "pairs", "label": f"making {pilot}"}
        described[step.id] = WatchedStep(id=step.id, phase="teacher", **facts)  # type: ignore[arg-type]
    return Watched(title=study.name, steps=tuple(steps), described=described, done_before=done_before)


def watch_plan(
    plan: Plan, steps: Sequence[Step], *, study: PairStudy, folder: RunFolder, workers: int, done_before: int
) -> Watched:
    """The steps of a plan, and what the run folder holds of it."""
    work = {step.id: step.work for step in steps}
    complete = completed_in(folder)
    there = complete.segments | complete.samples | work.keys()
    described = {step.id: step for step in describe(plan) if step.id in there}
    pairs = folder.manifest("pairs", pairs_step(study)) or {}
    before = [read_result(folder, step, with_scores=False).spent for step in described.values() if step.id not in work]
    searches = any(segment.purpose == "search" and segment.id in work for segment in plan.segments)
    cells = [cell.samples for cell in plan.cells if cell.samples in described]
    return Watched(
        title=f"{plan.study}, search for learning rates" if searches else plan.study,
        steps=tuple(steps),
        described=described,
        planned={**plan.phases, "training": float(plan.total_flops)},
        spent=added(_sums(pairs.get("ledger", ())), *before),
        speeds=complete.flops_per_second,
        done_before=done_before,
        cells=len(cells),
        cells_before=sum(samples not in work for samples in cells),
        workers=workers,
    )


def describe(plan: Plan) -> Iterator[WatchedStep]:
    """Every step of a plan. Evaluations of one phase share its planned FLOPs alike, as in run/todo.py."""
    names = _tree_names(plan.segments)
    feasible = sum(cell.feasible for cell in plan.cells)
    searching = sum(segment.flops for segment in plan.segments if segment.purpose == "search")
    answering: dict[Phase, float] = {
        "evaluation": plan.phases.get("evaluation", 0.0) / max(1, feasible),
        "search": (plan.phases.get("search", 0.0) - searching) / max(1, len(plan.trials)),
    }
    evaluations: dict[str, list[WatchedStep]] = {}

    def add(cell: PlannedCell | PlannedTrial, label: str, phase: Phase) -> None:
        leaf = cell.path[-1]
        one = WatchedStep(
            id=str(cell.samples),
            kind="evaluate",
            label=f"{cell.student} {label} seed {cell.seed}",
            phase=phase,
            flops=answering[phase],
            student=cell.student,
            tree=names[leaf],
        )
        evaluations.setdefault(leaf, []).append(one)

    for cell in plan.cells:
        if cell.feasible:
            add(cell, f"{cell.arm} {cell.budget}", "evaluation")
    for trial in plan.trials:
        add(trial, f"{trial.format} rate {trial.rate:.3g}", "search")
    for segment in plan.segments:
        label = f"{segment.student} {segment.arm} seed {segment.seed} {segment.kind}"
        yield WatchedStep(
            id=segment.id,
            kind="train",
            label=f"{label} to step {segment.first_step + segment.steps:,}",
            phase=segment.purpose,
            flops=float(segment.flops),
            student=segment.student,
            tree=names[segment.id],
        )
        yield from evaluations.get(segment.id, ())


def _tree_names(segments: Sequence[Segment]) -> dict[str, str]:
    """By segment, what the tree is called that it belongs to; parents stand before children."""
    names: dict[str, str] = {}
    for segment in segments:
        rate = f" rate {segment.peak_rate:.3g}" if segment.purpose == "search" else ""
        own = f"{segment.student} {segment.arm} seed {segment.seed}{rate}"
        names[segment.id] = own if segment.parent is None else names[segment.parent]
    return names


def read_result(folder: RunFolder, step: WatchedStep, *, with_scores: bool = True) -> StepResult:
    """What a complete step left. A view shows what it can: what is damaged, whoever needs it will say."""
    kind = FOLDERS.get(step.kind) or ("pilots" if step.id.startswith("pilot") else "pairs")
    try:
        manifest = folder.manifest(kind, step.id) or {}
        spent = _sums(manifest.get("ledger", ()))
        if step.kind == "evaluate" and with_scores:
            return StepResult(spent=spent, scores=_scores(folder, step.id))
        return StepResult(spent=spent)
    except (IsothinkError, OSError, ValueError, KeyError, TypeError):
        return StepResult()


def _sums(rows: Any) -> dict[Phase, float]:
    spent: dict[Phase, float] = {}
    for row in rows:
        if row["phase"] in PHASES and row["flops"] is not None:
            spent[row["phase"]] = spent.get(row["phase"], 0.0) + row["flops"]
    return spent


def _scores(folder: RunFolder, samples: str) -> dict[str, float]:
    """The mean score of the answers of each family that have one."""
    table = read_columns(folder.step_folder("samples", samples) / SAMPLES_FILE, ("family", "score"))
    means = (
        table.filter(pc.is_valid(table["score"])).group_by("family", use_threads=False).aggregate([("score", "mean")])
    )
    return {row["family"]: row["score_mean"] for row in means.to_pylist()}
