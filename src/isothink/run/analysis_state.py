"""What evidence is made from: it is stale where this is another. Called by analysis.py and evidence_file.py."""

from typing import Any

from isothink import __version__
from isothink.domain.study import Study
from isothink.plan.record import Plan
from isothink.store.fingerprint import fingerprint
from isothink.store.run_folder import MANIFEST, RunFolder, read_record
from isothink.store.study_file import read_pair_study


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
