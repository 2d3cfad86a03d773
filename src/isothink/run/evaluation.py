"""Lets one cell answer every item in a worker, and scores the answers. Called by run/step.py."""

import time
from pathlib import Path

from isothink.benchmark.sample import score_generation
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.flops import decode_flops, prefill_flops
from isothink.domain.ledger import LedgerRow
from isothink.domain.sample import Sample
from isothink.plan.record import PlannedCell
from isothink.run.backends import load_answerer
from isothink.run.workspace import Workspace
from isothink.store.tables import SAMPLE_SCHEMA, SAMPLES_FILE, write_records


def evaluate_cell(workspace: Workspace, cell: PlannedCell, folder: Path) -> dict[str, object]:
    """Answers all items into `folder` and returns what the manifest says."""
    study = workspace.study
    architecture = workspace.architecture(cell.student)
    weights = workspace.folder.step_folder("segments", cell.path[-1])
    backend = study.students[workspace.student_index(cell.student)].backend
    answerer = load_answerer(backend, weights, workspace.tokenizer, batch_size=study.evaluation.batch_size)
    items = workspace.inputs.items
    started = time.perf_counter()
    answers = answerer.generate([item.prompt for item in items], max_new_tokens=study.evaluation.max_new_tokens)
    seconds = time.perf_counter() - started
    samples: list[Sample] = []
    for item, answer in zip(items, answers, strict=True):
        flops = prefill_flops(architecture, answer.prompt_tokens) + decode_flops(
            architecture, answer.prompt_tokens, answer.output_tokens
        )
        samples.append(score_generation(cell.id, item, answer, 0, float(flops)))
    write_records(folder / SAMPLES_FILE, samples, SAMPLE_SCHEMA)
    row = LedgerRow(
        phase="evaluation",
        step=str(cell.samples),
        flops=sum(sample.inference_flops for sample in samples),
        hardware_flops=None,
        tokens=sum(answer.prompt_tokens + answer.output_tokens for answer in answers),
        seconds=seconds,
    )
    return {
        "cell": cell.id,
        "path": list(cell.path),
        "samples": len(samples),
        "batch_size": study.evaluation.batch_size,
        "training": training_of(workspace, cell),
        "ledger": [row.model_dump()],
    }


def training_of(workspace: Workspace, cell: PlannedCell) -> dict[str, object]:
    """What the cell's training cost along its path, so that its evidence needs no segment any more.

    `by_convention` leaves out the conventions that define no figure for the student.
    """
    manifests = [workspace.folder.manifest("segments", step) or {} for step in cell.path]
    by_convention: dict[str, int] = {}
    for name in CONVENTIONS:
        parts = [manifest["flops_by_convention"][name] for manifest in manifests]
        if all(part is not None for part in parts):
            by_convention[name] = sum(parts)
    return {
        "flops": sum(manifest["flops"] for manifest in manifests),
        "by_convention": by_convention,
        "trunk": f"{cell.student}-{manifests[0]['arm']}-seed{cell.seed}",
    }
