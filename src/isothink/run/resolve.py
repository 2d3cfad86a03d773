"""Paths in a study file made absolute, and the contents behind them named by digests. Called by load.py.

From then on the digest identifies the contents: a run folder can be moved, and its report made anew, where the files
are not.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from isothink.domain.prompt_settings import DataPrompts, FileSet, HubSet
from isothink.domain.study import PairStudy, Study
from isothink.domain.teacher_settings import OpenAITeacher, RecordedTeacher, TransformersTeacher
from isothink.errors import StudyError
from isothink.run.resolve_models import beside, resolve_models
from isothink.store.rows import file_digest
from isothink.teacher.prompt_rows import source_of


def resolve_paths(study: PairStudy, folder: Path) -> PairStudy:
    """The study with absolute paths, and with the digests of local files that have none yet.

    Raises:
        StudyError: a file is not there.
        UsageError: the configuration of a student on the Hub cannot be had.
    """
    changes: dict[str, object] = {}
    if isinstance(study.prompts, DataPrompts):
        sets = tuple(
            _resolved_set(chosen, folder, "prompts.sets", index) for index, chosen in enumerate(study.prompts.sets)
        )
        changes["prompts"] = study.prompts.model_copy(update={"sets": sets})
    against = study.filters.decontamination.against
    if against:
        files = tuple(
            _resolved_file(chosen, folder, f"filters.decontamination.against[{index}]")
            for index, chosen in enumerate(against)
        )
        decontamination = study.filters.decontamination.model_copy(update={"against": files})
        changes["filters"] = study.filters.model_copy(update={"decontamination": decontamination})
    teacher = _resolved_teacher(study.teacher, folder)
    if teacher is not study.teacher:
        changes["teacher"] = teacher
    resolved = study.model_copy(update=changes) if changes else study
    return resolve_models(resolved, folder) if isinstance(resolved, Study) else resolved


def _resolved_set(chosen: FileSet | HubSet, folder: Path, key: str, index: int) -> FileSet | HubSet:
    if isinstance(chosen, FileSet):
        return _resolved_file(chosen, folder, f"{key}[{index}]")
    name = chosen.name
    local = beside(name, folder)
    if local.is_dir():
        name = str(local)
    return chosen.model_copy(update={"name": name, "source": source_of(chosen)})


def _resolved_file(chosen: FileSet, folder: Path, key: str) -> FileSet:
    path = beside(chosen.path, folder)
    digest = chosen.sha256
    if digest is None:
        if not path.is_file():
            raise StudyError(f'{key}.path: found "{chosen.path}", but there is no such file', hint=f"looked for {path}")
        digest = file_digest(path)
    return chosen.model_copy(update={"path": str(path), "sha256": digest, "source": source_of(chosen)})


def _resolved_teacher(teacher: object, folder: Path) -> object:
    if isinstance(teacher, OpenAITeacher | RecordedTeacher) and teacher.tokenizer is not None:
        local = beside(teacher.tokenizer, folder)
        return teacher.model_copy(update={"tokenizer": str(local)}) if local.exists() else teacher
    if not isinstance(teacher, TransformersTeacher):
        return teacher
    changes: dict[str, object] = {}
    parts: list[Path] = []
    local = beside(teacher.model, folder)
    if local.is_dir():
        changes["model"] = str(local)
        parts.extend(_model_files(local, teacher.gguf_file))
    if teacher.chat_template is not None:
        template = beside(teacher.chat_template, folder)
        if teacher.digest is None and not template.is_file():
            raise StudyError(f'teacher.chat_template: found "{teacher.chat_template}", but there is no such file')
        changes["chat_template"] = str(template)
        parts.append(template)
    if teacher.digest is None and parts:
        changes["digest"] = _digest_of(parts)
    return teacher.model_copy(update=changes)


def _model_files(folder: Path, gguf_file: str | None) -> list[Path]:
    """The files that decide what a local model says."""
    if gguf_file is not None:
        return [folder / gguf_file]
    wanted = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
    return sorted({path for pattern in wanted for path in folder.glob(pattern) if path.is_file()})


def _digest_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        if not path.is_file():
            raise StudyError(f"teacher.model: found no file {path}")
        digest.update(f"{path.name}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()
