"""Executes one step of a study from the run folder alone. Called by workers and by `isothink step`."""

import shutil
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isothink.domain.ledger import LedgerRow
from isothink.errors import StepError, UsageError
from isothink.run.evaluation import evaluate
from isothink.run.generation import write_pairs
from isothink.run.identity import corpus_step, limit_of_pilot, pairs_step, pilot_step
from isothink.run.inputs import freeze_inputs
from isothink.run.interruption import StopRequest, Terminated, deferring_stop
from isothink.run.items import study_benchmark_facts
from isothink.run.step_progress import StepProgress
from isothink.run.teacher_share import teacher_flops
from isothink.run.training import train_segment
from isothink.run.workspace import Workspace
from isothink.store.attempts import Attempt, wasted
from isothink.store.run_folder import MANIFEST, SCHEMA_VERSION, write_json
from isothink.store.tables import PAIRS_FILE

Kind = Literal["pairs", "pilots", "corpus", "segments", "samples"]
Heard = Callable[[StepProgress], None]


def kind_of_step(workspace: Workspace, step: str) -> Kind:
    """What kind of step an id is.

    Raises:
        UsageError: the study has no such step.
    """
    limit = limit_of_pilot(step)
    if step == pairs_step(workspace.pair_study):
        return "pairs"
    if limit is not None and step == pilot_step(workspace.pair_study, limit):
        return "pilots"
    if step == corpus_step(workspace.study):
        return "corpus"
    if workspace.segment(step) is not None:
        return "segments"
    if workspace.cell_of_samples(step) is not None or workspace.trial_of_samples(step) is not None:
        return "samples"
    known = f"{pairs_step(workspace.pair_study)}, {corpus_step(workspace.study)}"
    raise UsageError(
        f"found step {step!r}, allowed are {known}, and the ids of segments and of samples in"
        f" {workspace.folder.plan_file}",
        hint="`isothink plan STUDY --json` prints them too, as `id` of segments and `samples` of cells",
    )


def execute_step(workspace: Workspace, step: str, heard: Heard | None = None) -> None:
    """Executes a step unless it is complete; writes its artifact, its log, what it spent; `heard` hears how far it is.

    Raises:
        StepError, IsothinkError, OSError: the step failed; nothing of it is left but its log and its attempts, and of
            a segment perhaps its last state.
        Terminated: SIGTERM came; a segment has kept its state, or is complete.
    """
    folder = workspace.folder
    kind = kind_of_step(workspace, step)
    if folder.manifest(kind, step) is not None:
        return
    name = uuid.uuid4().hex
    log = folder.log_file(step)
    log.parent.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        with suppress(OSError), log.open("a", encoding="utf-8") as lines:  # a full disk costs a line, not the step
            print(f"{_now()} {line}", file=lines)

    with ReportingAttempt(folder.attempts_file(step), name, heard) as attempt:
        say("begins")
        try:
            with deferring_stop() if kind == "segments" else nullcontext(StopRequest()) as stop:
                _write(
                    Making(workspace=workspace, kind=kind, step=step, attempt=attempt, say=say, stop=stop, heard=heard)
                )
        except Terminated:
            say("stopped by SIGTERM")
            raise
        except Exception:
            say(f"failed\n{traceback.format_exc()}")
            raise
        say(f"complete after {attempt.seconds:.2f} s")
    if stop.came:
        raise Terminated


@dataclass(frozen=True, kw_only=True)
class Making:
    """One attempt at a step: what is made, where it says how it goes, and whether it is to stop."""

    workspace: Workspace
    kind: Kind
    step: str
    attempt: "ReportingAttempt"
    say: Callable[[str], None]
    stop: StopRequest
    heard: Heard | None


def _write(making: Making) -> None:
    """Makes the artifact, and writes its manifest with what it spent and what was wasted on the way."""
    folder, kind, step, attempt = making.workspace.folder, making.kind, making.step, making.attempt
    with folder.writing(kind, step) as beside:
        facts = _make(making, beside)
        journal = folder.attempts_file(step)
        waste = wasted(journal, step, finished=attempt.name, taken_over=attempt.taken_over)
        rows = [*facts.pop("ledger", []), *([waste.model_dump()] if waste else [])]  # type: ignore[misc]
        manifest = {"schema_version": SCHEMA_VERSION, "id": step, "kind": kind, **facts, "ledger": rows}
        write_json(beside / MANIFEST, manifest)
    if kind == "segments":
        shutil.rmtree(folder.checkpoints(step), ignore_errors=True)
    if kind == "samples":
        shutil.rmtree(folder.answers(str(facts["answers"])), ignore_errors=True)


class ReportingAttempt(Attempt):
    """An attempt that also tells the scheduler."""

    def __init__(self, path: Path, name: str, report: Heard | None) -> None:
        super().__init__(path, name)
        self._report = report

    def spent(self, flops: float, tokens: int) -> bool:
        """See Attempt."""
        written = super().spent(flops, tokens)
        if written and self._report is not None:
            kept = self.taken_over.flops
            self._report(
                StepProgress(flops=flops + kept, kept_flops=kept, share=self.share, kept_share=self.kept_share)
            )
        return written


def _make(making: Making, beside: Path) -> dict[str, object]:
    workspace, kind, step, attempt = making.workspace, making.kind, making.step, making.attempt
    if kind in ("pairs", "pilots"):
        return _make_pairs(workspace, step, beside, attempt, making.heard or (lambda progress: None))
    if kind == "corpus":
        pairs = workspace.folder.step_folder("pairs", pairs_step(workspace.study)) / PAIRS_FILE
        facts = freeze_inputs(workspace.study, pairs, beside)
        return {
            **facts,
            "benchmarks": [each.model_dump(mode="json") for each in study_benchmark_facts(workspace.study)],
        }
    if kind == "segments":
        segment = workspace.segment(step)
        assert segment is not None
        if segment.parent is not None:
            _require_trained(workspace, segment.parent)
        return train_segment(workspace, segment, beside, attempt, say=making.say, stop=making.stop)
    cell, trial = workspace.cell_of_samples(step), workspace.trial_of_samples(step)
    if cell is not None:
        _require_trained(workspace, cell.path[-1])
        return evaluate(workspace, cell, workspace.inputs.items, beside, attempt, phase="evaluation")
    assert trial is not None
    _require_trained(workspace, trial.path[-1])
    return evaluate(workspace, trial, workspace.validation_items, beside, attempt, phase="search")


def _require_trained(workspace: Workspace, segment: str) -> None:
    if workspace.folder.manifest("segments", segment) is None:
        raise StepError(f"{segment} is not trained yet, and comes first", hint="isothink run does steps in their order")


def _make_pairs(workspace: Workspace, step: str, beside: Path, attempt: Attempt, heard: Heard) -> dict[str, object]:
    study = workspace.pair_study
    summary = write_pairs(study, workspace.folder, beside, limit=limit_of_pilot(step), progressed=heard)
    ledger = []
    if summary.backend != "recorded":  # whoever asked the teacher then, it was not this study
        sides = (summary.off, summary.on)
        tokens = sum((side.prompt_tokens or 0) + (side.output_tokens or 0) for side in sides)
        row = LedgerRow(
            phase="teacher",
            step=step,
            flops=teacher_flops(summary),
            hardware_flops=None,
            tokens=tokens,
            seconds=summary.seconds or attempt.seconds,
        )
        ledger.append(row.model_dump())
    return {
        "teacher": summary.teacher,
        "pairs": summary.pairs,
        "summary": summary.model_dump(mode="json"),
        "ledger": ledger,
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
