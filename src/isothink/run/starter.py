"""The first study file of a newcomer, commented: a toy, a teacher of one's own, or finished pairs. Called by api.init.

What is written is a study file like any other; nothing else knows that it was made here.
"""

from collections.abc import Callable
from pathlib import Path

from isothink.errors import UsageError
from isothink.run.benchmarks import resolve_benchmarks
from isothink.run.starter_answers import KINDS, StarterAnswers, refuse_strays
from isothink.run.starter_parts import as_name
from isothink.run.starter_real import pairs_study, teacher_study
from isothink.run.starter_toy import toy_study
from isothink.store.commented_yaml import Entry, commented_yaml
from isothink.store.run_folder import write_text
from isothink.store.study_file import load_yaml, parse_study

SCHEMA_FILE = "study.schema.json"

_Maker = Callable[[StarterAnswers, Path, str], tuple[list[str], list[Entry]]]
_MAKERS: dict[str, _Maker] = {"toy": toy_study, "teacher": teacher_study, "pairs": pairs_study}


def write_starter(path: Path, answers: StarterAnswers, *, force: bool = False, with_schema: bool = False) -> None:
    """Writes the study file, and with it its schema where an editor finds it: beside the file.

    Raises:
        UsageError: the file is there already, and `force` was not given; or it cannot be written.
        StudyError: an answer that a study file cannot hold.
    """
    text = starter_text(answers, path, schema=SCHEMA_FILE if with_schema else None)
    wanted = {path: text}
    if with_schema:
        from isothink.run.study_schema import schema_text

        wanted[path.parent / SCHEMA_FILE] = schema_text()
    for place, content in wanted.items():
        _refuse_loss(place, content, force=force)
    for place, content in wanted.items():
        _write(place, content, force=force)


def starter_text(answers: StarterAnswers, path: Path, *, schema: str | None = None) -> str:
    """The study file that is to lie at `path`, read and checked; `schema` is the path of its schema, from there.

    Raises:
        UsageError, StudyError: an answer that a study file cannot hold, or one that is missing.
    """
    if answers.kind not in _MAKERS:
        raise UsageError(f'--kind: found "{answers.kind}", allowed are {", ".join(KINDS)}')
    refuse_strays(answers)
    name = answers.name or as_name(path.stem) or "study"
    heading, entries = _MAKERS[answers.kind](answers, path.parent, name)
    if schema is not None:
        heading = [f"yaml-language-server: $schema={schema}", *heading]
    text = commented_yaml(entries, heading=heading)
    resolve_benchmarks(parse_study(load_yaml(text, str(path)), name=str(path)), path.parent)
    return text


def _refuse_loss(path: Path, content: str, *, force: bool) -> None:
    try:
        if path.is_dir():
            raise UsageError(f"{path}: found a folder, allowed is the path of a file", hint="isothink init study.yaml")
        if not path.parent.is_dir():
            raise UsageError(f"{path}: found no folder {path.parent}", hint="make it first")
        is_same_schema = path.name == SCHEMA_FILE and path.is_file() and path.read_bytes() == content.encode()
        if path.exists() and not force and not is_same_schema:
            raise UsageError(f"{path}: found a file there already", hint="--force replaces it; or give another path")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def _write(path: Path, content: str, *, force: bool) -> None:
    try:
        if force:
            write_text(path, content)
            return
        with path.open("x", encoding="utf-8") as file:  # what somebody else writes meanwhile stays
            file.write(content)
    except FileExistsError:
        _refuse_loss(path, content, force=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be written: {reason}", hint="give another path") from None
