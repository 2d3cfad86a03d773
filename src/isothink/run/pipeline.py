"""Runs a study from its file to its report, doing only what is missing. The engine behind api.run."""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from isothink.corpus.declared import declared_lengths
from isothink.domain.budget_settings import DeclaredLengths
from isothink.domain.prompt_settings import DataPrompts
from isothink.domain.study import PairStudy, Study
from isothink.domain.teacher_settings import OpenAITeacher, TransformersTeacher
from isothink.errors import StepError, UsageError
from isothink.plan.declared import declared_items, smallest_vocabulary
from isothink.plan.notes import over_length_note
from isothink.plan.planner import plan as make_plan
from isothink.plan.record import Plan
from isothink.plan.students import longest_sequence
from isothink.run.answers import journal_folder
from isothink.run.backends import require_credentials, require_reporters, require_train_libraries
from isothink.run.before_asking import require_what_asking_needs
from isothink.run.checkpoints import forget_checkpoints
from isothink.run.disk import require_space
from isothink.run.follower import follow_leader
from isothink.run.identity import asking_identity, corpus_step, limit_of_pilot, pairs_step, pilot_step
from isothink.run.inputs import Inputs, make_inputs, pilot_inputs, read_inputs, stored_pairs
from isothink.run.leader import Leader
from isothink.run.load import default_folder
from isothink.run.open import open_run
from isothink.run.progress import Progress, say
from isothink.run.publication import missing_on_the_hub
from isothink.run.ranks import Group, join_group, launched_together, leading
from isothink.run.rate_search import chosen_rates, search_notes, validation_lengths
from isothink.run.result import STAGES, Failure, RunResult, Stage
from isothink.run.scheduler import Outcome, Scheduler, Step, thread_environment
from isothink.run.states import SegmentFiles
from isothink.run.step import execute_step
from isothink.run.study_progress import Watched
from isothink.run.teacher_share import read_pair_summary
from isothink.run.todo import completed_in, steps_to_do
from isothink.run.watched import read_result, watch_pairs, watch_plan
from isothink.run.workspace import Workspace
from isothink.store.attempts import wasted
from isothink.store.journal import Journal
from isothink.store.lock import hold_lock
from isothink.store.run_folder import SCHEMA_VERSION, RunFolder, read_json, write_json, write_text
from isothink.store.study_file import write_study
from isothink.store.tables import PAIRS_FILE


def plan_study(study: Study, folder: RunFolder | None = None) -> Plan:
    """The plan of a study, from the best that is known of its lengths without spending anything.

    In this order: the frozen corpus of a run folder; its pairs; what a teacher that costs nothing answers, in memory;
    its largest pilot; what the study declares, for which nothing but the study is read; a data set of the Hub.

    Raises:
        UsageError: the teacher is paid for, there is no pilot, and the study declares no lengths.
    """
    folder = folder or default_folder(study)
    frozen = read_inputs(folder, study)
    if frozen is not None:
        return _plan(study, folder, frozen, measured=True)
    pairs = _stored_pairs(study, folder)
    if pairs is not None:
        return _plan(study, folder, make_inputs(study, stored_pairs(pairs)), measured=False)
    if study.lengths is not None and not _is_free_and_near(study):
        return _plan_declared(study, study.lengths, folder)
    return _plan(study, folder, pilot_inputs(study, folder), measured=False)


def _stored_pairs(study: Study, folder: RunFolder) -> Path | None:
    """The table of all pairs, or of the largest pilot where the teacher is not asked again for nothing."""
    if folder.manifest("pairs", pairs_step(study)) is not None:
        return folder.step_folder("pairs", pairs_step(study)) / PAIRS_FILE
    if _is_free_and_near(study):
        return None
    limits = [limit_of_pilot(place.name) for place in (folder.path / "pilots").glob("pilot*")]
    steps = [pilot_step(study, limit) for limit in sorted(limit for limit in limits if limit is not None)]
    there = [step for step in steps if folder.manifest("pilots", step) is not None]
    return folder.step_folder("pilots", there[-1]) / PAIRS_FILE if there else None


def _is_free_and_near(study: Study) -> bool:
    """Whether all pairs can be made for nothing and without a network."""
    if study.teacher.backend == "symbolic":
        return True
    sets = study.prompts.sets if isinstance(study.prompts, DataPrompts) else ()
    return study.teacher.backend == "recorded" and all(
        chosen.kind == "file" or Path(chosen.name).is_dir() for chosen in sets
    )


def _plan(study: Study, folder: RunFolder, inputs: Inputs, measured: bool) -> Plan:
    lengths = inputs.lengths("measured" if measured else "pilot")
    known = (study, lengths, inputs.item_lengths(), completed_in(folder))
    validation = validation_lengths(study, inputs)
    plan = make_plan(*known, validation=validation)
    chosen = chosen_rates(plan, folder) if plan.trials else None
    if chosen is None:
        return plan
    plan = make_plan(*known, validation=validation, chosen_rates={one.student: one.rates for one in chosen})
    return plan.model_copy(update={"notes": (*plan.notes, *search_notes(plan, folder, chosen))})


def _plan_declared(study: Study, declared: DeclaredLengths, folder: RunFolder) -> Plan:
    lengths = declared_lengths(declared, vocabulary_size=smallest_vocabulary(study), max_tokens=longest_sequence(study))
    return make_plan(study, lengths, declared_items(study), completed_in(folder))


def run_study(
    study: PairStudy,
    *,
    until: Stage = "report",
    quiet: bool = False,
    limit: int | None = None,
    retry_failed: bool = False,
) -> RunResult:
    """Does what is missing of a study, up to a stage.

    With `limit`, only a pilot of so many prompts is asked, and nothing else is done. With `retry_failed`, requests that
    failed for good are asked again.

    Raises:
        MissingDependencyError: a library that this takes is not installed; nothing was started.
        RunFolderError: another process runs it.
        StepError: pairs or corpus could not be made; nothing else can start.
    """
    if until != "generate" or (limit is None and isinstance(study, Study)):
        require_train_libraries()
        if isinstance(study, Study):
            require_reporters(study.resources.report_to)
            require_credentials(study)
    require_what_asking_needs(study, limit=limit)
    folder = default_folder(study)
    group = _join(study)
    if not group.leads:
        follow_leader(group)
        return RunResult(run=folder.path, completed=(), skipped=(), failed=(), report=None)
    with leading(group):
        folder.path.mkdir(parents=True, exist_ok=True)
        with hold_lock(folder.lock_file):
            run = _Run(study, folder, group, quiet=quiet)
            if retry_failed:
                run.forget_failed_requests()
            return run.until(until, limit=limit)


def run_step(run_folder: Path, step: str) -> None:
    """Executes one step of a planned run; a segment together with the processes that a launcher started beside this.

    Raises:
        UsageError: the run has no such step.
        StepError: the step failed.
    """
    workspace = open_run(run_folder)
    group = _join(workspace.pair_study)
    if not group.leads:
        follow_leader(group)
        return
    with leading(group):
        execute_step(Workspace(workspace.folder, group=group), step)


def _join(study: PairStudy) -> Group:
    """The processes that a launcher started together: each executes steps by itself, and so needs its threads set."""
    if launched_together() and isinstance(study, Study):
        os.environ.update(thread_environment(study.resources.threads))  # before libraries are imported that read it
    return join_group()


class _Run:
    """One scheduler's pass over a study, with the lock held."""

    def __init__(self, study: PairStudy, folder: RunFolder, group: Group, *, quiet: bool) -> None:
        self.pair_study = study
        self.folder = folder
        self.group = group
        self.quiet = quiet
        self.completed: list[str] = []
        self.skipped: list[str] = []
        self.failures: dict[str, str] = {}

    @property
    def study(self) -> Study:
        """The whole study."""
        if not isinstance(self.pair_study, Study):
            raise UsageError("found a study that makes pairs only, allowed here are those that train students")
        return self.pair_study

    def forget_failed_requests(self) -> None:
        """Has requests that failed for good asked again, and what was made without them made anew."""
        teacher = self.pair_study.teacher
        if not isinstance(teacher, OpenAITeacher | TransformersTeacher):
            return
        with Journal(journal_folder(self.folder.replies, asking_identity(teacher))) as journal:
            if not journal.forget_failures():
                return
        steps = [("pairs", pairs_step(self.pair_study))]
        if isinstance(self.pair_study, Study):
            steps.append(("corpus", corpus_step(self.pair_study)))
        steps.extend(("pilots", place.name) for place in (self.folder.path / "pilots").glob("pilot*"))
        for kind, step in steps:
            shutil.rmtree(self.folder.step_folder(kind, step), ignore_errors=True)

    def until(self, stage: Stage, *, limit: int | None = None) -> RunResult:
        """Goes from stage to stage."""
        wanted = STAGES.index(stage)
        self.folder.remove_partial()
        text = write_study(self.pair_study.model_copy(update={"output": None}))
        if not _holds(self.folder.study_file, text):
            self.folder.plan_file.unlink(missing_ok=True)  # made for another study: nobody may read it with this one
            write_text(self.folder.study_file, text)
        made = self._generate(limit)
        report = None
        if wanted >= STAGES.index("train"):
            plan = self._plan()
            _require_a_feasible_cell(plan)
            plan = self._search(plan)
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
            pairs=read_pair_summary(self.folder, made),
        )

    def _generate(self, limit: int | None) -> str:
        """Makes pairs and corpus, or a pilot; returns the id of the step that made the pairs."""
        made = pairs_step(self.pair_study) if limit is None else pilot_step(self.pair_study, limit)
        wanted: list[tuple[str, str, tuple[str, ...]]] = [("pairs" if limit is None else "pilots", made, ())]
        if limit is None and isinstance(self.pair_study, Study):
            wanted.append(("corpus", corpus_step(self.pair_study), (made,)))
        steps = []
        for kind, step, needs in wanted:
            if self.folder.manifest(kind, step) is None:
                steps.append(Step(id=step, needs=needs, work=float(kind != "corpus")))  # which takes seconds
            else:
                self.skipped.append(step)
        outcome = self._schedule(steps, partial(watch_pairs, self.pair_study), processes=1)
        if outcome.failed:
            step, error = next(iter(outcome.failed.items()))
            hint = outcome.hints.get(step) or f"see {self.folder.log_file(step)}"
            if step in outcome.wrong_usage:
                raise UsageError(error, hint=hint)
            raise StepError(f"{step} failed: {error}", hint=hint)
        return made

    def _plan(self) -> Plan:
        inputs = read_inputs(self.folder, self.study)
        assert inputs is not None
        plan = _plan(self.study, self.folder, inputs, measured=True)
        text = plan.model_dump_json(indent=1) + "\n"
        if not _holds(self.folder.plan_file, text):
            write_text(self.folder.plan_file, text)
        return plan

    def _search(self, plan: Plan) -> Plan:
        """Makes the trials that choose learning rates, where some are missing; returns the plan with what they chose.

        A trial that fails, as one at too high a rate does, is no failure of the study.
        """
        steps = steps_to_do(plan, self.folder, of="trials")
        if not steps or chosen_rates(plan, self.folder) is not None:  # a trial that failed is not tried again
            return plan
        self._carry_out(plan, steps)
        return self._plan()

    def _carry_out(self, plan: Plan, steps: list[Step], *, evaluates: bool = True) -> Outcome:
        """Has steps executed, and removes what they leave behind as soon as nothing needs it."""
        forget_checkpoints(plan, self.folder)
        states = SegmentFiles(plan, self.folder, keep=self.study.resources.keep)
        states.forget_unneeded()
        states.forget_stateless(steps)
        require_space(plan, self.folder, steps, evaluates=evaluates)
        processes = self.study.resources.processes if self.group.size == 1 else 1
        watch = partial(watch_plan, plan, study=self.study, folder=self.folder, workers=processes)
        return self._schedule(steps, watch, processes=processes, states=states)

    def _execute(self, plan: Plan, *, with_evaluation: bool) -> bool:
        """Trains and evaluates what is missing; True if there was anything to do."""
        steps = steps_to_do(plan, self.folder)
        evaluations = {cell.samples for cell in plan.cells}
        if not with_evaluation:
            steps = [step for step in steps if step.id not in evaluations]
        planned = {segment.id for segment in plan.segments if segment.purpose == "training"}
        if with_evaluation:
            planned |= {step for step in evaluations if step}
        to_do = {step.id for step in steps}
        self.skipped.extend(sorted(planned - to_do))
        found = completed_in(self.folder)
        for step in found.failed & (found.segments | found.samples) - to_do:
            self.folder.failure_file(step).unlink()  # a worker died between completing the step and saying so
        if steps and not self.quiet:
            self._say_what_is_left_out(plan)
        outcome = self._carry_out(plan, steps, evaluates=with_evaluation)
        for cell in plan.cells:
            broken = [step for step in (*cell.path, cell.samples) if step in outcome.failed]
            if broken:
                self.failures[cell.id] = outcome.failed[str(broken[0])]
        for line in missing_on_the_hub(plan, self.folder):
            say(f"{line}; its weights stay in the run folder (hf upload REPOSITORY FOLDER)")
        return bool(steps)

    def _say_what_is_left_out(self, plan: Plan) -> None:
        """Before anything is spent on training: which pairs no arm reads, which cells nobody trains."""
        if plan.dropped_over_length is not None:
            say(over_length_note(plan.dropped_over_length, self.study.arms))
        infeasible = sum(not cell.feasible for cell in plan.cells)
        if infeasible:
            say(f"{infeasible} of {len(plan.cells)} cells are infeasible; isothink plan says why")

    def _schedule(
        self, steps: list[Step], watch: Callable[..., Watched], *, processes: int, states: SegmentFiles | None = None
    ) -> Outcome:
        if not steps:
            return Outcome()
        for step in steps:
            self.folder.failure_file(step.id).unlink(missing_ok=True)
        workspace = Workspace(self.folder, group=self.group)
        watched = watch(steps, done_before=len(self.skipped))
        with Progress(watched, quiet=self.quiet, read=partial(read_result, self.folder)) as progress:
            scheduler = Scheduler(
                self.folder,
                processes=processes,
                threads=self.study.resources.threads if isinstance(self.pair_study, Study) else 1,
                listener=progress,
                on_settled=states.settled if states is not None else lambda step: None,
                hire=None if self.group.size == 1 else partial(Leader, workspace, progress),
            )
            outcome = scheduler.run(steps)
        self.completed.extend(outcome.completed)
        for failed, error in outcome.failed.items():
            waste = wasted(self.folder.attempts_file(failed), failed, finished=None)
            rows = [waste.model_dump()] if waste else []
            record = {"schema_version": SCHEMA_VERSION, "id": failed, "error": error, "ledger": rows}
            with suppress(OSError):  # a full disk: the error is in the result all the same
                write_json(self.folder.failure_file(failed), record)
        return outcome

    def _conclude(self, *, with_report: bool) -> Path | None:
        """Analyses and reports, unless evidence and report were made from exactly this state already.

        What the files hold counts too: an `isothink report` that began before the last cell was complete may end after
        this run, and leave what it saw.
        """
        from isothink.run.evidence_file import current_evidence

        workspace = Workspace(self.folder)
        marker = self.folder.path / "conclusion.json"
        before = read_json(marker)
        evidence = current_evidence(self.folder)
        if with_report and (before or {}).get("report_of") != [evidence.state, _digest(self.folder.report_file)]:
            from isothink.run.reporting import write_report  # its plots take longer to import than a plan to make

            write_report(workspace, evidence)
            made = [evidence.state, _digest(self.folder.report_file)]
            write_json(marker, {"schema_version": SCHEMA_VERSION, "report_of": made})
        return self.folder.report_file if with_report else None


def _require_a_feasible_cell(plan: Plan) -> None:
    """A study of which nothing can be trained is a mistake in its file, not a run that found nothing."""
    reasons = Counter(cell.reason for cell in plan.cells if not cell.feasible)
    if plan.cells and reasons.total() == len(plan.cells):
        reason, count = reasons.most_common(1)[0]
        raise UsageError(
            f"budgets: found none of {len(plan.cells)} cells that can be trained: {reason} ({count} cells)",
            hint="isothink plan says what each cell lacks; another budget, batch or max_epochs makes cells feasible",
        )


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
