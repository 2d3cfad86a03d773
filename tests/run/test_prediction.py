"""Tables to predictions: units, caps, rows that repeat or miss, the published tables, and what is wrong usage."""

import csv
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isothink import api
from isothink.errors import UsageError

EVIDENCE = Path(__file__).parents[2] / "../shared/data/evidence"
PAPER = EVIDENCE / "scale_or_reason_accuracy.csv"
TOGGLE = EVIDENCE / "qwen3_thinking_toggle.csv"
published = pytest.mark.skipif(not PAPER.is_file(), reason="the published tables are not here")
FACTS = {"size": "size", "value": "accuracy", "by": ("family", "arm")}


def rows():
    """Three families, two arms, four sizes, a teacher per family that carries no size of a student."""
    found = []
    for family, level in (("a", 40.0), ("b", 50.0), ("c", 55.0)):
        for arm, gain in (("ift", 0.0), ("reasoning", 6.0)):
            for step, size in enumerate((1, 3, 7, 14)):
                accuracy = level + gain + 7 * step - step**2 + (step * 7 + len(arm)) % 3
                found.append({"family": family, "arm": arm, "size": size, "accuracy": accuracy})
        found.append({"family": family, "arm": "teacher", "size": 235, "accuracy": 90.0})
    return found


def write(path, table):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


def predict(path, table=None, **changes):
    if table is not None:
        write(path, table)
    return api.predict(path, **{**FACTS, "at": (32,), "hold_out": (14,), **changes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def numbers(found):
    return [
        (cell.series, cell.predicted, *cell.interval) for cell in (*found.predictions, *found.held_out) if cell.interval
    ]


def test_teachers_are_caps_and_no_series(path):
    found = predict(path, rows())
    assert len(found.fits) == len(found.held_out) == 6
    assert {fit.cap for fit in found.fits} == {90.0}
    assert {fit.series["arm"] for fit in found.fits} == {"ift", "reasoning"}
    assert all(cell.interval[1] <= 90.0 for cell in found.predictions)


def test_teachers_are_joined_on_the_columns_that_they_share(path):
    table = [{"corpus": "none" if row["arm"] == "teacher" else "general", **row} for row in rows()]
    table[-1]["accuracy"] = 95.0
    found = predict(path, table, by=("corpus", "family", "arm"))
    assert {fit.series["family"]: fit.cap for fit in found.fits} == {"a": 90.0, "b": 90.0, "c": 95.0}


def test_the_order_of_rows_says_nothing(path):
    table = rows()
    first = predict(path, table)
    random.Random(5).shuffle(table)
    assert predict(path, table) == first


def test_percent_and_fractions_say_the_same(path):
    table = rows()
    percent = numbers(predict(path, table))
    fraction = numbers(predict(path, [{**row, "accuracy": row["accuracy"] / 100} for row in table], unit="fraction"))
    for one, other in zip(percent, fraction, strict=True):
        assert one[1:] == pytest.approx([100 * value for value in other[1:]])


def test_the_unit_of_sizes_says_nothing(path):
    table = rows()
    first = numbers(predict(path, table))
    scaled = [{**row, "size": row["size"] * 1_000_000_000} for row in table]
    second = numbers(predict(path, scaled, at=(32e9,), hold_out=(14e9,)))
    for one, other in zip(first, second, strict=True):
        assert one[1:] == pytest.approx(other[1:])


def test_repeated_rows_count_with_their_mean_and_are_noted(path):
    table = rows()
    once = predict(path, table)
    twice = predict(path, table + table)
    assert twice.predictions == once.predictions
    assert not once.notes and "several rows" in twice.notes[0]


def test_empty_cells_are_missing_and_never_zero(path):
    table = rows()
    table[2]["accuracy"] = ""
    found = predict(path, table)
    assert found.fits[0].sizes == (1.0, 3.0, 14.0)
    assert "no value" in found.notes[0]
    assert found.predictions[0].predicted > 50


def test_a_cap_column_goes_before_the_teacher(path):
    found = predict(path, [{**row, "cap": 97.0} for row in rows()], cap="cap")
    assert {fit.cap for fit in found.fits} == {97.0}


def test_without_teachers_the_cap_is_all_right(path):
    found = predict(path, [row for row in rows() if row["arm"] != "teacher"])
    assert {fit.cap for fit in found.fits} == {100.0}


def test_other_formats_of_the_same_table(path, tmp_path):
    expected = predict(path, rows()).predictions
    lines = tmp_path / "table.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in rows()), encoding="utf-8")
    assert predict(lines).predictions == expected
    parquet = tmp_path / "table.parquet"
    pq.write_table(pa.Table.from_pylist(rows()), parquet)
    assert predict(parquet).predictions == expected


def test_a_quantity_without_a_cap_is_predicted_on_the_log_scale(path):
    table = [{**row, "accuracy": 10 * row["accuracy"]} for row in rows() if row["arm"] != "teacher"]
    found = predict(path, table, scale="log")
    assert found.unit == "plain" and found.fits[0].cap is None and found.fits[0].equation.startswith("exp(")
    assert all(cell.predicted > 500 for cell in found.predictions)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"value": "score"}, "score"),
        ({"by": ("corpus",)}, "corpus"),
        ({"hold_out": (13,)}, "13"),
        ({"at": (-1,)}, "-1"),
        ({"unit": "fraction"}, "fraction"),
        ({"where": "arm = nobody"}, "no row is left"),
        ({"where": "arm == "}, "--where"),
        ({"where": "import os"}, "--where"),
        ({"where": "colour = red"}, "colour"),
    ],
)
def test_wrong_usage_names_what_is_wrong(path, changes, names):
    with pytest.raises(UsageError, match=names):
        predict(path, rows(), **changes)


@pytest.mark.parametrize(("column", "value"), [("accuracy", "high"), ("accuracy", 140), ("size", 0), ("size", "")])
def test_a_wrong_cell_is_named_by_its_row(path, column, value):
    table = rows()
    table[3][column] = value
    with pytest.raises(UsageError, match="row 5"):
        predict(path, table)


def errors(found):
    summary = found.hold_outs[0]
    return summary.mean_absolute_error, summary.plain_guess_error, summary.covered


def paper(size, mode="larger"):
    return api.predict(
        PAPER,
        size="parameters_billion",
        value="accuracy_percent",
        by=("corpus", "family", "arm"),
        hold_out=(size,),
        hold_out_mode=mode,
    )


@published
def test_the_14b_column_of_the_paper():
    found = paper(14)
    error, carried, covered = errors(found)
    assert len(found.held_out) == 16
    assert error <= 2.0 < carried
    assert 0.8 <= covered <= 1.0
    cells = {tuple(cell.series.values()): cell for cell in found.held_out}
    tasks = {key[:2] for key in cells}
    right = 0
    for task in tasks:
        ift, reasoning = cells[*task, "ift"], cells[*task, "reasoning"]
        right += (reasoning.predicted > ift.predicted) == (reasoning.actual > ift.actual)
    assert len(tasks) == 8 and right >= 7


@published
@pytest.mark.parametrize("size", [1.5, 3, 7])
def test_inner_sizes_of_the_paper_beat_the_line_between_their_neighbours(size):
    error, between, covered = errors(paper(size, "others"))
    assert error < between
    assert covered >= 0.8


@published
def test_the_32b_column_of_dense_qwen3_beats_carrying_forward():
    found = api.predict(
        TOGGLE,
        size="parameters_billion",
        value="accuracy_percent",
        by=("benchmark", "mode"),
        where="parameters_billion = active_parameters_billion",
        hold_out=(32,),
    )
    error, carried, covered = errors(found)
    assert found.hold_outs[0].predicted == 26 and found.hold_outs[0].refused == 0
    assert error < carried
    assert covered >= 0.8
