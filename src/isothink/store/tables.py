"""Parquet tables of records, written and read whole. Used by run/ for pairs, corpora, metrics and samples."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from isothink.domain.pair import DroppedPair, StoredPair
from isothink.domain.record import Record
from isothink.domain.reply import ReplyFacts
from isothink.domain.sample import Sample
from isothink.errors import RunFolderError, StepError

PAIRS_FILE = "pairs.parquet"
ITEMS_FILE = "items.parquet"
SAMPLES_FILE = "samples.parquet"
METRICS_FILE = "metrics.parquet"

DROPPED_FILE = "dropped.parquet"
_REPLY_TYPES = {
    **dict.fromkeys(("max_tokens", "attempts"), pa.int64()),
    **dict.fromkeys(("prompt_tokens", "output_tokens", "reasoning_tokens"), pa.int64()),
    **dict.fromkeys(("counted_prompt_tokens", "counted_trace_tokens", "counted_answer_tokens"), pa.int64()),
    **dict.fromkeys(("latency_seconds", "flops"), pa.float64()),
    **dict.fromkeys(("merged", "correct"), pa.bool_()),
}
PAIR_SCHEMA = pa.schema(
    [(name, pa.string()) for name in StoredPair.model_fields if name not in ("off", "on")]
    + [
        (f"{mode}_{name}", _REPLY_TYPES.get(name, pa.string()))
        for mode in ("off", "on")
        for name in ReplyFacts.model_fields
    ]
)
DROPPED_SCHEMA = pa.schema([(name, pa.string()) for name in DroppedPair.model_fields])
ROWS_AT_ONCE = 512
BYTES_AT_ONCE = 8 * 2**20

_SAMPLE_TYPES = {
    "repeat": pa.int32(),
    "score": pa.float64(),
    "is_looping": pa.bool_(),
    "seconds": pa.float64(),
    "prompt_tokens": pa.int32(),
    "trace_tokens": pa.int32(),
    "answer_tokens": pa.int32(),
    "inference_flops": pa.float64(),
}
SAMPLE_SCHEMA = pa.schema([(name, _SAMPLE_TYPES.get(name, pa.string())) for name in Sample.model_fields])

METRIC_SCHEMA = pa.schema(
    [
        ("step", pa.int64()),
        ("loss", pa.float64()),
        ("learning_rate", pa.float64()),
        ("gradient_norm", pa.float64()),
        ("tokens", pa.int64()),
        ("loss_tokens", pa.int64()),
        ("flops", pa.float64()),
        ("flops_so_far", pa.float64()),
        ("tokens_per_second", pa.float64()),
        ("model_flops_utilisation", pa.float64()),
        ("seconds", pa.float64()),
    ]
)
"""One row per optimizer step. `flops_so_far` counts from the initial weights; the utilisation is that of the dense bf16
peak, null where the device's is not known."""


def write_records(path: Path, records: Sequence[Record], schema: pa.Schema) -> None:
    """Writes records as one Parquet file."""
    write_columns(path, {name: [getattr(record, name) for record in records] for name in schema.names}, schema)


class TableWriter:
    """Writes rows to a Parquet file as they come, holding a few hundred of them (or a few megabytes) in memory."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        try:
            self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        except OSError as failure:
            raise self._cannot_write(failure) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with suppress(OSError):  # a full disk is said once
                self._writer.close()
            return
        self._flush()
        try:
            self._writer.close()
        except OSError as failure:
            raise self._cannot_write(failure) from None

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row.

        Raises:
            StepError: the disk is full, or cannot be written.
        """
        self._rows.append(row)
        self._bytes += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(self._rows) >= ROWS_AT_ONCE or self._bytes >= BYTES_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            try:
                self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            except OSError as failure:
                raise self._cannot_write(failure) from None
        self._rows, self._bytes = [], 0

    def _cannot_write(self, failure: OSError) -> StepError:
        reason = failure.strerror or str(failure)
        return StepError(
            f"{self._path.name}: cannot be written: {reason}", hint="free some space; the same command goes on"
        )


def pair_row(pair: StoredPair) -> dict[str, Any]:
    """A pair as a row of `PAIR_SCHEMA`."""
    row = {name: getattr(pair, name) for name in StoredPair.model_fields if name not in ("off", "on")}
    for mode, facts in (("off", pair.off), ("on", pair.on)):
        row.update({f"{mode}_{name}": getattr(facts, name) for name in ReplyFacts.model_fields})
    return row


def write_columns(path: Path, columns: dict[str, Any], schema: pa.Schema) -> None:
    """Writes columns of equal length as one Parquet file."""
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd")


def read_columns(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Some columns of a Parquet file, all by default.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    try:
        # `read_table` would start threads for every small file, and read columns out of a path with `=` in it
        with pq.ParquetFile(path, pre_buffer=False) as file:
            return file.read(columns=list(columns) if columns is not None else None)
    except (pa.ArrowException, OSError) as error:
        problem = str(error).splitlines()[0]
        raise RunFolderError(
            f"{path}: cannot be read: {problem}", hint="remove its folder to have it made anew"
        ) from None
