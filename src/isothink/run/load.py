"""Loads the study that a command names, from its file or from the run folder of it. Used by api.py and cli/."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from isothink.domain.prompt_settings import ProceduralPrompts
from isothink.domain.study import PairStudy, Study
from isothink.errors import StudyError, UsageError
from isothink.plan.students import longest_sequence, student_architecture
from isothink.procedural.tasks import TASKS, vocabulary
from isothink.run.benchmarks import resolve_benchmarks
from isothink.run.items import teaches_its_items
from isothink.run.resolve import resolve_paths
from isothink.store.run_folder import RunFolder, run_of
from isothink.store.study_file import read_pair_study


def load_study_file(path: Path, overrides: Sequence[str] = ()) -> Study:
    """A whole study file, or that of a run folder, checked as far as it can be without its tokenizer.

    Raises:
        StudyError: one line that names the key, the value found and what is allowed.
    """
    study = load_pair_study_file(path, overrides)
    if not isinstance(study, Study):
        raise StudyError(
            f"{path}: found a study that makes pairs only, allowed here are those that train students",
            hint="isothink generate makes its pairs; students, arms, budgets, training and evaluation are missing",
        )
    return study


def load_pair_study_file(path: Path, overrides: Sequence[str] = ()) -> PairStudy:
    """A study file of which only the pairs are wanted: a whole one, or one that makes pairs only.

    Relative paths in it are beside it; contents of local files get their digests, which identify them from then on.

    Raises:
        StudyError: see `load_study_file`.
    """
    path = run_of(path)
    is_run = path.is_dir()
    if is_run:
        folder = RunFolder(path)
        if not folder.exists():
            raise UsageError(
                f"{path}: found a folder without study.yaml, allowed is a study file or a run folder",
                hint="runs lie in runs/NAME; `isothink init` writes a study file to begin with",
            )
        overrides = [f"output={_quoted(str(path.absolute()))}", *overrides]
        path = folder.study_file
    study = read_pair_study(path, overrides)
    if study.output is not None and not any(override.startswith("output=") for override in overrides):
        # a path in a file is beside it
        study = study.model_copy(update={"output": str((path.parent / _expanded(study.output)).resolve())})
    with _in_file(path):
        study = resolve_benchmarks(study, path.parent)
        _check(study)
    study = resolve_paths(study, path.parent)
    if isinstance(study, Study):
        with _in_file(path):
            _check_students(study)
    return study


@contextmanager
def _in_file(path: Path) -> Iterator[None]:
    """Lets an error name the study file."""
    try:
        yield
    except StudyError as error:
        raise StudyError(f"{path}: {error.message}", hint=error.hint) from None


def _expanded(text: str) -> Path:
    """A path in which a leading `~` is the home folder: shells leave it in `output=~/x`."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user
        return Path(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _check(study: PairStudy) -> None:
    for index, task in enumerate(study.prompts.tasks if isinstance(study.prompts, ProceduralPrompts) else ()):
        if task not in TASKS:
            raise StudyError(f'prompts.tasks[{index}]: found "{task}", allowed are {", ".join(TASKS)}')
    if isinstance(study, Study):
        _check_taught_tasks(study)
        if study.tokenizer.backend == "words" and study.rendering.system_prompt is not None:
            raise StudyError("rendering.system_prompt: found one, allowed is none with tokenizer.backend: words")


def _check_taught_tasks(study: Study) -> None:
    for task in study.evaluation.tasks:
        taught = isinstance(study.prompts, ProceduralPrompts) and task in study.prompts.tasks
        if isinstance(study.prompts, ProceduralPrompts) and teaches_its_items(task) and not taught:
            raise StudyError(
                f'evaluation.tasks: found "{task}", whose facts must be taught, allowed are those of prompts.tasks'
            )


def _check_students(study: Study) -> None:
    """Of students as they were resolved; what a Hugging Face tokenizer needs is known once that is loaded."""
    size = len(vocabulary()) if study.tokenizer.backend == "words" else 1
    for index in range(len(study.students)):
        student_architecture(study, index, size)
    longest_sequence(study)


def default_folder(study: PairStudy) -> RunFolder:
    """Where a study's artifacts lie: exactly `output` if it is given, else `runs/<name>` under the current folder."""
    return RunFolder(Path("runs") / study.name if study.output is None else _expanded(study.output))
