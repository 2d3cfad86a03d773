"""Which steps of a plan are left to do, and what the run folder holds. Used by run/pipeline.py."""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from isothink.plan.planner import EVALUATION_WORK, Completed
from isothink.plan.record import Plan
from isothink.run.scheduler import Step
from isothink.run.states import has_state, has_weights
from isothink.store.run_folder import MANIFEST, RunFolder, read_json


def completed_in(folder: RunFolder) -> Completed:
    """What the run folder holds already."""
    speeds: dict[str, list[float]] = defaultdict(list)
    segments = []
    for step in _complete(folder, "segments"):
        segments.append(step)
        manifest = folder.manifest("segments", step) or {}
        for row in manifest.get("ledger", []):
            if row["phase"] in ("training", "search") and row["seconds"] > 0:
                speeds[str(manifest["student"])].append(row["flops"] / row["seconds"])
    return Completed(
        segments=frozenset(segments),
        samples=frozenset(_complete(folder, "samples")),
        failed=folder.failed_steps(),
        flops_per_second={student: statistics.median(values) for student, values in speeds.items()},
    )


def _complete(folder: RunFolder, kind: str) -> Iterator[str]:
    for manifest in sorted((folder.path / kind).glob(f"*/{MANIFEST}")):
        yield manifest.parent.name


def steps_to_do(plan: Plan, folder: RunFolder, *, of: Literal["cells", "trials"] = "cells") -> list[Step]:
    """The steps that are left of a plan's cells, or of the trials that come before them; parents before children.

    A complete segment is done again where a waiting child needs the state of its optimizer, or a waiting evaluation
    its weights, and they are gone.
    """
    segments = {segment.id: segment for segment in plan.segments}
    complete = completed_in(folder)
    needed: set[str] = set()

    def need(identity: str, *, state: bool) -> None:
        there = has_state(folder, identity) if state else has_weights(folder, identity)
        if there or identity in needed:
            return
        needed.add(identity)
        parent = segments[identity].parent
        if parent is not None:
            need(parent, state=True)

    answering = [(cell.path, str(cell.samples)) for cell in plan.cells if cell.feasible]
    work = plan.phases["evaluation"]
    if of == "trials":
        answering = [(trial.path, trial.samples) for trial in plan.trials]
        work = plan.phases["search"] - sum(segment.flops for segment in plan.segments if segment.purpose == "search")
    work *= EVALUATION_WORK / max(1, len(answering))
    answering = [(path, samples) for path, samples in answering if samples not in complete.samples]
    for path, _ in answering:
        need(path[-1], state=False)
    steps = [
        Step(
            id=segment.id,
            needs=(segment.parent,) if segment.parent in needed else (),
            work=float(segment.flops),
            begins_tree=segment.parent is None,
        )
        for segment in plan.segments
        if segment.id in needed
    ]
    for path, samples in answering:
        steps.append(Step(id=samples, needs=(path[-1],) if path[-1] in needed else (), work=work))
    return steps


def failures_in(folder: RunFolder) -> dict[str, str]:
    """The error of each step that failed."""
    failures = {}
    for path in sorted((folder.path / "failures").glob("*.json")):
        record = read_json(path)
        if record is not None:
            failures[path.stem] = str(record.get("error", "unknown error"))
    return failures
