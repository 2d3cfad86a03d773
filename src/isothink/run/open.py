"""Finds the run folder that a command names, without reading it. Called by api.py and load.py."""

from pathlib import Path

from isothink.errors import UsageError
from isothink.store.run_folder import RunFolder


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


def run_of(path: Path) -> Path:
    """The run folder whose own study.yaml `path` is, wherever it was moved to; else `path`."""
    return path.parent if path.name == "study.yaml" and (path.parent / "lock").is_file() else path
