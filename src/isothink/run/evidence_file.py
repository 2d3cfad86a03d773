"""The stored evidence of a run, and whether it is still of the run's state. Read by decision.py and pipeline.py."""

from typing import Any

from isothink import __version__
from isothink.domain.study import Study
from isothink.errors import RunFolderError
from isothink.evidence.record import Evidence
from isothink.plan.record import Plan
from isothink.store.fingerprint import fingerprint
from isothink.store.run_folder import MANIFEST, RunFolder, read_record
from isothink.store.study_file import read_pair_study


def current_evidence(folder: RunFolder) -> Evidence:
    """The stored evidence, made anew where there is none or the run has another state by now."""
    try:
        stored = read_evidence(folder)
    except RunFolderError:  # damaged, or an earlier version's: everything that it holds can be made again
        stored = None
    if stored is not None and stored.state == analysis_state(folder):
        return stored
    from isothink.run.analysis import analyze_run  # takes longer to import than stored evidence to read
    from isothink.run.workspace import Workspace

    return analyze_run(Workspace(folder))


def read_evidence(folder: RunFolder) -> Evidence | None:
    """The stored evidence, or None where there is none."""
    return read_record(folder.evidence_file, Evidence)


def analysis_state(folder: RunFolder) -> str:
    """Identity of what evidence is made from: the study, which of its steps are complete or failed, the imports."""
    study = read_pair_study(folder.study_file) if folder.exists() else None
    plan = read_record(folder.plan_file, Plan)
    state: dict[str, Any] = {"version": __version__, "imports": folder.imports()}
    if isinstance(study, Study) and plan is not None:
        steps = [cell.samples for cell in plan.cells if cell.samples is not None]
        state["study"] = study.model_dump(mode="json", exclude={"resources", "output"})
        state["cells"] = [step for step in steps if (folder.step_folder("samples", step) / MANIFEST).is_file()]
        state["failed"] = sorted(folder.failed_steps())
    return fingerprint(state)
