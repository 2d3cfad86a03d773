"""The first study file: it loads and plans, explains itself, holds what it was told as data, and replaces nothing."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isothink import api
from isothink.errors import MissingDependencyError, UsageError
from isothink.run import backends
from isothink.run.starter import SCHEMA_FILE, starter_text
from isothink.run.starter_answers import TOGGLES, StarterAnswers
from isothink.run.study_schema import study_schema
from isothink.store.commented_yaml import commented_yaml, entry
from isothink.store.study_file import load_yaml, parse_study

PATH = Path("first.yaml")
TEACHER = {"kind": "teacher", "teacher_model": "Qwen/Qwen3-8B"}
ALL = {"toy": {"kind": "toy"}, "teacher": TEACHER, "pairs": {"kind": "pairs"}}


@pytest.mark.parametrize("kind", ALL)
def test_what_is_written_loads_plans_and_fits_its_schema(tmp_path, kind):
    path = tmp_path / "first.yaml"
    api.init(path, **ALL[kind])
    text = path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120
    assert list(jsonschema.Draft7Validator(study_schema()).iter_errors(load_yaml(text, "first.yaml"))) == []
    study = api.load_study(path)
    assert study.name == "first"
    changes = ["prompts.per_task=50"] if kind == "toy" else []
    if kind == "pairs":
        changes = ["lengths.sources={general: {prompts: 50000, prompt_tokens: 9, ift_tokens: 9, reasoning_tokens: 99}}"]
        changes += ["prompts.sets.1.source=general", "prompts.sets.0.source=general"]
    plan = api.plan(api.load_study(path, changes))
    assert plan.total_flops > 0
    assert [cell.reason for cell in plan.cells if not cell.feasible] == []
    assert set(study.seeds.arms) >= {"ift", "reasoning"} or study.seeds.default == 2


@pytest.mark.parametrize("rows", [700, 2000, 40000])
def test_files_of_many_sizes_make_a_study_whose_cells_are_all_feasible(tmp_path, rows):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"prompt {n}"}) + "\n" for n in range(rows)), encoding="utf-8")
    api.init(tmp_path / "first.yaml", **TEACHER, prompts=str(path), tasks=("capital",))
    plan = api.plan(api.load_study(tmp_path / "first.yaml"))
    assert [cell.reason for cell in plan.cells if not cell.feasible] == []


@pytest.mark.parametrize("kind", ALL)
def test_every_key_is_explained_in_a_phrase(kind):
    """Beside it or above it; but for fields of a config.json, and for names and columns."""
    text = starter_text(StarterAnswers(**ALL[kind]), PATH)
    lines = text.splitlines()
    plain = {"name", "model", "source", "rows", "general", "math", "Qwen2.5-0.5B", "Qwen2.5-1.5B", "gsm8k"}
    silent = []
    for before, line in zip(["", *lines], lines, strict=False):
        key = re.match(r"\s*(?:- )?([\w.-]+):", line)
        in_shape = line.startswith(" " * 6) and kind == "toy"
        if key and " # " not in line and not before.strip().startswith("#") and not in_shape:
            silent.append(key[1])
    assert set(silent) <= plain, silent


def test_a_first_run_without_the_extra_is_one_line_before_anything_starts(tmp_path, monkeypatch):
    """Its benchmarks are data sets of the Hub; everything else is there."""
    monkeypatch.chdir(tmp_path)
    api.init("first.yaml", **TEACHER)
    monkeypatch.setattr(backends, "find_spec", lambda name: None if name == "datasets" else object())
    for changes in ([], ["prompts.sets=[{kind: file, path: prompts.jsonl}]"]):
        (tmp_path / "prompts.jsonl").write_text('{"prompt": "one"}\n', encoding="utf-8")
        with pytest.raises(MissingDependencyError, match="needs datasets") as caught:
            api.run(api.load_study("first.yaml", changes))
        assert "isothink[generate]" in caught.value.hint and not (tmp_path / "runs").exists()


HOSTILE = ["'", '"', "a: b", "x # y", "- z", "{a: b}", "[", "&a", "*a", "!!python/object:os.system", "null", "1e3", "%"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers_are_data(text):
    answers = StarterAnswers(kind="teacher", teacher_model=text, prompt_column=text, reference_column=text)
    study = parse_study(load_yaml(starter_text(answers, PATH), "first"), name="first")
    assert study.teacher.model == text
    assert study.prompts.sets[0].rows.prompt == study.prompts.sets[0].rows.reference == text


@example({"?0": None}, "")
@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
    st.text(max_size=60),
)
def test_whatever_is_written_is_read_back(value, text):
    second = entry("second", (entry("inner", text, text),))
    written = commented_yaml([entry("first", value, text), second], heading=[text])
    assert load_yaml(written, "written") == {"first": value, "second": {"inner": text}}


@pytest.mark.parametrize("text", ["a\nb: c", "\u0085", "\x1b[31m", "\u2028"])
def test_what_no_study_file_may_hold_is_one_line(text, tmp_path):
    with pytest.raises(UsageError) as caught:
        api.init(tmp_path / "first.yaml", kind="teacher", teacher_model=text)
    assert caught.value.message.isprintable()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_stays_unless_it_is_told(tmp_path):
    path = tmp_path / "first.yaml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="already"):
        api.init(path)
    assert path.read_text(encoding="utf-8") == "mine"
    assert api.init(path, force=True).name == "first"
    with pytest.raises(UsageError, match="already"):
        api.init(path)


def test_the_schema_lies_beside_the_file_where_its_first_line_says(tmp_path):
    api.init(tmp_path / "first.yaml", with_schema=True)
    first = (tmp_path / "first.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert json.loads((tmp_path / SCHEMA_FILE).read_text(encoding="utf-8")) == study_schema()
    api.init(tmp_path / "second.yaml", with_schema=True)  # the same schema may be there
    (tmp_path / SCHEMA_FILE).write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="already"):
        api.init(tmp_path / "third.yaml", with_schema=True)
    assert not (tmp_path / "third.yaml").exists()


@pytest.mark.parametrize("toggle", TOGGLES)
def test_the_toggle_is_all_that_differs(toggle):
    study = parse_study(load_yaml(starter_text(StarterAnswers(**TEACHER, toggle=toggle), PATH), "x"), name="x")
    assert study.teacher.off != study.teacher.on
    assert study.teacher.off.sampling == study.teacher.on.sampling


def test_a_key_is_neither_written_nor_repeated(tmp_path):
    for key in ("sk-secret-123", "sk_secret_123"):
        with pytest.raises(UsageError) as caught:
            api.init(tmp_path / "first.yaml", **TEACHER, api_key_variable=key)
        assert "secret" not in caught.value.message + caught.value.hint
    study = api.init(tmp_path / "first.yaml", **TEACHER, api_key_variable="MY_KEY")
    assert study.teacher.api_key_variable == "MY_KEY"


def test_local_files_are_named_from_the_study_file_and_measured(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "studies").mkdir()
    rows = [{"prompt": "p" * 40, "ift": "i" * 80, "reasoning": "r" * 400}] * 3
    (tmp_path / "data" / "my pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    students = ("Qwen/Qwen2.5-0.5B", "a/b", "c/b")
    api.init("studies/mine.yaml", kind="pairs", pairs="data/my pairs.jsonl", students=students)
    known = ["students=[{name: b, model: Qwen/Qwen2.5-0.5B}]", "training.learning_rate={by: published}"]
    study = api.load_pair_study("studies/mine.yaml", known)
    assert study.prompts.sets[0].path == str(tmp_path / "studies" / ".." / "data" / "my pairs.jsonl")
    assert study.prompts.sets[0].source == "my-pairs"
    lengths = study.lengths.sources["my-pairs"]
    assert (lengths.prompts, lengths.prompt_tokens, lengths.ift_tokens, lengths.reasoning_tokens) == (3, 10, 20, 100)
    written = load_yaml((tmp_path / "studies" / "mine.yaml").read_text(encoding="utf-8"), "mine")
    assert [student["name"] for student in written["students"]] == ["Qwen2.5-0.5B", "b", "b-2"]
    assert set(written["training"]["learning_rate"]["rates"]) == {"Qwen2.5-0.5B", "b", "b-2"}


@pytest.mark.parametrize(
    ("answers", "names"),
    [
        ({"kind": "teacher"}, "--teacher-model"),
        ({"kind": "else"}, "--kind"),
        ({"pairs": "x"}, "--pairs"),
        ({**TEACHER, "toggle": "off"}, "--toggle"),
        ({**TEACHER, "base_url": "http://me:word@host/v1"}, "base_urls"),
        ({"kind": "pairs", "tasks": ("chess",)}, "chess"),
        ({"name": "a b"}, "name"),
    ],
)
def test_a_wrong_or_missing_answer_is_named(answers, names, tmp_path):
    with pytest.raises(UsageError) as caught:
        api.init(tmp_path / "first.yaml", **answers)
    assert names in caught.value.message
    assert not list(tmp_path.iterdir())
