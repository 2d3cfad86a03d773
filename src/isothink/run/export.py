"""Exports pairs for other trainers (chat messages, Parquet, a data set with a card) and samples as lm-eval writes them.

Called by api.py. An export is a folder, filled beside its place and renamed. A hidden list of its files says that it is
one, so that it can be replaced; whatever else lies there is never overwritten.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import RunFolderError, StepError, UsageError
from isothink.run.dataset_card import dataset_card
from isothink.run.identity import pairs_step
from isothink.run.lm_eval_export import write_lm_eval
from isothink.store.tables import PAIRS_FILE

if TYPE_CHECKING:
    from isothink.run.workspace import Workspace

PairFormat = Literal["messages", "parquet", "dataset"]
Format = Literal["messages", "parquet", "dataset", "lm-eval"]
Row = dict[str, Any]

MARKER = ".isothink-export.json"
"""Hidden, so that `datasets` does not take it for data."""

_NEEDED = ("id", "source", "prompt", "ift_answer", "trace", "reasoning_answer")
_OPTIONAL = ("reference", "off_correct", "on_correct")
_ROWS_AT_ONCE = 128
_ROW_GROUP_BYTES = 16 * 2**20

_TEXT = pa.string()
_CORRECTNESS = pa.struct([("ift", pa.bool_()), ("reasoning", pa.bool_())])
_PAIR_SCHEMA = pa.schema(
    [(name, _TEXT) for name in ("prompt", "ift", "reasoning", "id", "source", "reference")]
    + [("correctness", _CORRECTNESS)]
)
_MESSAGE = [("role", _TEXT), ("content", _TEXT)]


def _messages_schema(fields: list[tuple[str, pa.DataType]]) -> pa.Schema:
    return pa.schema([("id", _TEXT), ("source", _TEXT), ("messages", pa.list_(pa.struct(fields)))])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Output:
    """One file of an export: what a pair becomes in it. Without a schema, it is JSON lines."""

    file: str
    row: Callable[[Row], Row]
    schema: pa.Schema | None = None


def _pair(row: Row) -> Row:
    return {
        "prompt": row["prompt"],
        "ift": row["ift_answer"],
        "reasoning": f"{THINK_OPEN}\n{row['trace']}\n{THINK_CLOSE}\n\n{row['reasoning_answer']}",
        "id": row["id"],
        "source": row["source"],
        "reference": row["reference"],
        "correctness": {"ift": row["off_correct"], "reasoning": row["on_correct"]},
    }


def _conversation(row: Row, answer: Row) -> Row:
    messages = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", **answer}]
    return {"id": row["id"], "source": row["source"], "messages": messages}


def _ift(row: Row) -> Row:
    return _conversation(row, {"content": row["ift_answer"]})


def _reasoning(row: Row) -> Row:
    return _conversation(row, {"content": row["reasoning_answer"], "reasoning_content": row["trace"]})


_OUTPUTS: Mapping[PairFormat, tuple[_Output, ...]] = {
    "messages": (_Output(file="ift.jsonl", row=_ift), _Output(file="reasoning.jsonl", row=_reasoning)),
    "parquet": (_Output(file="pairs.parquet", row=_pair, schema=_PAIR_SCHEMA),),
    "dataset": (
        _Output(file="data/pairs.parquet", row=_pair, schema=_PAIR_SCHEMA),
        _Output(file="data/ift.parquet", row=_ift, schema=_messages_schema(_MESSAGE)),
        _Output(
            file="data/reasoning.parquet",
            row=_reasoning,
            schema=_messages_schema([*_MESSAGE, ("reasoning_content", _TEXT)]),
        ),
    ),
}


def export_run(workspace: "Workspace", *, format: Format, into: Path | None = None) -> list[Path]:
    """Exports the pairs or the samples of a run, into a folder of its own by default.

    Raises:
        UsageError: the pairs are not made yet, or no cell is evaluated; see also `export_pairs`.
    """
    folder, step = workspace.folder, pairs_step(workspace.pair_study)
    if format == "lm-eval":
        return _export_samples(workspace, into if into is not None else folder.path / "export" / format)
    manifest = folder.manifest("pairs", step)
    if manifest is None:
        raise UsageError(f"{folder.path}: found no finished pairs", hint="isothink generate STUDY makes them")
    return export_pairs(
        folder.step_folder("pairs", step) / PAIRS_FILE,
        manifest.get("summary", manifest),
        name=workspace.pair_study.name,
        format=format,
        into=into if into is not None else folder.path / "export" / format,
    )


def export_pairs(
    pairs_file: Path, manifest: Mapping[str, Any], *, name: str, format: PairFormat, into: Path
) -> list[Path]:
    """Writes the pairs of a Parquet file into the folder `into` and returns the files' paths.

    Read back as `messages` or `pairs`, they are the same pairs.

    Raises:
        UsageError: `into` holds something else than an earlier export.
        RunFolderError: the pairs cannot be read.
        StepError: `into` cannot be written.
    """

    def fill(beside: Path) -> None:
        counts = _write(pairs_file, beside, _OUTPUTS[format])
        if format == "dataset":
            files = {config: _named_by_content(beside, config) for config in ("pairs", "ift", "reasoning")}
            (beside / "README.md").write_text(dataset_card(manifest, name, counts, files), encoding="utf-8")

    return _exported(into, format, fill)


def _export_samples(workspace: "Workspace", into: Path) -> list[Path]:
    """Writes every evaluated cell in lm-eval's form."""

    def fill(beside: Path) -> None:
        if not write_lm_eval(workspace, beside):
            raise UsageError(
                f"{workspace.folder.path}: found no evaluated cell", hint="isothink evaluate STUDY makes the samples"
            )

    return _exported(into, "lm-eval", fill)


def _exported(into: Path, format: Format, fill: Callable[[Path], None]) -> list[Path]:
    """Fills a folder beside its place and puts it there; returns the files' paths."""
    target = into.resolve()
    try:
        _require_free(target)
        with _replacing(target) as beside:
            fill(beside)
            written = _files(beside)
            _write_marker(beside, written, format)
    except OSError as error:
        raise StepError(f"{target}: cannot be written: {error.strerror or error}") from None
    return [target / file for file in written]


def _write(pairs_file: Path, beside: Path, outputs: tuple[_Output, ...]) -> Counter[tuple[str, str]]:
    """Writes every output in one pass, and counts pairs by source and by which answers are right."""
    counts: Counter[tuple[str, str]] = Counter()
    with ExitStack() as stack:
        sinks = [(output, stack.enter_context(_open(beside / output.file, output.schema))) for output in outputs]
        for rows in _batches(pairs_file):
            for output, sink in sinks:
                sink.add([output.row(row) for row in rows])
            for row in rows:
                counts["source", row["source"]] += 1
                counts["correct", _which(row["off_correct"], row["on_correct"])] += 1
    return counts


def _which(ift: bool | None, reasoning: bool | None) -> str:
    if ift is None or reasoning is None:
        return "not compared"
    return {(True, True): "both", (True, False): "IFT alone", (False, True): "reasoning alone"}.get(
        (ift, reasoning), "neither"
    )


def _batches(pairs_file: Path) -> Iterator[list[Row]]:
    """Rows of the columns that exports hold; a column that pairs of a program lack is empty."""
    try:
        with pq.ParquetFile(pairs_file, buffer_size=2**20, pre_buffer=False) as file:
            names = file.schema_arrow.names
            columns = [name for name in (*_NEEDED, *_OPTIONAL) if name in names]
            missing = [name for name in _NEEDED if name not in names]
            if missing:
                raise RunFolderError(f"{pairs_file}: found no column {missing[0]!r}")
            absent = dict.fromkeys(name for name in _OPTIONAL if name not in names)
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns, use_threads=False):
                yield [{**absent, **row} for row in batch.to_pylist()]
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise RunFolderError(f"{pairs_file}: cannot be read: {problem}") from None


class _Sink(Protocol):
    """A file that rows are written to."""

    def add(self, rows: list[Row]) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None: ...


class _Lines:
    """Rows as JSON lines."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._file.close()

    def add(self, rows: list[Row]) -> None:
        self._file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


class _Table:
    """Rows as a Parquet file, in row groups of some megabytes."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, rows: list[Row]) -> None:
        self._waiting.append(pa.Table.from_pylist(rows, schema=self._schema))
        if sum(table.nbytes for table in self._waiting) >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting = []


def _open(path: Path, schema: pa.Schema | None) -> _Sink:
    path.parent.mkdir(exist_ok=True)
    return _Lines(path) if schema is None else _Table(path, schema)


def _named_by_content(folder: Path, config: str) -> str:
    """Renames a data file after its contents, and returns its new path within the folder.

    `datasets` caches a folder with a card by the text of the card alone (5.2, `LocalDatasetModuleFactory`): of two
    exports whose cards are alike it would load the first twice.
    """
    path = folder / f"data/{config}.parquet"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.rename(path.with_name(f"{config}-{digest[:12]}.parquet")).relative_to(folder).as_posix()


def _files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    )


def _write_marker(folder: Path, files: list[str], format: Format) -> None:
    sizes = {file: (folder / file).stat().st_size for file in files}
    marker = {"schema_version": 1, "written_by": "isothink export", "format": format, "files": sizes}
    (folder / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")


def _require_free(target: Path) -> None:
    """Refuses a place that holds anything but an earlier export as it was written."""
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: found a file, allowed is a folder that is new, empty, or an earlier export")
    sizes = _marked_sizes(target)
    for file in _files(target):
        path = target / file
        if file != MARKER and (path.is_symlink() or sizes.get(file) != path.stat().st_size):
            found = "was changed since it was exported" if file in sizes else "is not of an earlier export"
            raise UsageError(
                f"{target}: found {file}, which {found}; allowed is a folder that is new, empty, or an earlier export",
                hint="export into another folder, or move this one away",
            )


def _marked_sizes(target: Path) -> dict[str, Any]:
    try:
        marker = json.loads((target / MARKER).read_text(encoding="utf-8"))
        return dict(marker["files"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A folder that takes the place of `target` when the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.partial"
    beside.mkdir()
    earlier = beside.with_suffix(".earlier")
    try:
        yield beside
        _flush_to_disk(beside)
        if target.exists():
            target.rename(earlier)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)


def _flush_to_disk(folder: Path) -> None:
    for file in _files(folder):
        with (folder / file).open("rb") as opened:
            os.fsync(opened.fileno())
