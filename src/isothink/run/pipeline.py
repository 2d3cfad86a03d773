"""Runs a study from its file to its report, doing only what is missing. The engine behind api.run."""

import hashlib
from pathlib import Path

from isothink import __version__
from isothink.domain.study import Study
from isothink.errors import StepError
from isothink.evidence.record import Evidence
from isothink.plan.planner import plan as make_plan
from isothink.plan.record import Plan
from isothink.run.analysis import analyze_run, read_evidence
from isothink.run.backends import require_train_libraries
from isothink.run.inputs import Inputs, corpus_step, pairs_step, pilot_inputs, read_inputs
from isothink.run.load import default_folder
from isothink.run.progress import Progress
from isothink.run.reporting import write_report
from isothink.run.result import STAGES, Failure, RunResult, Stage
from isothink.run.scheduler import Outcome, Scheduler, Step
from isothink.run.states import BranchStates
from isothink.run.todo import completed_in, steps_to_do
from isothink.run.workspace import Workspace
from isothink.store.attempts import wasted
from isothink.store.fingerprint import fingerprint
from isothink.store.lock import hold_lock
from isothink.store.run_folder import SCHEMA_VERSION, RunFolder, read_json, write_json, write_text
from isothink.store.study_file import write_study


def plan_study(study: Study, folder: RunFolder | None = None) -> Plan:
    """The plan of a study: from the frozen corpus if a run folder holds it, else from a corpus made in memory."""
    folder = folder or default_folder(study)
    frozen = read_inputs(folder, study)
    return _plan(study, folder, frozen or pilot_inputs(study), frozen is not None)


def _plan(study: Study, folder: RunFolder, inputs: Inputs, measured: bool) -> Plan:
    lengths = inputs.lengths("measured" if measured else "pilot")
    return make_plan(study, lengths, inputs.item_lengths(), completed_in(folder))


def run_study(study: Study, *, until: Stage = "report", quiet: bool = False) -> RunResult:
    """Does what is missing of a study, up to a stage.

    Raises:
        MissingDependencyError: a library of the `train` extra is not installed.
        RunFolderError: another process runs it.
        StepError: pairs or corpus could not be made; nothing else can start.
    """
    require_train_libraries()
    folder = default_folder(study)
    folder.path.mkdir(parents=True, exist_ok=True)
    with hold_lock(folder.lock_file):
        return _Run(study, folder, quiet=quiet).until(until)


class _Run:
    """One scheduler's pass over a study, with the lock held."""

    def __init__(self, study: Study, folder: RunFolder, *, quiet: bool) -> None:
        self.study = study
        self.folder = folder
        self.quiet = quiet
        self.completed: list[str] = []
        self.skipped: list[str] = []
        self.failures: dict[str, str] = {}

    def until(self, stage: Stage) -> RunResult:
        """Goes from stage to stage."""
        wanted = STAGES.index(stage)
        self.folder.remove_partial()
        text = write_study(self.study.model_copy(update={"output": None}))
        if not _holds(self.folder.study_file, text):
            self.folder.plan_file.unlink(missing_ok=True)  # made for another study: nobody may read it with this one
            write_text(self.folder.study_file, text)
        self._generate()
        report = None
        if wanted >= STAGES.index("train"):
            plan = self._plan()
            if self._execute(plan, with_evaluation=wanted >= STAGES.index("evaluate")):
                self._plan()  # with what is complete now, and the speed that it had
        if wanted >= STAGES.index("analyze"):
            report = self._conclude(with_report=wanted >= STAGES.index("report"))
        return RunResult(
            run=self.folder.path,
            completed=tuple(self.completed),
            skipped=tuple(self.skipped),
            failed=tuple(Failure(id=step, error=error) for step, error in self.failures.items()),
            report=report,
        )

    def _generate(self) -> None:
        pairs, corpus = pairs_step(self.study), corpus_step(self.study)
        steps = []
        for kind, step, needs in (("pairs", pairs, ()), ("corpus", corpus, (pairs,))):
            if self.folder.manifest(kind, step) is None:
                steps.append(Step(id=step, needs=needs, work=1.0))
            else:
                self.skipped.append(step)
        outcome = self._schedule(steps, processes=1)
        if outcome.failed:
            step, error = next(iter(outcome.failed.items()))
            raise StepError(f"{step} failed: {error}", hint=f"see {self.folder.log_file(step)}")

    def _plan(self) -> Plan:
        inputs = read_inputs(self.folder, self.study)
        assert inputs is not None
        plan = _plan(self.study, self.folder, inputs, measured=True)
        text = plan.model_dump_json(indent=1) + "\n"
        if not _holds(self.folder.plan_file, text):
            write_text(self.folder.plan_file, text)
        return plan

    def _execute(self, plan: Plan, *, with_evaluation: bool) -> bool:
        """Trains and evaluates what is missing; True if there was anything to do."""
        steps = steps_to_do(plan, self.folder)
        evaluations = {cell.samples for cell in plan.cells}
        if not with_evaluation:
            steps = [step for step in steps if step.id not in evaluations]
        planned = {segment.id for segment in plan.segments} | {step for step in evaluations if step}
        to_do = {step.id for step in steps}
        self.skipped.extend(sorted(planned - to_do))
        states = BranchStates(plan, self.folder)
        states.forget_unneeded()
        states.forget_stateless(steps)
        outcome = self._schedule(steps, processes=self.study.resources.processes, states=states)
        for cell in plan.cells:
            broken = [step for step in (*cell.path, cell.samples) if step in outcome.failed]
            if broken:
                self.failures[cell.id] = outcome.failed[str(broken[0])]
        return bool(steps)

    def _schedule(self, steps: list[Step], *, processes: int, states: BranchStates | None = None) -> Outcome:
        if not steps:
            return Outcome()
        for step in steps:
            self.folder.failure_file(step.id).unlink(missing_ok=True)
        with Progress(steps, done_before=len(self.skipped), quiet=self.quiet) as progress:
            scheduler = Scheduler(
                self.folder,
                processes=processes,
                threads=self.study.resources.threads,
                listener=progress,
                on_settled=states.settled if states is not None else lambda step: None,
            )
            outcome = scheduler.run(steps)
        self.completed.extend(outcome.completed)
        for failed, error in outcome.failed.items():
            waste = wasted(self.folder.attempts_file(failed), failed, finished=None)
            rows = [waste.model_dump()] if waste else []
            record = {"schema_version": SCHEMA_VERSION, "id": failed, "error": error, "ledger": rows}
            write_json(self.folder.failure_file(failed), record)
        return outcome

    def _conclude(self, *, with_report: bool) -> Path | None:
        """Analyses and reports, unless evidence and report were made from exactly this state already.

        What the files hold counts too: an `isothink report` that began before the last cell was complete may end after
        this run, and leave what it saw.
        """
        workspace = Workspace(self.folder)
        state = conclusion_state(workspace)
        marker = self.folder.path / "conclusion.json"
        before = read_json(marker) or {}
        made = dict(before)
        evidence: Evidence | None = None
        if made.get("evidence_of") == [state, _digest(self.folder.evidence_file)]:
            evidence = read_evidence(self.folder)
        if evidence is None:
            evidence = analyze_run(workspace)
            made = {"schema_version": SCHEMA_VERSION, "evidence_of": [state, _digest(self.folder.evidence_file)]}
        if with_report and made.get("report_of") != [state, _digest(self.folder.report_file)]:
            write_report(workspace, evidence)
            made = {**made, "report_of": [state, _digest(self.folder.report_file)]}
        if made != before:
            write_json(marker, made)
        return self.folder.report_file if with_report else None


def conclusion_state(workspace: Workspace) -> str:
    """Identity of what evidence and report are made from: the study, and which steps are complete or failed."""
    folder, plan = workspace.folder, workspace.plan
    complete = completed_in(folder)
    study = workspace.study.model_dump(mode="json", exclude={"resources", "output"})
    cells = [cell.samples for cell in plan.cells if cell.samples in complete.samples]
    return fingerprint({"version": __version__, "study": study, "cells": cells, "failed": sorted(complete.failed)})


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False
