"""Trains one segment: feeds the trainer its steps, keeps metrics, checkpoints and the ledger. Called by run/step.py.

Where several processes train together, the first one leads: it alone watches, writes and decides, and tells the others
what it decided (run/ranks.py); they take the same steps.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from isothink.domain.ledger import LedgerRow
from isothink.errors import StepError
from isothink.plan.record import Segment
from isothink.run.checkpoints import CheckpointManifest, Checkpoints
from isothink.run.divergence import DivergenceWatch
from isothink.run.interruption import StopRequest, Terminated
from isothink.run.publication import publish
from isothink.run.ranks import SegmentOrder
from isothink.run.reporters import Reporting
from isothink.run.segment_log import SegmentLog
from isothink.run.segment_work import SegmentWork
from isothink.run.states import CARD_FILE, STAYS
from isothink.run.student_card import student_card
from isothink.run.utilisation import peak_flops
from isothink.run.workspace import Workspace
from isothink.store.attempts import Attempt, Spent
from isothink.store.tables import METRICS_FILE
from isothink.student.protocol import InitialStudent, TrainingState, TrainingTask

Say = Callable[[str], None]


def train_segment(
    workspace: Workspace, segment: Segment, folder: Path, attempt: Attempt, *, say: Say, stop: StopRequest
) -> dict[str, object]:
    """Trains one segment into `folder` and returns what its manifest says; leads the other processes, if there are any.

    Raises:
        StepError: training diverges, or the state to go on from is damaged.
        Terminated: `stop` came; the state is kept.
    """
    started = time.perf_counter()
    work = SegmentWork(workspace, segment)
    checkpoints = Checkpoints(workspace.folder, segment)
    found = list(checkpoints.whole(say))
    order = SegmentOrder(
        run=str(workspace.folder.path),
        workspace=workspace.token,
        segment=segment.id,
        folder=str(folder),
        starts=tuple((str(place), manifest.steps) for place, manifest in found),
    )
    workspace.group.tell(order.model_dump())
    state, place = _open(workspace, segment, order, say)
    with ExitStack() as stack:
        lead = _Lead(work, state, checkpoints, attempt, say, stop)
        lead.log.flops_before = _flops_before(workspace, segment)
        if place is not None:
            lead.resume(place, dict(found)[place])
        lead.reporting = stack.enter_context(Reporting.of(workspace, segment, lead.log.steps, say))
        for index in range(lead.log.steps, segment.steps):
            lead.take(index)
    lead.log.write(folder / METRICS_FILE)
    _save(workspace, segment, state, folder)
    row = LedgerRow(
        phase=segment.purpose,
        step=segment.id,
        flops=float(lead.log.spent),
        hardware_flops=None if workspace.study.training.adapters else float(lead.log.hardware_flops),
        tokens=lead.log.tokens,
        seconds=attempt.taken_over.seconds + time.perf_counter() - started,
    )
    by_convention = work.flops_by_convention()
    hub: dict[str, object] = {}
    if is_student(workspace, segment):
        workspace.tokenizer.save(folder)  # a finished student is a whole Hugging Face folder
        (folder / CARD_FILE).write_text(student_card(workspace, segment, row), encoding="utf-8")
        published = publish(workspace, segment, folder, say)
        hub = {} if published is None else {"hub": published.model_dump()}
    return {
        "parent": segment.parent,
        "student": segment.student,
        "arm": segment.arm,
        "seed": segment.seed,
        "kind": segment.kind,
        "steps": lead.log.steps,
        "tokens": lead.log.tokens,
        "flops": lead.log.spent,
        "flops_by_convention": by_convention,
        "total": _total(workspace, segment, lead.log.spent, by_convention),
        "threads": workspace.study.resources.threads,
        "processes": workspace.group.size,
        "files": sorted(path.name for path in folder.iterdir() if path.name not in STAYS),
        **hub,
        "ledger": [row.model_dump()],
    }


def follow_segment(workspace: Workspace, order: SegmentOrder) -> None:
    """Takes the leader's steps in another process of its group; writes nothing.

    Raises:
        StepError: the leader says that training diverges, or this process found what the leader found.
        Terminated: the leader stops.
    """
    segment = workspace.segment(order.segment)
    assert segment is not None, "leader and followers read one plan"
    work = SegmentWork(workspace, segment)
    state, place = _open(workspace, segment, order, lambda line: None)
    done = dict(order.starts).get(str(place), 0)
    for index in range(done, segment.steps):
        state.step(work.step(index))
        if not state.agree(False):
            continue
        decision = workspace.group.hear()
        if "error" in decision:
            raise StepError(str(decision["error"]))
        if decision["folder"] is not None:
            with suppress(StepError):  # where the leader cannot write, it goes on
                state.save(Path(decision["folder"]), optimizer=True)
        if decision["stop"]:
            raise Terminated
    _save(workspace, segment, state, Path(order.folder))


class _Lead:
    """The process that leads: it keeps the log, watches, and decides after each step whether something is due."""

    def __init__(
        self,
        work: SegmentWork,
        state: TrainingState,
        checkpoints: Checkpoints,
        attempt: Attempt,
        say: Say,
        stop: StopRequest,
    ) -> None:
        study, group = work.workspace.study, work.workspace.group
        peak = peak_flops(work.workspace.accelerator)
        self.log = SegmentLog(
            work,
            peak_flops=None if peak is None else peak * group.size,
            recomputes=study.resources.activation_checkpointing,
        )
        self.reporting = Reporting()
        self._watch = DivergenceWatch(study.training.divergence_factor, work.architecture.vocabulary_size)
        self._seconds = study.resources.checkpoint_seconds
        self._saved = time.monotonic()
        self._work, self._state, self._group = work, state, group
        self._checkpoints, self._attempt, self._say, self._stop = checkpoints, attempt, say, stop

    def resume(self, place: Path, manifest: CheckpointManifest) -> None:
        """Goes on from a checkpoint, whose state is loaded already."""
        self.log.restore(place / METRICS_FILE, manifest)
        self._watch.restore(self.log.losses)
        self._attempt.taken_over = Spent(flops=float(manifest.flops), tokens=manifest.tokens, seconds=manifest.seconds)
        self._say(f"goes on from step {manifest.steps} of {self._work.segment.steps}")

    def take(self, index: int) -> None:
        """Takes one step, and does what is due after it."""
        metrics = self._state.step(self._work.step(index))
        self.reporting.log(self.log.add(metrics))
        kept = self._attempt.taken_over
        self._attempt.spent(self.log.spent - kept.flops, self.log.tokens - kept.tokens)
        is_last = index + 1 == self._work.segment.steps
        diverges = self._watch.diverges(metrics.loss)
        due = not is_last and (self._stop.came or time.monotonic() - self._saved >= self._seconds)
        if not self._state.agree(diverges or due):
            return
        if diverges:
            error = self._watch.error(self._work.segment.first_step + index)
            self._group.tell({"error": error.message})
            raise error
        self._keep(stops=self._stop.came)
        if self._stop.came:
            raise Terminated

    def _keep(self, *, stops: bool) -> None:
        """Writes a checkpoint. Where that fails, the one before stays, and training goes on."""
        log, segment, kept = self.log, self._work.segment, self._attempt.taken_over
        seconds = self._attempt.seconds
        self._attempt.note(log.spent - kept.flops, log.tokens - kept.tokens, seconds)
        manifest = CheckpointManifest(
            segment=segment.id,
            parent=segment.parent,
            first_step=segment.first_step,
            steps=log.steps,
            flops=log.spent,
            hardware_flops=log.hardware_flops,
            tokens=log.tokens,
            seconds=kept.seconds + seconds,
        )

        told: list[Path] = []

        def fill(folder: Path) -> None:
            told.append(folder)
            self._group.tell({"folder": str(folder), "stop": stops})
            self._state.save(folder, optimizer=True)
            log.write(folder / METRICS_FILE)

        try:
            self._checkpoints.write(manifest, fill)
        except Exception as error:  # of a full disk, libraries complain in types of their own
            if not told:  # not even a folder could be made, and the others wait for a word
                self._group.tell({"folder": None, "stop": stops})
            self._say(f"the state at step {log.steps} could not be kept: {type(error).__name__}: {error}")
        else:
            self._say(f"keeps its state at step {log.steps} of {segment.steps}")
        self._saved = time.monotonic()


def is_student(workspace: Workspace, segment: Segment) -> bool:
    """Whether the segment's end is a finished student: one that answers, or that nothing goes on from."""
    plan = workspace.plan
    answers = any(cell.path and cell.path[-1] == segment.id for cell in plan.cells)
    return answers or not _has_children(workspace, segment)


def _has_children(workspace: Workspace, segment: Segment) -> bool:
    return any(other.parent == segment.id for other in workspace.plan.segments)


def _save(workspace: Workspace, segment: Segment, state: TrainingState, folder: Path) -> None:
    if is_student(workspace, segment):
        state.save_student(folder)
    if _has_children(workspace, segment):
        state.save(folder, optimizer=True)


def _open(workspace: Workspace, segment: Segment, order: SegmentOrder, say: Say) -> tuple[TrainingState, Path | None]:
    """The state of the first checkpoint that loads, and where that lies; else the parent's, or initial weights."""
    trainer = workspace.trainer(segment.student)
    for place, _ in order.starts:
        try:
            return trainer.open(_task(workspace, segment, Path(place))), Path(place)
        except StepError as error:
            say(f"checkpoint {Path(place).name} is ignored: {error.message}")
    parent = None if segment.parent is None else workspace.folder.step_folder("segments", segment.parent)
    return trainer.open(_task(workspace, segment, parent)), None


def _task(workspace: Workspace, segment: Segment, state: Path | None) -> TrainingTask:
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
        state=state,
        optimizer=training.optimizer,
        precision=training.precision,
        pad_id=workspace.tokenizer.pad_id,
        adapters=training.adapters,
        loss_weighting=training.loss_weighting,
        micro_batch_tokens=resources.micro_batch_tokens,
        activation_checkpointing=resources.activation_checkpointing,
        compiles=resources.compile != "never",
        device=workspace.device,
    )


def _flops_before(workspace: Workspace, segment: Segment) -> int:
    """What the path cost before this segment."""
    if segment.parent is None:
        return 0
    return int((workspace.folder.manifest("segments", segment.parent) or {})["total"]["flops"])


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
