"""Opens what a command names: a study file, or the run folder of a study. Used by api.py and cli/."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isothink.domain.study import Study
from isothink.errors import StudyError, UsageError
from isothink.plan.students import student_architecture
from isothink.procedural.tasks import TASKS, vocabulary
from isothink.store.run_folder import RunFolder
from isothink.store.study_file import read_study

if TYPE_CHECKING:
    from isothink.run.workspace import Workspace


def load_study_file(path: Path, overrides: Sequence[str] = ()) -> Study:
    """A study file, or that of a run folder, checked as far as it can be without its tokenizer.

    Raises:
        StudyError: one line that names the key, the value found and what is allowed.
    """
    path = _run_of(path)
    if path.is_dir():
        folder = RunFolder(path)
        if not folder.exists():
            raise UsageError(f"{path}: found a folder without study.yaml, allowed is a study file or a run folder")
        overrides = [f"output={_quoted(str(path.absolute()))}", *overrides]
        path = folder.study_file
    study = read_study(path, overrides)
    if study.output is not None and not any(override.startswith("output=") for override in overrides):
        # a path in a file is beside it
        study = study.model_copy(update={"output": str(path.parent / _expanded(study.output))})
    try:
        _check(study)
    except StudyError as error:
        raise StudyError(f"{path}: {error.message}", hint=error.hint) from None
    return study


def _run_of(path: Path) -> Path:
    """The run folder whose own study.yaml `path` is, wherever it was moved to; else `path`."""
    return path.parent if path.name == "study.yaml" and (path.parent / "lock").is_file() else path


def _expanded(text: str) -> Path:
    """A path in which a leading `~` is the home folder: shells leave it in `output=~/x`."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user
        return Path(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _check(study: Study) -> None:
    for key, tasks in (("prompts.tasks", study.prompts.tasks), ("evaluation.tasks", study.evaluation.tasks)):
        for index, task in enumerate(tasks):
            if task not in TASKS:
                raise StudyError(f'{key}[{index}]: found "{task}", allowed are {", ".join(TASKS)}')
    for task in study.evaluation.tasks:
        if TASKS[task].train_is_test and task not in study.prompts.tasks:
            raise StudyError(
                f'evaluation.tasks: found "{task}", whose facts must be taught, allowed are those of prompts.tasks'
            )
    for index in range(len(study.students)):
        student_architecture(study, index, len(vocabulary()))


def default_folder(study: Study) -> RunFolder:
    """Where a study's artifacts lie: exactly `output` if it is given, else `runs/<name>` under the current folder."""
    return RunFolder(Path("runs") / study.name if study.output is None else _expanded(study.output))


def open_run(path: Path) -> "Workspace":
    """The workspace of a run folder, or of the folder that a study file names.

    Raises:
        UsageError: there is no run.
    """
    path = _run_of(path)
    folder = RunFolder(path)
    if path.is_file():
        folder = default_folder(load_study_file(path))
    if not folder.exists():
        raise UsageError(f"{folder.path}: found no run there", hint="isothink run STUDY makes one in runs/NAME")
    from isothink.run.workspace import Workspace

    return Workspace(folder)
