"""Parquet tables of records, written and read whole. Used by run/ for pairs, corpora, metrics and samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from isothink.domain.pair import Pair
from isothink.domain.record import Record
from isothink.domain.sample import Sample
from isothink.errors import RunFolderError

PAIRS_FILE = "pairs.parquet"
TOKENS_FILE = "tokens.parquet"
ITEMS_FILE = "items.parquet"
SAMPLES_FILE = "samples.parquet"
METRICS_FILE = "metrics.parquet"

PAIR_SCHEMA = pa.schema([(name, pa.string()) for name in Pair.model_fields])

TOKEN_SCHEMA = pa.schema(
    [
        ("pair", pa.string()),
        ("source", pa.string()),
        ("prompt", pa.list_(pa.int32())),
        ("ift", pa.list_(pa.int32())),
        ("reasoning", pa.list_(pa.int32())),
    ]
)

_SAMPLE_TYPES = {
    "repeat": pa.int32(),
    "correct": pa.bool_(),
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
        ("seconds", pa.float64()),
    ]
)


def write_records(path: Path, records: Sequence[Record], schema: pa.Schema) -> None:
    """Writes records as one Parquet file."""
    write_columns(path, {name: [getattr(record, name) for record in records] for name in schema.names}, schema)


def write_columns(path: Path, columns: dict[str, Any], schema: pa.Schema) -> None:
    """Writes columns of equal length as one Parquet file."""
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd")


def read_columns(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Some columns of a Parquet file, all by default.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    try:
        return pq.read_table(path, columns=list(columns) if columns is not None else None)
    except (pa.ArrowException, OSError) as error:
        problem = str(error).splitlines()[0]
        raise RunFolderError(
            f"{path}: cannot be read: {problem}", hint="remove its folder to have it made anew"
        ) from None


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a Parquet file."""
    return [Pair.model_validate(row) for row in read_columns(path).to_pylist()]
