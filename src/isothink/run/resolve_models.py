"""Students by model and their tokenizer: folders made absolute, weights named by digests, shapes read. For resolve.py.

A student of the Hub is named by its id and revision; its shape comes from the table of published architectures, or
else from its `config.json`, which is fetched once and then stands in the run folder's `study.yaml`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from isothink.compute.registry import published_config, published_names, read_config
from isothink.domain.student_settings import ModelTokenizer, RemoteCode, StudentSettings, TokenizerSettings
from isothink.domain.study import Study
from isothink.errors import StudyError
from isothink.plan.students import shape_fields
from isothink.store.rows import file_digest

WHOLE_BYTES = 2 * 2**30
"""Weights up to this size are hashed whole: a few seconds."""
SAMPLES = 16
SAMPLE_BYTES = 64 * 2**10
HEADER_BYTES = 8
"""A safetensors file begins with the length of its JSON header, as a little-endian integer."""
LARGEST_HEADER = 100_000_000
"""As in the safetensors library."""
ALLOWING_WORDS: RemoteCode = "run the code that comes with this model"
TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "*.jinja")


def resolve_models(study: Study, folder: Path) -> Study:
    """The study with absolute paths, shapes and digests of its students and its tokenizer.

    Raises:
        StudyError: a folder or file is not there, or holds code that may not run.
        UsageError: a configuration on the Hub cannot be had.
    """
    students = tuple(_student(settings, f"students[{index}]", folder) for index, settings in enumerate(study.students))
    tokenizer = _tokenizer(study.tokenizer, students, folder)
    return study.model_copy(update={"students": students, "tokenizer": tokenizer})


def beside(text: str, folder: Path) -> Path:
    """A path of a study file, which is beside it."""
    try:
        return (folder / Path(text).expanduser()).absolute()
    except RuntimeError:  # no such user
        return (folder / text).absolute()


def _student(settings: StudentSettings, key: str, folder: Path) -> StudentSettings:
    if settings.model is None:
        return settings
    local = _local_folder(settings.model, folder, f"{key}.model", known=settings.digest is not None)
    if local is None:
        if settings.architecture is not None:
            return settings
        return settings.model_copy(update={"architecture": _hub_shape(settings, key)})
    if settings.revision is not None:
        raise StudyError(f"{key}.revision: found {settings.revision!r}, allowed is none: the model is a folder")
    if settings.digest is not None:
        return settings.model_copy(update={"model": str(local)})
    config = read_config(local)
    refuse_code(config, settings, key)
    shape = shape_fields(config)
    if settings.architecture is not None and settings.architecture != shape:
        raise StudyError(f"{key}.architecture: found one beside model, whose config.json differs", hint="leave it out")
    changes = {"model": str(local), "architecture": shape, "digest": weights_digest(local, f"{key}.model")}
    return settings.model_copy(update=changes)


def _local_folder(model: str, folder: Path, key: str, *, known: bool) -> Path | None:
    """The folder that a model is, None for an id of the Hub. One that is known by its digest need not be there."""
    local = beside(model, folder)
    try:
        if local.is_dir() or (known and Path(model).is_absolute()):
            return local
        is_path = model.startswith((".", "~")) or Path(model).is_absolute() or local.exists()
    except (OSError, ValueError):  # too long for a path
        is_path = False
    if is_path:
        raise StudyError(
            f'{key}: found "{model}", but there is no such folder',
            hint="allowed are a folder with config.json and safetensors, or a model's id on the Hugging Face Hub;"
            " the first lines of the study file may say what makes the folder",
        )
    return None


def _hub_shape(settings: StudentSettings, key: str) -> dict[str, Any]:
    assert settings.model is not None
    if settings.model in published_names():
        return shape_fields(published_config(settings.model))
    from isothink.run.backends import load_hub_config

    config = load_hub_config(settings.model, settings.revision)
    refuse_code(config, settings, key)
    return shape_fields(config)


def refuse_code(config: Mapping[str, Any], settings: StudentSettings, key: str) -> None:
    """Code that comes with a model runs only where the study says so in words.

    Raises:
        StudyError: the model brings code, and the study does not.
    """
    if config.get("auto_map") and settings.remote_code == "never":
        raise StudyError(
            f'{key}.model: "{settings.model}" comes with code of its own (auto_map in config.json), which is not run',
            hint=f"read that code; `remote_code: {ALLOWING_WORDS}` allows it",
        )


def _tokenizer(
    settings: TokenizerSettings, students: tuple[StudentSettings, ...], folder: Path
) -> ModelTokenizer | TokenizerSettings:
    if not isinstance(settings, ModelTokenizer):
        return settings
    settings = _named(settings, students)
    assert settings.model is not None
    changes: dict[str, object] = {}
    files: list[Path] = []
    local = _local_folder(settings.model, folder, "tokenizer.model", known=settings.digest is not None)
    if local is not None:
        changes["model"] = str(local)
        files.extend(sorted({path for pattern in TOKENIZER_FILES for path in local.glob(pattern) if path.is_file()}))
        if not files and settings.digest is None:
            raise StudyError(f'tokenizer.model: found "{settings.model}", which holds no tokenizer')
    if settings.chat_template is not None:
        template = beside(settings.chat_template, folder)
        changes["chat_template"] = str(template)
        if settings.digest is None and not template.is_file():
            raise StudyError(f'tokenizer.chat_template: found "{settings.chat_template}", but there is no such file')
        files.append(template)
    if settings.digest is None and files:
        changes["digest"] = _digest_of(files)
    return settings.model_copy(update=changes)


def _named(settings: ModelTokenizer, students: tuple[StudentSettings, ...]) -> ModelTokenizer:
    if settings.model is not None:
        return settings
    if settings.revision is not None:
        raise StudyError("tokenizer.revision: found one without tokenizer.model")
    for student in students:
        if student.model is not None:
            return settings.model_copy(update={"model": student.model, "revision": student.revision})
    raise StudyError(
        "tokenizer.model: found none, and no student has a model",
        hint="name a folder or an id of the Hugging Face Hub whose tokenizer all students take",
    )


def weights_digest(folder: Path, key: str) -> str:
    """The SHA-256 of a model: its config.json, and its safetensors files with their index.

    Up to 2 GiB together they are hashed whole. Of more, each safetensors file counts by its name, its size, its header
    (which names every tensor with its shape and place) and 16 blocks of 64 KiB spread evenly over it: hashing 30 GB
    takes minutes, and retrained weights differ everywhere.

    Raises:
        StudyError: there are no safetensors.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise StudyError(
            f"{key}: {folder} holds no safetensors",
            hint="weights are read from safetensors only: a pickle can run code. save_pretrained writes them",
        )
    sampled = sum(path.stat().st_size for path in weights) > WHOLE_BYTES
    digest = hashlib.sha256()
    for path in (folder / "config.json", *sorted(folder.glob("*.safetensors.index.json")), *weights):
        is_sampled = sampled and path in weights
        content = _sampled_digest(path) if is_sampled else file_digest(path)
        digest.update(f"{path.name}\0{path.stat().st_size}\0{content}\n".encode())
    return digest.hexdigest()


def _sampled_digest(path: Path) -> str:
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        header = min(int.from_bytes(start, "little"), LARGEST_HEADER)
        digest.update(start + file.read(header))
        first = HEADER_BYTES + header
        for number in range(SAMPLES):
            file.seek(first + max(0, size - SAMPLE_BYTES - first) * number // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _digest_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()
