"""Collects what a report shows from the run folder, and writes it. Called by run/pipeline.py and `isothink report`."""

import platform
import time
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from isothink.domain.ledger import PHASES, Phase
from isothink.evidence.record import Evidence, MissingCell
from isothink.plan.record import Plan
from isothink.report.data import (
    ImportedRow,
    MissingResult,
    PhaseTotal,
    PlannedGroup,
    PlanTotals,
    ReportData,
    StudentRow,
)
from isothink.report.figure_files import write_figures
from isothink.report.page import render_page
from isothink.run.analysis import TEACHER_FREE, TEACHER_UNKNOWN
from isothink.run.identity import pairs_step
from isothink.run.imports_folder import read_imports
from isothink.run.judging import agreement_sentences
from isothink.run.learning_curves import learning_curves
from isothink.run.observe import ledger_rows, missing_cells
from isothink.run.sample_choice import sample_pairs
from isothink.run.teacher_share import read_pair_summary, teacher_flops
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder, write_text
from isothink.store.study_file import write_study

LIBRARIES = ("isothink", "torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "pyarrow")


def write_report(workspace: Workspace, evidence: Evidence) -> None:
    """Writes `report.html`."""
    write_text(workspace.folder.report_file, render_page(report_data(workspace, evidence)))


def write_report_figures(workspace: Workspace, evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Writes every plot and table of the report as files."""
    return write_figures(report_data(workspace, evidence), folder)


def report_data(workspace: Workspace, evidence: Evidence) -> ReportData:
    """Everything the report shows."""
    if not workspace.has_study:
        return _data_of_imports(workspace, evidence)
    study, plan, folder = workspace.study, workspace.plan, workspace.folder
    missing = missing_cells(plan, folder)
    rows = ledger_rows(workspace)
    curves, trained = learning_curves(folder, plan)
    return ReportData(
        name=study.name,
        title=study.title or study.name,
        study_text=write_study(study),
        evidence=evidence,
        ledger=_ledger(rows),
        teacher_note=_teacher_note(workspace),
        jury=agreement_sentences(workspace),
        pairs=read_pair_summary(folder, pairs_step(study)),
        plan=_totals(plan, missing),
        planned=_planned(plan, missing),
        learning=curves,
        learning_total=trained,
        missing=tuple(_missing(cell) for cell in missing),
        samples=sample_pairs(folder, plan, _accuracy(evidence)),
        samples_total=sum(
            (folder.manifest("samples", cell.samples) or {}).get("samples", 0) for cell in plan.cells if cell.samples
        ),
        imports=_imports(folder),
        students=tuple(StudentRow(name=student.name, parameters=student.parameters) for student in plan.students),
        versions=versions(),
        command="isothink run study.yaml",
        generated_at=time.strftime("%Y-%m-%d %H:%M %Z"),
        complete=not any(cell.reason == "not run yet" for cell in missing),
    )


def _data_of_imports(workspace: Workspace, evidence: Evidence) -> ReportData:
    """What a report on imported results alone shows; there is no study, plan, ledger or pair."""
    imports = _imports(workspace.folder)
    students = {one.student: one.parameters for one in evidence.configurations}
    return ReportData(
        name=evidence.study,
        title=f"{evidence.study}: imported results",
        study_text="",
        evidence=evidence,
        ledger={},
        teacher_note="",
        plan=PlanTotals(
            planned_training_flops=0.0,
            unshared_training_flops=0.0,
            cells_planned=0,
            cells_complete=0,
            cells_failed=0,
            cells_infeasible=0,
            phases={},
        ),
        missing=(),
        samples=(),
        samples_total=sum(row.samples for row in imports),
        imports=imports,
        students=tuple(
            StudentRow(name=name, parameters=size)
            for name, size in sorted(students.items(), key=lambda entry: (entry[1], entry[0]))
        ),
        versions=versions(),
        command=f"isothink report {workspace.folder.path.name}",
        generated_at=time.strftime("%Y-%m-%d %H:%M %Z"),
        complete=True,
    )


def _imports(folder: RunFolder) -> tuple[ImportedRow, ...]:
    return tuple(
        ImportedRow(
            cell=part.cell.id,
            benchmark=part.benchmark,
            kind=manifest.kind,
            files=", ".join(f"{file.name} (sha256 {file.sha256[:12]})" for file in manifest.files[:3])
            + (f" and {len(manifest.files) - 3} more" if len(manifest.files) > 3 else ""),
            items=part.items,
            samples=part.samples,
            unscored=part.unscored,
            parameters=part.cell.parameters,
            training_flops=part.cell.training_flops,
        )
        for manifest in read_imports(folder)
        for part in manifest.parts
    )


def _teacher_note(workspace: Workspace) -> str:
    """Why the ledger holds no cost of the teacher; empty where it does."""
    summary = read_pair_summary(workspace.folder, pairs_step(workspace.study))
    if workspace.study.teacher.backend == "symbolic":
        return TEACHER_FREE
    return TEACHER_UNKNOWN if summary is None or teacher_flops(summary) is None else ""


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on, where they are installed."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _ledger(rows: list[Any]) -> dict[Phase, PhaseTotal]:
    totals: dict[Phase, list[Any]] = defaultdict(list)
    for row in rows:
        totals[row["phase"]].append(row)
    return {
        phase: PhaseTotal(
            flops=sum(row["flops"] or 0.0 for row in totals[phase]),
            tokens=sum(row["tokens"] for row in totals[phase]),
            seconds=sum(row["seconds"] for row in totals[phase]),
        )
        for phase in PHASES
        if phase in totals
    }


def _totals(plan: Plan, missing: tuple[MissingCell, ...]) -> PlanTotals:
    return PlanTotals(
        planned_training_flops=float(plan.total_flops),
        unshared_training_flops=float(plan.unshared_flops),
        cells_planned=len(plan.cells),
        cells_complete=len(plan.cells) - len(missing),
        cells_failed=sum(cell.reason.startswith("failed: ") for cell in missing),
        cells_infeasible=sum(cell.reason.startswith("infeasible: ") for cell in missing),
        phases=dict(plan.phases),
    )


def _missing(cell: MissingCell) -> MissingResult:
    for prefix, status in (("failed: ", "failed"), ("infeasible: ", "infeasible")):
        if cell.reason.startswith(prefix):
            error = cell.reason.removeprefix(prefix)
            return MissingResult(cell=cell.cell, configuration=cell.configuration, status=status, error=error)
    return MissingResult(cell=cell.cell, configuration=cell.configuration, status="not_run", error="")


def _planned(plan: Plan, missing: tuple[MissingCell, ...]) -> tuple[PlannedGroup, ...]:
    reasons = {cell.cell: cell.reason for cell in missing}
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in plan.cells:
        groups[cell.student, cell.arm].append(reasons.get(cell.id, ""))
    return tuple(
        PlannedGroup(
            student=student,
            arm=arm,
            planned=len(found),
            complete=found.count(""),
            failed=sum(reason.startswith("failed: ") for reason in found),
            infeasible=sum(reason.startswith("infeasible: ") for reason in found),
        )
        for (student, arm), found in groups.items()
    )


def _accuracy(evidence: Evidence) -> dict[str, float]:
    """The sum over families of every configuration's accuracy."""
    accuracy: dict[str, float] = defaultdict(float)
    for result in evidence.configurations:
        accuracy[result.configuration] += result.accuracy
    return accuracy
