"""Trains one segment in a worker: feeds the trainer its steps, keeps metrics and the ledger."""

import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

from isothink.compute.architecture import Architecture
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.flops import padded_training_flops, training_flops
from isothink.corpus.corpus import Corpus
from isothink.corpus.lengths import Integers
from isothink.corpus.stream import Stream
from isothink.domain.ledger import LedgerRow
from isothink.plan.record import Segment
from isothink.run.workspace import Workspace
from isothink.store.attempts import Attempt
from isothink.store.tables import METRIC_SCHEMA, METRICS_FILE, write_columns
from isothink.student.protocol import Example, InitialStudent, OptimizerStep, StepMetrics, TrainingTask
from isothink.student.schedule import schedule_factor


class SegmentLog:
    """Collects what every optimizer step did, and tells the attempt what was spent."""

    def __init__(
        self, architecture: Architecture, step_lengths: list[Integers], first_step: int, attempt: Attempt
    ) -> None:
        self.flops = [training_flops(architecture, lengths) for lengths in step_lengths]
        self.spent = 0
        self.hardware_flops = 0
        self.tokens = 0
        self.metrics: list[StepMetrics] = []
        self._architecture = architecture
        self._first_step = first_step
        self._attempt = attempt

    def add(self, metrics: StepMetrics) -> None:
        """Notes one optimizer step."""
        self.spent += self.flops[len(self.metrics)]
        self.hardware_flops += sum(padded_training_flops(self._architecture, *shape) for shape in metrics.shapes)
        self.tokens += metrics.tokens
        self.metrics.append(metrics)
        self._attempt.spent(float(self.spent), self.tokens)

    def write(self, folder: Path, rates: list[float]) -> None:
        """Writes one row per optimizer step."""
        columns = {
            "step": [self._first_step + index for index in range(len(self.metrics))],
            "loss": [metrics.loss for metrics in self.metrics],
            "learning_rate": rates,
            "gradient_norm": [metrics.gradient_norm for metrics in self.metrics],
            "tokens": [metrics.tokens for metrics in self.metrics],
            "loss_tokens": [metrics.loss_tokens for metrics in self.metrics],
            "flops": [float(flops) for flops in self.flops],
            "seconds": [metrics.seconds for metrics in self.metrics],
        }
        write_columns(folder / METRICS_FILE, columns, METRIC_SCHEMA)


def train_segment(workspace: Workspace, segment: Segment, folder: Path, attempt: Attempt) -> dict[str, object]:
    """Trains one segment into `folder` and returns what its manifest says."""
    study = workspace.study
    stream, edges = workspace.steps_of(segment)
    architecture = workspace.architecture(segment.student)
    rates = _rates(workspace, segment)
    lengths = [stream.length[first:last] for first, last in pairwise(edges)]
    log = SegmentLog(architecture, lengths, segment.first_step, attempt)
    has_children = any(other.parent == segment.id for other in workspace.plan.segments)
    started = time.perf_counter()
    state = workspace.trainer(segment.student).open(_task(workspace, segment))
    for step in _steps(workspace.inputs.corpus, stream, edges, rates, segment.first_step):
        log.add(state.step(step))
    log.write(folder, rates)
    if has_children:
        state.save(folder, optimizer=True)
    else:
        state.save_student(folder)
        workspace.tokenizer.save(folder)  # a finished student is a whole Hugging Face folder
    whole = stream.length[segment.first : segment.last]
    by_convention = {name: convention.training_flops(architecture, whole) for name, convention in CONVENTIONS.items()}
    row = LedgerRow(
        phase="training",
        step=segment.id,
        flops=float(log.spent),
        hardware_flops=float(log.hardware_flops),
        tokens=log.tokens,
        seconds=time.perf_counter() - started,
    )
    return {
        "parent": segment.parent,
        "student": segment.student,
        "arm": segment.arm,
        "seed": segment.seed,
        "kind": segment.kind,
        "steps": len(log.metrics),
        "tokens": log.tokens,
        "flops": log.spent,
        "flops_by_convention": by_convention,
        "total": _total(workspace, segment, log.spent, by_convention),
        "threads": study.resources.threads,
        "ledger": [row.model_dump()],
    }


def _task(workspace: Workspace, segment: Segment) -> TrainingTask:
    training, resources = workspace.study.training, workspace.study.resources
    settings = workspace.study.students[workspace.student_index(segment.student)]
    return TrainingTask(
        student=InitialStudent(
            config=workspace.config(segment.student),
            seed=segment.seed,
            model=settings.model,
            revision=settings.revision,
            runs_remote_code=settings.remote_code != "never",
        ),
        state=None if segment.parent is None else workspace.folder.step_folder("segments", segment.parent),
        optimizer=training.optimizer,
        precision=training.precision,
        pad_id=workspace.tokenizer.pad_id,
        adapters=training.adapters,
        loss_weighting=training.loss_weighting,
        micro_batch_tokens=resources.micro_batch_tokens,
        activation_checkpointing=resources.activation_checkpointing,
    )


def _total(
    workspace: Workspace, segment: Segment, flops: int, by_convention: Mapping[str, int | None]
) -> dict[str, object]:
    """What training cost from the initial weights to the end of this segment; the evidence reads no other figure.

    `by_convention` leaves out the conventions that define no figure for the student; `trunk` names the root.
    """
    own = {name: value for name, value in by_convention.items() if value is not None}
    if segment.parent is None:
        return {"flops": flops, "by_convention": own, "trunk": f"{segment.student}-{segment.arm}-seed{segment.seed}"}
    before = (workspace.folder.manifest("segments", segment.parent) or {})["total"]
    return {
        "flops": before["flops"] + flops,
        "by_convention": {name: before["by_convention"][name] + value for name, value in own.items()},
        "trunk": before["trunk"],
    }


def _rates(workspace: Workspace, segment: Segment) -> list[float]:
    training = workspace.study.training
    decay = None if segment.decay is None else (segment.decay.first_step, segment.decay.steps)
    return [
        segment.peak_rate
        * schedule_factor(step, warmup_steps=training.warmup_steps, decay=decay, final_share=training.final_rate_share)
        for step in range(segment.first_step, segment.first_step + segment.steps)
    ]


def _steps(
    corpus: Corpus, stream: Stream, edges: Integers, rates: list[float], first_step: int
) -> Iterator[OptimizerStep]:
    for index, (first, last, rate) in enumerate(zip(edges[:-1], edges[1:], rates, strict=True)):
        yield OptimizerStep(
            examples=tuple(_example(corpus, stream, position) for position in range(int(first), int(last))),
            learning_rate=rate,
            number=first_step + index,
        )


def _example(corpus: Corpus, stream: Stream, position: int) -> Example:
    pair = int(stream.pair[position])
    answers = corpus.reasoning if np.asarray(stream.is_reasoning)[position] else corpus.ift
    return Example(prompt=corpus.prompt[pair], answer=answers[pair])
