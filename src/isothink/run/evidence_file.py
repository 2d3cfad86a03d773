"""The stored evidence of a run, and whether it is still of the run's state. Read by decision.py and pipeline.py."""

from isothink.errors import RunFolderError
from isothink.evidence.record import Evidence
from isothink.run.analysis_state import analysis_state
from isothink.store.run_folder import RunFolder, read_record


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
