"""Tables that are written row by row: they come back whole, and a full disk is said in one line."""

from pathlib import Path

import pyarrow as pa
import pytest

from isothink.errors import StepError
from isothink.store.tables import ROWS_AT_ONCE, TableWriter, read_columns

SCHEMA = pa.schema([("name", pa.string()), ("number", pa.int64())])
FULL = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")


@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE * 3 + 7])
def test_rows_come_back_in_order(tmp_path, count):
    rows = [{"name": f"n{number}\0\n", "number": number} for number in range(count)]
    with TableWriter(tmp_path / "table.parquet", SCHEMA) as table:
        for row in rows:
            table.add(row)
    assert read_columns(tmp_path / "table.parquet").to_pylist() == rows


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_a_step_error_with_a_hint():
    with pytest.raises(StepError, match=r"full: cannot be written: .*No space left") as caught:
        TableWriter(FULL, SCHEMA)
    assert "the same command goes on" in caught.value.hint


def refuse(*_):
    raise OSError(28, "No space left on device")


def test_a_disk_that_fills_up_while_rows_are_written_is_one_too(tmp_path, monkeypatch):
    table = TableWriter(tmp_path / "table.parquet", SCHEMA)
    monkeypatch.setattr(table, "_writer", type("Full", (), {"write_table": refuse, "close": refuse})())
    table.add({"name": "x", "number": 1})
    with pytest.raises(StepError, match=r"table.parquet: cannot be written: No space left"):
        table.__exit__(None, None, None)


def test_an_error_of_the_block_is_not_hidden_by_that_of_the_disk(tmp_path, monkeypatch):
    with pytest.raises(StepError, match="the journal"), TableWriter(tmp_path / "table.parquet", SCHEMA) as table:
        monkeypatch.setattr(table, "_writer", type("Full", (), {"write_table": refuse, "close": refuse})())
        raise StepError("the journal cannot be written")
