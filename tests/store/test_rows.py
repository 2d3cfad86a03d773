"""Rows of users' files: what is written is read back, and one bad row costs no other."""

import csv
import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isothink.errors import UsageError
from isothink.store import rows as rows_module
from isothink.store.rows import Row, file_digest, read_rows

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
NAMES = st.text("abcdefgh", min_size=1, max_size=5)


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def lines(tmp_path, content, name="set.jsonl"):
    return list(read_rows(written(tmp_path, name, content)))


def problem_of(tmp_path, content, name="set.jsonl"):
    """The problem of the one bad row, which is a line, between two good ones."""
    good = b'{"a": 1}\n'
    found = lines(tmp_path, good + content + b"\n" + good, name)
    assert [row.values for row in found] == [{"a": 1}, None, {"a": 1}]
    assert [row.number for row in found] == [1, 2, 3]
    assert found[1].problem and found[1].problem.isprintable()
    return found[1].problem


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.dictionaries(NAMES, TEXTS | st.integers() | st.none() | st.booleans()), max_size=5))
def test_json_lines_are_read_as_they_were_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("rows") / "set.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    assert list(read_rows(path)) == [Row(number, value) for number, value in enumerate(values, start=1)]


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_csv_is_read_as_it_was_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("rows") / "set.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *values])
    assert [row.values for row in read_rows(path)] == [{"a": a, "b": b} for a, b in values]


@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.tuples(TEXTS | st.none(), st.lists(TEXTS, max_size=3)), max_size=5))
def test_parquet_is_read_as_it_was_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("rows") / "set.parquet"
    rows = [{"a": a, "b": b} for a, b in values]
    pq.write_table(
        pa.Table.from_pylist(rows, schema=pa.schema([("a", pa.string()), ("b", pa.list_(pa.string()))])), path
    )
    assert list(read_rows(path)) == [Row(number, row) for number, row in enumerate(rows, start=1)]


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200), ending=st.sampled_from(["jsonl", "csv", "json"]))
def test_whatever_a_file_holds_is_rows_or_one_error(tmp_path_factory, content, ending):
    path = tmp_path_factory.mktemp("rows") / f"set.{ending}"
    path.write_bytes(content)
    try:
        for row in read_rows(path):
            assert (row.values is None) == bool(row.problem)
            json.dumps(row.values, ensure_ascii=False).encode()
    except UsageError as error:
        assert error.message.isprintable()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": ', "not JSON"),
        (b"[1, 2]", "an array"),
        (b'"text"', "a text"),
        (b"17", "a number"),
        (b"null", "null"),
        (b"[" * 100_000, "levels"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "levels"),
        (b'{"a": ' + b"7" * 5000 + b"}", "not JSON"),
        (b"\x00", "not JSON"),
    ],
)
def test_a_line_that_is_no_object_costs_only_itself(tmp_path, line, fault):
    assert fault in problem_of(tmp_path, line)


def test_a_line_that_is_too_long_is_skipped_and_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "LONGEST_LINE", 1000)
    assert "longer than 1000" in problem_of(tmp_path, b'{"a": "' + b"x" * 1_000_000 + b'"}')


def test_a_megabyte_in_one_line_is_fine(tmp_path):
    text = "<think>\n" * 200_000
    assert lines(tmp_path, json.dumps({"a": text}).encode()) == [Row(1, {"a": text})]


def test_many_brackets_in_a_text_are_not_levels(tmp_path):
    assert lines(tmp_path, json.dumps({"a": "{[" * 500}).encode()) == [Row(1, {"a": "{[" * 500})]


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_stays(tmp_path):
    content = rb'{"a\udc00": ["\ud83d\ude00", "x\ud83dy", {"b": "\uDFFF"}], "c": "\\ud83d"}'
    row = lines(tmp_path, content)[0]
    assert row.values == {"a\ufffd": ["\U0001f600", "x\ufffdy", {"b": "\ufffd"}], "c": "\\ud83d"}
    json.dumps(row.values, ensure_ascii=False).encode()


def test_blank_lines_a_mark_at_the_start_and_a_missing_end_are_fine(tmp_path):
    content = b'\xef\xbb\xbf{"a": 1}\r\n\r\n   \n{"a": NaN}'
    first, second = lines(tmp_path, content)
    assert first == Row(1, {"a": 1})
    assert second.number == 4 and second.values["a"] != second.values["a"]


@pytest.mark.parametrize("name", ["set.ndjson", "set.JSONL", "set.json"])
def test_json_lines_have_several_endings(tmp_path, name):
    assert lines(tmp_path, b'{"a": 1}\n{"a": 2}\n', name) == [Row(1, {"a": 1}), Row(2, {"a": 2})]


def test_a_json_file_may_be_one_array(tmp_path):
    content = b'\n [{"a": "\\ud800"},\n 3]'
    assert lines(tmp_path, content, "set.json") == [
        Row(1, {"a": "\ufffd"}),
        Row(2, None, "not a JSON object, but a number"),
    ]


@pytest.mark.parametrize("content", [b"[{}, ", b"[\xff]", b"[" * 100_000])
def test_a_broken_array_is_one_error(tmp_path, content):
    with pytest.raises(UsageError, match=r"set\.json: "):
        lines(tmp_path, content, "set.json")


def test_csv_fields_hold_quotes_breaks_and_much_text(tmp_path):
    long = "x" * 500_000
    content = f'prompt,answer\r\n"a ""b""\nc",1\r\n\r\n{long},"2"'.encode()
    found = lines(tmp_path, content, "set.csv")
    assert found == [Row(2, {"prompt": 'a "b"\nc', "answer": "1"}), Row(5, {"prompt": long, "answer": "2"})]


@pytest.mark.parametrize(
    ("line", "fault"),
    [(b"1", "1 fields"), (b"1,2,3", "3 fields"), (b'\xff,"2"', "not UTF-8"), (b'"1"x,2', "not CSV")],
)
def test_a_bad_csv_row_costs_only_itself(tmp_path, line, fault):
    first, bad, last = lines(tmp_path, b"a,b\n1,2\n" + line + b"\n3,4\n", "set.csv")
    assert (first.values, bad.values, last.values) == ({"a": "1", "b": "2"}, None, {"a": "3", "b": "4"})
    assert fault in bad.problem and bad.number == 3 and last.number == 4


def test_a_csv_line_that_is_too_long_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "LONGEST_LINE", 1000)
    found = lines(tmp_path, b"a,b\n1,2\n" + b"x" * 5000 + b",2\n3,4\n", "set.csv")
    assert [row.values for row in found] == [{"a": "1", "b": "2"}, None, {"a": "3", "b": "4"}]
    assert "longer than" in found[1].problem and found[2].number == 4


def test_a_csv_row_cut_off_in_its_quotes_is_noticed(tmp_path):
    found = lines(tmp_path, b'a,b\n1,2\n"3,4\n5,6\n', "set.csv")
    assert found[0].values == {"a": "1", "b": "2"} and found[1].values is None and len(found) == 2


@pytest.mark.parametrize("header", [b"a,a\n1,2\n", b"\xff,b\n1,2\n", b'"a\n1,2\n'])
def test_a_csv_header_that_names_no_columns_is_an_error(tmp_path, header):
    with pytest.raises(UsageError, match="header"):
        lines(tmp_path, header, "set.csv")


@pytest.mark.parametrize("name", ["set.jsonl", "set.csv", "set.json"])
def test_an_empty_file_has_no_rows(tmp_path, name):
    assert lines(tmp_path, b"", name) == []


def test_a_parquet_value_that_python_cannot_hold_costs_only_its_row(tmp_path):
    bad = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"a": bad}), tmp_path / "set.parquet")
    found = list(read_rows(tmp_path / "set.parquet"))
    assert [row.values for row in found] == [{"a": "good"}, None, {"a": "fine"}]
    assert "cannot be read" in found[1].problem and found[1].number == 2


def test_rows_are_numbered_over_all_batches(tmp_path):
    pq.write_table(pa.table({"a": list(range(1000))}), tmp_path / "set.parquet", row_group_size=300)
    assert [(row.number, row.values["a"] + 1) for row in read_rows(tmp_path / "set.parquet")] == [
        (number, number) for number in range(1, 1001)
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet" * 100, b"PAR1" + b"x" * 100 + b"PAR1"])
def test_what_is_no_parquet_file_is_one_error(tmp_path, content):
    with pytest.raises(UsageError, match="not a Parquet file"):
        lines(tmp_path, content, "set.parquet")


def test_a_damaged_parquet_file_is_one_error_after_the_rows_before(tmp_path):
    path = tmp_path / "set.parquet"
    pq.write_table(
        pa.table({"a": [f"{number:0200}" for number in range(4000)]}), path, row_group_size=1000, compression="zstd"
    )
    content = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(2).column(0).data_page_offset
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    rows = read_rows(path)
    with pytest.raises(UsageError, match="damaged after row"):
        list(rows)


def test_files_that_are_no_data_are_one_error(tmp_path):
    (tmp_path / "folder.jsonl").mkdir()
    for name, fault in [("none.jsonl", "no such file"), ("folder.jsonl", "allowed is a file"), ("\0.csv", "no such")]:
        with pytest.raises(UsageError, match=fault) as caught:
            read_rows(tmp_path / name)
        assert caught.value.message.isprintable()
    for name in ("set.txt", "set", "set.jsonl.gz"):
        with pytest.raises(UsageError, match=r"allowed are \.jsonl"):
            read_rows(written(tmp_path, name, b"{}"))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, ending):
    text = "x" * 2000
    path = tmp_path / f"set.{ending}"
    rows = 10_000
    if ending == "parquet":
        pq.write_table(pa.table({"a": [f"{number}{text}" for number in range(rows)]}), path, compression="none")
    else:
        row = f"{text}\n" if ending == "csv" else json.dumps({"a": text}) + "\n"
        path.write_text(("a\n" if ending == "csv" else "") + row * rows)
    tracemalloc.start()
    allocated = pa.total_allocated_bytes()
    seen = most = 0
    for _ in read_rows(path):
        seen += 1
        most = max(most, pa.total_allocated_bytes() - allocated)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == rows and path.stat().st_size > rows * 2000 - 1
    assert peak < 4 * 2**20 and most < 8 * 2**20


def test_a_digest_is_that_of_the_contents_as_they_are_now(tmp_path):
    path = written(tmp_path, "set.bin", b"abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"")
    assert file_digest(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(UsageError, match="no such file"):
        file_digest(tmp_path / "none")
