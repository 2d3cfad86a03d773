"""Data sets of the Hugging Face Hub, and local folders in the same form, read with `datasets`. Looked up by run/."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub.utils
import pyarrow as pa
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from isothink.domain.prompt_settings import HubSet
from isothink.errors import UsageError
from isothink.store.rows import BATCH_ROWS, Row, file_digest, table_rows

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FIRST_ANSWER_SECONDS = 20.0
_LONGEST_PROBLEM = 300
_COPY = "give the folder of a local copy as the name, or a file of it with `kind: file`"


@dataclass(frozen=True, kw_only=True, slots=True)
class HubRows:
    """One split of a data set, in Arrow files that are read through memory maps.

    `revision` is the commit that was read, None for a folder. `fingerprint` is of the contents for a folder, else the
    library's own.
    """

    revision: str | None
    count: int
    columns: tuple[str, ...]
    fingerprint: str
    dataset: Any

    def rows(self) -> Iterator[Row]:
        """Every row, from the first, a few at a time."""
        first = 1
        for table in self.dataset.with_format("arrow").iter(batch_size=BATCH_ROWS):
            yield from table_rows(table, first)
            first += table.num_rows


def read_hub_set(settings: HubSet) -> HubRows:
    """Opens a data set, downloading it where it is not in the cache.

    Without the network, a data set in the cache is used; for a revision other than `main`, only if it is a commit.

    Raises:
        UsageError: it cannot be reached, is not there, is gated, has no such configuration or split, or is damaged.
    """
    with _quiet():
        folder = Path(settings.name)
        if _is_folder(folder):
            return _read_folder(settings, folder)
        return _read_repository(settings)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, a null byte
        return False


def _read_folder(settings: HubSet, folder: Path) -> HubRows:
    """A folder goes into a cache of its own for each state of it.

    The library's cache knows a folder with a card by the card alone (datasets 5.2,
    `LocalDatasetModuleFactory.get_module`): data that changed under it would not be read anew.
    """
    fingerprint = _folder_fingerprint(folder)
    cache = Path(datasets.config.HF_DATASETS_CACHE) / "isothink" / fingerprint[:16]
    dataset = _load(settings, str(folder.resolve()), cache_dir=str(cache))
    return _opened(dataset, revision=None, fingerprint=fingerprint)


def _folder_fingerprint(folder: Path) -> str:
    """The SHA-256 of all files of a folder and their names, hidden ones left out, which the library ignores too."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            digest.update(f"{name.as_posix()}\0{file_digest(path)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _read_repository(settings: HubSet) -> HubRows:
    name = settings.name
    # the names of the library's own readers would read whatever lies in the current folder
    if not _REPOSITORY.fullmatch(name) or name in datasets.packaged_modules._PACKAGED_DATASETS_MODULES:
        raise UsageError(
            f"{name}: no such folder, and no name of a data set on the Hub",
            hint="names on the Hub are like openai/gsm8k; for one file, use `kind: file`",
        )
    commit = _commit(settings)
    if commit is not None:
        dataset = _load(settings, name, revision=commit)
        return _opened(dataset, revision=commit, fingerprint=dataset._fingerprint)
    with _offline():
        dataset = _load(settings, name)
    cached = _cached_commit(dataset)
    if settings.revision not in ("main", cached):
        raise UsageError(
            f"{name}: the Hub cannot be reached, and the copy in the cache is of revision {cached}, not"
            f" {settings.revision}",
            hint=_COPY,
        )
    return _opened(dataset, revision=cached, fingerprint=dataset._fingerprint)


def _commit(settings: HubSet) -> str | None:
    """The commit that a revision is now; None where the Hub cannot be asked."""
    try:
        # asked before anything else, since the library takes half a minute of retries to find that there is no network
        info = HfApi().dataset_info(settings.name, revision=settings.revision, timeout=_FIRST_ANSWER_SECONDS)
    except GatedRepoError:
        raise UsageError(
            f"{settings.name}: gated: its owner must grant access on the Hub",
            hint="ask for access, then log in with `hf auth login` or HF_TOKEN",
        ) from None
    except RevisionNotFoundError:
        raise UsageError(f"{settings.name}: no revision {settings.revision!r} on the Hub") from None
    except RepositoryNotFoundError:
        raise UsageError(
            f"{settings.name}: no such data set on the Hub, or it is private",
            hint="check the name; for a private one, log in with `hf auth login` or HF_TOKEN",
        ) from None
    except Exception:  # no network, a proxy's page, a server's fault: each HTTP library has errors of its own
        return None
    return str(info.sha)


def _cached_commit(dataset: Any) -> str | None:
    """The commit in the path of a cached file; the library keeps it nowhere else."""
    for file in dataset.cache_files:
        if _COMMIT.fullmatch(Path(file["filename"]).parent.name):
            return Path(file["filename"]).parent.name
    return None


def _load(settings: HubSet, name: str, **where: str) -> Any:
    try:
        return datasets.load_dataset(name, settings.config, split=settings.split, **where)
    except Exception as error:  # whatever a reader of some file format raises
        raise _usage_error(settings, error) from None


def _usage_error(settings: HubSet, error: Exception) -> UsageError:
    """One line of an error of the library."""
    if isinstance(error, ConnectionError):
        return UsageError(f"{settings.name}: the Hub cannot be reached, and it is not in the cache", hint=_COPY)
    cause = error.__cause__ if isinstance(error, datasets.exceptions.DatasetGenerationError) else None
    text = " ".join(str(cause or error).partition("Example of usage")[0].split())
    problem = text if len(text) <= _LONGEST_PROBLEM else f"{text[:_LONGEST_PROBLEM]}..."
    hint = ""
    if "config" in problem.lower():
        hint = "set `config` to one of them"
    elif "split" in problem.lower():
        hint = "set `split` to one of them"
    return UsageError(f"{settings.name}: {problem or type(cause or error).__name__}", hint=hint)


def _opened(dataset: Any, *, revision: str | None, fingerprint: str) -> HubRows:
    pa.default_memory_pool().release_unused()  # what writing the cache took: 780 MB after a row group of 240 MB
    return HubRows(
        revision=revision,
        count=len(dataset),
        columns=tuple(dataset.column_names),
        fingerprint=fingerprint,
        dataset=dataset,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no log lines of the libraries: the command's own output stays whole."""
    bars = datasets.are_progress_bars_disabled(), huggingface_hub.utils.are_progress_bars_disabled()
    loggers = datasets.utils.logging, huggingface_hub.utils.logging
    levels = [logger.get_verbosity() for logger in loggers]
    datasets.disable_progress_bars()
    huggingface_hub.utils.disable_progress_bars()
    for logger in loggers:
        logger.set_verbosity_error()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.set_verbosity(level)
        if not bars[0]:
            datasets.enable_progress_bars()
        if not bars[1]:
            huggingface_hub.utils.enable_progress_bars()


@contextmanager
def _offline() -> Iterator[None]:
    """Takes what is in the cache at once, without retries."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
