"""Exported pairs are the same pairs when they are read back, by this project and by `datasets`."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from isothink import api
from isothink.domain.pair import StoredPair
from isothink.domain.prompt_settings import FileSet
from isothink.domain.reply import ReplyFacts
from isothink.errors import RunFolderError, StepError, UsageError
from isothink.run import export as export_module
from isothink.run.card_text import fenced, inline
from isothink.run.export import MARKER, export_pairs
from isothink.run.generation import write_pairs
from isothink.run.identity import pairs_step
from isothink.store.rows import read_rows
from isothink.store.run_folder import RunFolder, write_json, write_text
from isothink.store.study_file import read_pair_study
from isothink.store.tables import PAIR_SCHEMA, TableWriter, pair_row
from isothink.teacher.prompt_rows import prompt_rows
from isothink.teacher.prompts import prompt_id
from isothink.teacher.reading import read_reply

HOSTILE = "---\n# <script>alert(1)</script> | [x](http://evil) `` ```\u202e\0\x1b[31m {{ 7*7 }} &amp;\r\n---\n"
MANIFEST = {
    "teacher": "Qwen/Qwen3-235B-A22B",
    "toggle": {"off": {"chat_template_kwargs": {"enable_thinking": False}}, "on": {}},
    "sampling": {"off": {"temperature": 0.7, "top_p": 0.95}, "on": {"temperature": 0.6, "top_p": 0.95}},
    "filters": {
        "on_length": "drop",
        "keep": "all",
        "decontamination": {"against": [{"path": "/home/me/secret/test.jsonl"}]},
    },
    "pairs": 3,
    "prompts_asked": 10,
    "dropped": [
        {"reason": "truncated", "mode": "on", "pairs": 5},
        {"reason": "empty_answer", "mode": "off", "pairs": 2},
    ],
}


def facts(correct):
    return ReplyFacts(
        message="raw",
        think_state="none",
        merged=False,
        finish_reason="stop",
        model="m",
        max_tokens=9,
        attempts=1,
        latency_seconds=1.0,
        prompt_tokens=1,
        output_tokens=1,
        reasoning_tokens=None,
        counted_prompt_tokens=None,
        counted_trace_tokens=None,
        counted_answer_tokens=None,
        flops=None,
        correct=correct,
        check_error=None,
    )


def pair(prompt, ift="So.", trace="Hm.", answer="Thus.", *, reference=None, off=None, on=None, source="set"):
    return StoredPair(
        id=prompt_id(source, prompt),
        source=source,
        prompt=prompt,
        ift_answer=ift,
        trace=trace,
        reasoning_answer=answer,
        reference=reference,
        answer_format=None if reference is None else "math",
        sampling="{}",
        toggle="t",
        off=facts(off),
        on=facts(on),
    )


PAIRS = [
    pair("Why?", reference="7", off=True, on=True),
    pair(HOSTILE, HOSTILE.strip(), f"{HOSTILE}x".strip(), f"{HOSTILE}y".strip(), reference="8", off=False, on=True),
    pair("\U0001f600 " * 30_000, "é\u2028x", "y\u0085\u2029z", 'a,b\n"c"'),
]


def stored(path, pairs):
    with TableWriter(path, PAIR_SCHEMA) as table:
        for one in pairs:
            table.add(pair_row(one))
    return path


@pytest.fixture
def pairs_file(tmp_path):
    return stored(tmp_path / "pairs.parquet", PAIRS)


def exported(pairs_file, tmp_path, format, manifest=MANIFEST, name="study"):
    into = tmp_path / "out" / format
    paths = export_pairs(pairs_file, manifest, name=name, format=format, into=into)
    listed = sorted(path for path in into.rglob("*") if path.is_file() and path.name != MARKER)
    assert sorted(paths) == listed
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"messages", "parquet", "dataset"}, "nothing is left"
    return into


def texts(pairs):
    return [(one.id, one.source, one.prompt, one.ift_answer, one.trace, one.reasoning_answer) for one in pairs]


def read_back(layout, *paths):
    """The texts of pairs as this project's own readers find them."""
    rows = (row for path in paths for row in read_rows(path))
    chosen = FileSet.model_validate({"kind": "file", "path": "x.jsonl", "rows": layout})
    found = list(prompt_rows(rows, chosen, source="set"))
    assert [row.detail for row in found if row.problem is not None] == []
    parts = [(row, read_reply(row.off, "off"), read_reply(row.on, "on")) for row in found]
    assert not any(off.trace or off.merged or on.merged for _, off, on in parts)
    return [(row.prompt.id, row.source, row.prompt.text, off.answer, on.trace, on.answer) for row, off, on in parts]


def test_messages_hold_the_trace_only_where_there_is_reasoning(pairs_file, tmp_path):
    into = exported(pairs_file, tmp_path, "messages")
    ift, reasoning = (
        [json.loads(line) for line in (into / name).read_bytes().split(b"\n")[:-1]]
        for name in ("ift.jsonl", "reasoning.jsonl")
    )
    assert ift[0] == {
        "id": PAIRS[0].id,
        "source": "set",
        "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}],
    }
    assert reasoning[0]["messages"][1] == {"role": "assistant", "content": "Thus.", "reasoning_content": "Hm."}
    assert len(ift) == len(reasoning) == len(PAIRS)


def test_messages_are_read_back_as_the_same_pairs(pairs_file, tmp_path):
    into = exported(pairs_file, tmp_path, "messages")
    layout = {"layout": "messages"}
    assert read_back(layout, into / "ift.jsonl", into / "reasoning.jsonl") == texts(PAIRS)
    assert sorted(read_back(layout, into / "reasoning.jsonl", into / "ift.jsonl")) == sorted(texts(PAIRS))


def test_parquet_is_read_back_as_the_same_pairs(pairs_file, tmp_path):
    into = exported(pairs_file, tmp_path, "parquet")
    assert read_back({"layout": "pairs"}, into / "pairs.parquet") == texts(PAIRS)
    rows = pq.read_table(into / "pairs.parquet").to_pylist()
    assert list(rows[0]) == ["prompt", "ift", "reasoning", "id", "source", "reference", "correctness"]
    assert rows[0]["reasoning"] == "<think>\nHm.\n</think>\n\nThus."
    assert [row["reference"] for row in rows] == ["7", "8", None]
    assert [(row["correctness"]["ift"], row["correctness"]["reasoning"]) for row in rows] == [
        (True, True),
        (False, True),
        (None, None),
    ]


TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).map(str.strip).filter(bool)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=5, unique_by=lambda row: row[0]))
def test_any_texts_survive_both_ways(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("export")
    pairs = [pair(*row) for row in rows]
    file = stored(folder / "pairs.parquet", pairs)
    into = exported(file, folder, "messages")
    assert read_back({"layout": "messages"}, into / "ift.jsonl", into / "reasoning.jsonl") == texts(pairs)
    assert read_back({"layout": "pairs"}, exported(file, folder, "parquet") / "pairs.parquet") == texts(pairs)


def test_many_pairs_are_exported_in_order_and_in_few_row_groups(tmp_path):
    pairs = [pair(f"Q{number}") for number in range(1000)]
    into = exported(stored(tmp_path / "pairs.parquet", pairs), tmp_path, "parquet")
    file = pq.ParquetFile(into / "pairs.parquet")
    assert file.metadata.num_row_groups == 1
    assert file.read(["id"])["id"].to_pylist() == [one.id for one in pairs]


def test_pairs_of_a_table_without_references_are_exported(tmp_path):
    names = ("id", "source", "prompt", "ift_answer", "trace", "reasoning_answer")
    pq.write_table(pa.table({name: [name] for name in names}), tmp_path / "pairs.parquet")
    into = exported(tmp_path / "pairs.parquet", tmp_path, "parquet", manifest={})
    (row,) = pq.read_table(into / "pairs.parquet").to_pylist()
    assert (row["reference"], row["correctness"]) == (None, {"ift": None, "reasoning": None})


# the data set


@pytest.fixture
def load(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return datasets.load_dataset


def test_the_data_set_loads_in_every_configuration(pairs_file, tmp_path, load):
    into = str(exported(pairs_file, tmp_path, "dataset"))
    pairs = load(into, "pairs")
    assert list(pairs) == ["train"]
    assert [(row["id"], row["ift"]) for row in pairs["train"]] == [(one.id, one.ift_answer) for one in PAIRS]
    assert load(into, split="train").column_names == pairs["train"].column_names, "pairs is the default"
    ift, reasoning = (load(into, config, split="train")["messages"] for config in ("ift", "reasoning"))
    assert ift[1] == [{"role": "user", "content": HOSTILE}, {"role": "assistant", "content": HOSTILE.strip()}]
    assert [chat[1]["reasoning_content"] for chat in reasoning] == [one.trace for one in PAIRS]
    assert [chat[0]["reasoning_content"] for chat in reasoning] == [None] * len(PAIRS)


def test_the_librarys_cache_never_shows_an_earlier_export(tmp_path, load):
    into = tmp_path / "out/dataset"
    for prompt in ("Why?", "Who?"):
        exported(stored(tmp_path / "pairs.parquet", [pair(prompt)]), tmp_path, "dataset")
        assert load(str(into), "pairs", split="train")["prompt"] == [prompt]


def card_of(into):
    text = (into / "README.md").read_text(encoding="utf-8")
    _, header, body = text.split("---\n", 2)
    return YAML(typ="safe").load(header), body


def test_the_card_says_how_the_pairs_were_made(pairs_file, tmp_path):
    header, body = card_of(exported(pairs_file, tmp_path, "dataset"))
    assert [config["config_name"] for config in header["configs"]] == ["pairs", "ift", "reasoning"]
    assert header["pretty_name"] == "study" and "license" not in header
    for part in (
        "Qwen/Qwen3-235B-A22B",
        '"enable_thinking": false',
        "different in temperature, which confounds",
        '"on_length": "drop"',
        "3 pairs were kept of 10 prompts asked",
        "| truncated | on | 5 |",
        "| empty\\_answer | off | 2 |",
        "| set | 3 |",
        "| both | 1 |",
        "| reasoning alone | 1 |",
        "| not compared | 1 |",
        "must state both",
    ):
        assert part in body, part
    assert "test.jsonl" in body and "/home/me" not in body


def test_hostile_names_and_settings_cannot_break_the_card(tmp_path, load):
    pairs = stored(tmp_path / "pairs.parquet", [pair("Why?", source=HOSTILE)])
    manifest = {
        "teacher": HOSTILE,
        "toggle": {"off": {"system": HOSTILE}, "on": {"system": "`" * 10}},
        "sampling": {"off": {HOSTILE: 1}, "on": {HOSTILE: 2}},
        "filters": HOSTILE,
        "dropped": [{"reason": HOSTILE, "mode": HOSTILE, "pairs": HOSTILE}],
    }
    into = exported(pairs, tmp_path, "dataset", manifest=manifest, name=f'x"\n{HOSTILE}\ud800')
    header, body = card_of(into)
    assert len(header["configs"]) == 3
    assert load(str(into), "ift", split="train").num_rows == 1
    assert body.replace("\n", "").isprintable()
    fences = re.findall(r"^`{3,}.*$", body, re.MULTILINE)
    assert len(fences) == 6 and all(
        opened == f"{closed}json" for opened, closed in zip(fences[::2], fences[1::2], strict=True)
    )
    outside = re.sub(r"^(`{3,})json\n.*?\n\1$", "", body, flags=re.MULTILINE | re.DOTALL)
    assert "<" not in outside and not re.search(r"(?<!\\)\[x", outside)
    headings = [line for line in outside.splitlines() if line.startswith("#")]
    assert headings[1:] == ["## Teacher", "## Filters", "## Counts", "## Licence"]
    for line in outside.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4)


@given(
    value=st.recursive(
        st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
    )
)
def test_a_fenced_value_is_that_value(value):
    head, *lines, end = fenced(value).split("\n")
    assert head == f"{end}json" and not any(end in line for line in lines)
    assert json.loads("\n".join(lines)) == json.loads(json.dumps(value))


@given(text=st.text(max_size=50))
def test_an_inline_value_is_one_line_without_markup(text):
    shown = inline(text)
    assert shown.isprintable() and not re.search(r"[<>]", shown)
    assert not re.search(r"(?<!\\)[`*_\[\]|#]", re.sub(r"\\\\", "", shown))


# the place


def test_an_earlier_export_is_replaced_whole(pairs_file, tmp_path):
    first = exported(pairs_file, tmp_path, "dataset")
    before = {path.name for path in (first / "data").iterdir()}
    stored(pairs_file, [pair("Who?")])
    second = exported(pairs_file, tmp_path, "dataset")
    assert not before & {path.name for path in (second / "data").iterdir()}


def test_another_format_and_an_empty_folder_are_fine(pairs_file, tmp_path):
    into = tmp_path / "there"
    into.mkdir()
    for format, files in (("messages", ["ift.jsonl", "reasoning.jsonl"]), ("parquet", ["pairs.parquet"])):
        paths = export_pairs(pairs_file, MANIFEST, name="study", format=format, into=into)
        assert (
            [path.name for path in paths]
            == files
            == sorted(path.name for path in into.iterdir() if path.name != MARKER)
        )


def test_what_else_lies_there_is_never_touched(pairs_file, tmp_path):
    into = exported(pairs_file, tmp_path, "messages")
    notes = into / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(UsageError, match=r"found notes\.txt, which is not of an earlier export"):
        exported(pairs_file, tmp_path, "messages")
    assert notes.read_text() == "mine"
    notes.unlink()
    with (into / "ift.jsonl").open("a") as file:
        file.write("edited\n")
    with pytest.raises(UsageError, match=r"found ift\.jsonl, which was changed"):
        exported(pairs_file, tmp_path, "messages")
    assert (into / "ift.jsonl").read_text().endswith("edited\n")


@pytest.mark.parametrize("marker", [None, "", "[]", '{"files": 7}', '{"files": {"other": 4}}', "\0", "[" * 100_000])
def test_a_folder_that_is_no_export_is_refused(pairs_file, tmp_path, marker):
    into = tmp_path / "mine"
    into.mkdir()
    (into / "data.txt").write_text("mine")
    if marker is not None:
        (into / MARKER).write_text(marker)
    with pytest.raises(UsageError, match=r"data\.txt"):
        export_pairs(pairs_file, MANIFEST, name="study", format="messages", into=into)
    assert (into / "data.txt").read_text() == "mine"


def test_a_file_in_the_place_is_refused(pairs_file, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="found a file"):
        export_pairs(pairs_file, MANIFEST, name="study", format="messages", into=tmp_path / "mine")


def test_an_export_that_fails_leaves_the_earlier_one(pairs_file, tmp_path, monkeypatch):
    into = exported(pairs_file, tmp_path, "messages")
    before = (into / "ift.jsonl").read_bytes()

    def full(self, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module._Lines, "add", full)
    with pytest.raises(StepError, match="cannot be written: No space left on device"):
        export_pairs(pairs_file, MANIFEST, name="study", format="messages", into=into)
    assert (into / "ift.jsonl").read_bytes() == before
    assert [path.name for path in into.parent.iterdir()] == ["messages"]


@pytest.mark.parametrize("content", [None, b"", b"PAR1 nonsense"])
def test_pairs_that_cannot_be_read_are_one_error_and_no_export(tmp_path, content):
    path = tmp_path / "pairs.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"pairs\.parquet: cannot be read"):
        export_pairs(path, MANIFEST, name="study", format="dataset", into=tmp_path / "out")
    assert not (tmp_path / "out").exists()


# a run

STUDY = """
schema_version: 1
name: tiny
prompts: {backend: procedural, tasks: [capital], per_task: 20}
teacher: {backend: symbolic}
"""


@pytest.fixture
def run(tmp_path):
    """A run folder before its pairs are there."""
    folder = RunFolder(tmp_path / "run")
    write_text(folder.study_file, STUDY)
    return folder


def test_a_run_is_exported_into_its_own_folder(run):
    study = read_pair_study(run.study_file)
    with run.writing("pairs", pairs_step(study)) as beside:
        summary = write_pairs(study, run, beside)
        write_json(beside / "manifest.json", {"schema_version": 1, "summary": summary.model_dump(mode="json")})
    paths = api.export(run.path, format="dataset")
    assert {path.relative_to(run.path / "export/dataset").parts[0] for path in paths} == {"README.md", "data"}
    _, body = card_of(run.path / "export/dataset")
    assert f"Model: {summary.teacher}" in body and f"{summary.pairs} pairs were kept of 20 prompts asked." in body
    (pairs,) = api.export(run.path, format="parquet", into=run.path / "elsewhere")
    assert pq.read_table(pairs).num_rows == summary.pairs


def test_a_run_without_pairs_says_how_to_make_them(run):
    with pytest.raises(UsageError, match="found no finished pairs") as caught:
        api.export(run.path, format="messages")
    assert "isothink generate" in caught.value.hint
