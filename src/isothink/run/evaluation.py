"""Lets one student answer every item in a worker, and scores the answers. Called by run/step.py."""

import time
from collections.abc import Sequence
from pathlib import Path

from isothink.benchmark.sample import score_generations
from isothink.compute.architecture import Architecture
from isothink.compute.flops import inference_flops
from isothink.domain.ledger import LedgerRow, Phase
from isothink.domain.sample import Generation, Item
from isothink.plan.record import PlannedCell, PlannedTrial
from isothink.run.backends import Verification, load_answerer, require_math_checker
from isothink.run.workspace import Workspace
from isothink.store.attempts import Attempt
from isothink.store.tables import SAMPLE_SCHEMA, SAMPLES_FILE, write_records


class Spending:
    """Adds up what answers cost and tells the attempt, so that an interrupted evaluation shows as waste."""

    def __init__(self, architecture: Architecture, attempt: Attempt) -> None:
        self.flops = 0.0
        self.tokens = 0
        self._architecture = architecture
        self._attempt = attempt

    def add(self, answers: Sequence[Generation]) -> None:
        """Notes one batch of answers."""
        for answer in answers:
            self.flops += inference_flops(self._architecture, answer.prompt_tokens, answer.output_tokens)
            self.tokens += answer.prompt_tokens + answer.output_tokens
        self._attempt.spent(self.flops, self.tokens)


def evaluate(
    workspace: Workspace,
    cell: PlannedCell | PlannedTrial,
    items: Sequence[Item],
    folder: Path,
    attempt: Attempt,
    *,
    phase: Phase,
) -> dict[str, object]:
    """Answers all items into `folder` and returns what the manifest says; the ledger has the cost in `phase`.

    `training` repeats what the cell's training cost, so that its evidence needs no segment any more.
    """
    study = workspace.study
    architecture = workspace.architecture(cell.student)
    weights = workspace.folder.step_folder("segments", cell.path[-1])
    backend = study.students[workspace.student_index(cell.student)].backend
    answerer = load_answerer(backend, weights, workspace.tokenizer, batch_size=study.evaluation.batch_size)
    if any(item.answer_format == "math" for item in items):
        require_math_checker()  # before hours of answers that could not be scored
    started = time.perf_counter()
    spent = Spending(architecture, attempt)
    answers = answerer.generate(
        [item.prompt for item in items], max_new_tokens=study.evaluation.max_new_tokens, on_batch=spent.add
    )
    seconds = time.perf_counter() - started
    flops = [float(inference_flops(architecture, answer.prompt_tokens, answer.output_tokens)) for answer in answers]
    with Verification() as verification:
        samples = score_generations(
            cell.id, list(zip(items, answers, strict=True)), verify=verification.verify, inference_flops=flops
        )
    write_records(folder / SAMPLES_FILE, samples, SAMPLE_SCHEMA)
    row = LedgerRow(
        phase=phase,
        step=str(cell.samples),
        flops=spent.flops,
        hardware_flops=None,
        tokens=spent.tokens,
        seconds=seconds,
    )
    return {
        "cell": cell.id,
        "path": list(cell.path),
        "samples": len(samples),
        "batch_size": study.evaluation.batch_size,
        "training": (workspace.folder.manifest("segments", cell.path[-1]) or {})["total"],
        "ledger": [row.model_dump()],
    }
