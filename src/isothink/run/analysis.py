"""Analyses a run folder into `evidence.json`. Called by run/pipeline.py and by `isothink analyze` and `verdict`."""

from isothink.evidence.analysis import summarize
from isothink.evidence.record import Evidence
from isothink.evidence.workings import Workings, work_out
from isothink.procedural.tasks import TASKS
from isothink.run.observe import observe
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder, read_record, write_text

TEACHER_ABSENT = "The teacher is a program that costs no FLOPs, so no cost here holds a teacher's share."
RATES_NOT_SWEPT = "Learning rates follow a stated rule and were not swept."


def work_out_run(workspace: Workspace) -> Workings:
    """Everything that a decision is computed from."""
    study = workspace.study
    observations, missing = observe(workspace)
    return work_out(
        observations,
        study=study.name,
        budgets_flops=study.budgets.training_flops,
        queries=study.verdict.queries,
        students=[student.name for student in study.students],
        arms=study.arms,
        missing=missing,
    )


def run_caveats(workspace: Workspace) -> tuple[str, ...]:
    """What holds for every verdict of a study."""
    study = workspace.study
    caveats = [TEACHER_ABSENT]
    if study.training.learning_rate.by == "rule":
        caveats.append(RATES_NOT_SWEPT)
    taught = [task for task in study.evaluation.tasks if TASKS[task].train_is_test]
    if taught:
        caveats.append(f"{' and '.join(taught)}: the items are the training facts, by nature of the task.")
    return tuple(caveats)


def analyze_run(workspace: Workspace) -> Evidence:
    """Analyses what is complete and stores it."""
    evidence = summarize(work_out_run(workspace), caveats=run_caveats(workspace))
    write_text(workspace.folder.evidence_file, evidence.model_dump_json(indent=1) + "\n")
    return evidence


def read_evidence(folder: RunFolder) -> Evidence | None:
    """The stored evidence, or None where there is none."""
    return read_record(folder.evidence_file, Evidence)
