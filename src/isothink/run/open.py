"""Finds and opens the run folder that a command names. Called by api.py and pipeline.py."""

from pathlib import Path
from typing import TYPE_CHECKING

from isothink.errors import UsageError
from isothink.store.run_folder import RunFolder, run_of

if TYPE_CHECKING:
    from isothink.run.workspace import Workspace


def find_run(path: Path) -> RunFolder:
    """The run folder at `path`, or the one that the study file at `path` names.

    Raises:
        UsageError: there is no run.
    """
    folder = folder_of(path)
    if not folder.exists() and not folder.imports():
        raise UsageError(f"{folder.path}: found no run there", hint="isothink run STUDY makes one in runs/NAME")
    return folder


def folder_of(path: Path) -> RunFolder:
    """A run folder, whether it is there or not, or the folder that a study file names."""
    path = run_of(path)
    if not path.is_file():
        return RunFolder(path)
    from isothink.run.load import default_folder, load_pair_study_file  # a study takes longer to load than to find

    return default_folder(load_pair_study_file(path))


def open_run(path: Path) -> "Workspace":
    """The workspace of a run folder, or of the folder that a study file names; one of imported results has no study.

    Raises:
        UsageError: there is no run.
    """
    from isothink.run.workspace import Workspace

    return Workspace(find_run(path))
