"""Analyses a run folder into `evidence.json`. Called by run/pipeline.py and by `isothink analyze` and `verdict`."""

from isothink.domain.study import VerdictSettings
from isothink.evidence.analysis import summarize
from isothink.evidence.record import Evidence
from isothink.evidence.workings import Workings, work_out
from isothink.run.analysis_state import analysis_state
from isothink.run.identity import corpus_step, pairs_step
from isothink.run.imported import join
from isothink.run.items import teaches_its_items
from isothink.run.judging import agreement_sentences
from isothink.run.observe import observe
from isothink.run.teacher_share import read_pair_summary, teacher_flops
from isothink.run.workspace import Workspace
from isothink.store.run_folder import write_text
from isothink.teacher.summary import PairSummary

TEACHER_FREE = "The teacher is a program that costs no FLOPs, so no cost here holds a teacher's share."
TEACHER_UNKNOWN = "What the teacher cost is not known, so no cost here holds a teacher's share."
RATES_NOT_SWEPT = "Learning rates follow a stated rule and were not swept."


def work_out_run(workspace: Workspace) -> tuple[Workings, tuple[str, ...]]:
    """Everything that a decision is computed from, and what holds for every verdict."""
    if workspace.has_study:
        study, plan = workspace.study, workspace.plan
        observations, missing = observe(workspace)
        joined = join(observations, workspace.folder, plan.budgets_flops)
        name, queries, arms = study.name, study.verdict.queries, study.arms
        ladder = [(student.parameters, student.name) for student in plan.students]
    else:
        joined = join(None, workspace.folder)
        name, queries, arms, ladder, missing = workspace.folder.path.name, VerdictSettings().queries, (), [], ()
    imported = [cell for cell in joined.observations.cells if cell.source == "imported"]
    ladder.extend((cell.parameters, cell.student) for cell in imported)
    workings = work_out(
        joined.observations,
        study=name,
        budgets_flops=joined.budgets_flops,
        queries=queries,
        students=[student for _, student in sorted(ladder, key=lambda entry: entry[0])],
        arms=arms or [arm for arm in ("ift", "reasoning") if any(cell.arm == arm for cell in imported)],
        missing=(*missing, *joined.missing),
    )
    return workings, (*run_caveats(workspace), *joined.notes)


def run_caveats(workspace: Workspace) -> tuple[str, ...]:
    """What holds for every verdict of a study; of imported results alone nothing but what their import said."""
    if not workspace.has_study:
        return ()
    study = workspace.study
    caveats = [*pair_caveats(workspace)]
    if study.training.learning_rate.by == "rule":
        caveats.append(RATES_NOT_SWEPT)
    caveats.extend(study.evaluation.departures)
    caveats.extend(agreement_sentences(workspace)[:1])
    taught = [task for task in study.evaluation.tasks if teaches_its_items(task)]
    if taught:
        caveats.append(f"{' and '.join(taught)}: the items are the training facts, by nature of the task.")
    frozen = workspace.folder.manifest("corpus", corpus_step(study)) or {}
    caveats.extend(f"{finding}." for each in frozen.get("benchmarks", ()) for finding in each["findings"])
    return tuple(caveats)


def pair_caveats(workspace: Workspace) -> list[str]:
    """What the making of the pairs means for every verdict."""
    summary = read_pair_summary(workspace.folder, pairs_step(workspace.study))
    if summary is None:
        return []
    caveats = []
    if summary.backend == "symbolic":
        caveats.append(TEACHER_FREE)
    elif teacher_flops(summary) is None:
        caveats.append(TEACHER_UNKNOWN)
    for name, (off, on) in summary.sampling_differences.items():
        caveats.append(
            f"The teacher draws with {name} {off} with reasoning off and {on} with reasoning on: a confound."
        )
    dropped = sum(count.pairs for count in summary.dropped)
    if dropped:
        worst = max(summary.dropped, key=lambda count: count.pairs)
        caveats.append(
            f"Of {summary.pairs + dropped} prompts, {dropped} made no pair, most of them through {worst.reason}"
            f" (mode at fault: {worst.mode})."
        )
    if summary.off.checked or summary.on.checked:
        caveats.append(_kept(summary))
    return caveats


def _kept(summary: PairSummary) -> str:
    sides = [f"{side.correct} of {side.checked} with reasoning {side.mode}" for side in (summary.off, summary.on)]
    rule = {
        "all": "all pairs are kept",
        "both_correct": "only pairs with two right answers are kept",
        "reasoning_correct": "only pairs whose reasoning answer is right are kept",
    }[summary.filters.keep]
    return f"Of the teacher's answers that could be checked, {' and '.join(sides)} are right; {rule}."


def analyze_run(workspace: Workspace) -> Evidence:
    """Analyses what is complete and stores it."""
    state = analysis_state(workspace.folder)  # before samples are read: what is completed meanwhile makes it stale
    workings, caveats = work_out_run(workspace)
    evidence = summarize(workings, caveats=caveats, state=state)
    write_text(workspace.folder.evidence_file, evidence.model_dump_json() + "\n")
    return evidence
