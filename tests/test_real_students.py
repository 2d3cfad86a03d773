"""The study of `make demo-real` and what ships with it: rows, items, a benchmark file, the page that shows them."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from isothink.benchmark.reading import read_items
from isothink.domain.benchmark_settings import Benchmark
from isothink.run.items import study_items
from isothink.run.load import load_pair_study_file, load_study_file
from isothink.run.prompt_sources import PromptSource, benchmark_index
from isothink.scoring.verification import Check, verify
from isothink.store.rows import Row, read_rows
from isothink.store.study_file import parse_benchmark, read_benchmark

from .backends.chat_server import ChatServer
from .run.tiny import isothink
from .small_student_folder import build_student, write_shape

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "studies" / "gsm8k-students.yaml"
FOLDER = ROOT / "studies" / "gsm8k"
TEST_SPLIT = ROOT / "../shared/data/gsm8k/test.jsonl"
LOCAL = sorted(path for path in (ROOT / "studies").glob("*/*.yaml"))


class NoMathematics:
    def check(self, pairs):
        raise AssertionError(f"nothing here needs algebra: {pairs}")


def rows(name):
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def study(tmp_path):
    """The study with a folder of a student that has no weights, which reading it does not need."""
    return load_study_file(STUDY, [f"students.0.model={write_shape(tmp_path / 'student')}"])


def local_items(path):
    benchmark = read_benchmark(path)
    assert isinstance(benchmark, Benchmark) and benchmark.rows.kind == "file"
    found = read_items(read_rows(path.parent / benchmark.rows.path), benchmark, place=str(path))
    assert not found.faults and len(found.items) == found.rows == benchmark.items
    return found.items


@pytest.mark.parametrize("path", LOCAL, ids=lambda path: path.stem)
def test_gold_answers_score_and_wrong_ones_do_not(path):
    items = local_items(path)
    boxed = [
        Check(answer=f"It is \\boxed{{{i.reference}}}.", reference=i.reference, answer_format="math") for i in items
    ]
    wrong = [Check(answer=f"\\boxed{{{i.reference}1}}", reference=i.reference, answer_format="math") for i in items]
    assert {result.correct for result in verify(boxed, NoMathematics())} == {True}
    assert {result.correct for result in verify(wrong, NoMathematics())} == {False}


def test_items_are_no_prompts_and_the_prompts_are_those_of_the_pair_study():
    prompts = {row["question"] for row in rows("prompts.jsonl")}
    assert [row["question"] for row in rows("few.jsonl")] == [row["question"] for row in rows("prompts.jsonl")][:48]
    assert not prompts & {row["question"] for row in rows("test.jsonl")}
    assert "MIT License" in (FOLDER / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.skipif(not TEST_SPLIT.is_file(), reason="GSM8K's own test split is not here")
def test_the_rows_are_of_the_test_split():
    published = [json.loads(line) for line in TEST_SPLIT.read_text(encoding="utf-8").splitlines()]
    assert rows("test.jsonl") == published[:24]


def test_no_prompt_of_the_study_is_contaminated_and_an_item_would_be(study):
    index = benchmark_index(study)
    texts = [row.text for row in PromptSource(study).rows()]
    assert len(texts) == 48 and not [text for text in texts if index.match(text)]
    items = study_items(study)
    assert len(items) == 16 and all(index.match(item.prompt) for item in items)


def test_replies_of_the_pair_study_are_used_again(study):
    pairs = load_pair_study_file(ROOT / "studies" / "gsm8k.yaml")
    assert study.teacher.model_copy(update={"base_urls": ()}) == pairs.teacher.model_copy(update={"base_urls": ()})
    assert Path(study.output).resolve() == (ROOT / "runs" / pairs.name).resolve()
    mine, theirs = study.prompts.sets[0], pairs.prompts.sets[0]
    assert (mine.suffix, mine.rows, mine.answer_format) == (theirs.suffix, theirs.rows, theirs.answer_format)
    assert {row.prompt.text for row in PromptSource(study).rows()} < {
        row.prompt.text for row in PromptSource(pairs).rows()
    }


def test_students_are_trained_and_asked_with_the_same_words(study):
    suffix = study.prompts.sets[0].suffix
    assert suffix and all(item.prompt.endswith(suffix) for item in study_items(study))


def test_the_study_is_run_with_a_tiny_student(tmp_path):
    pytest.importorskip("transformers", reason="training needs the [train] extra")
    texts = [row["question"] for row in rows("few.jsonl")]
    student = build_student(tmp_path / "student", texts)
    shrink = ["evaluation.max_new_tokens=8", "training.warmup_steps=1", "budgets.fractions=[1]", "resources.threads=1"]
    with ChatServer() as server:
        where = [f"students.0.model={student}", f"teacher.base_urls=[{server.url}]", f"output={tmp_path}/run"]
        done = isothink("run", str(STUDY), *where, *shrink, "--json", cwd=tmp_path)
        asked = len(server.requests)
    assert done.returncode == 0, done.stderr
    assert asked >= 2 * 48
    samples = [pq.read_table(path).to_pylist() for path in (tmp_path / "run").glob("samples/*/samples.parquet")]
    assert len(samples) == 2 and len({tuple(row["item"] for row in cell) for cell in samples}) == 1
    assert {(row["benchmark"], row["scorer"]) for cell in samples for row in cell} == {("gsm8k-test", "math")}
    assert all(row["score"] is not None for cell in samples for row in cell)
    evidence = json.loads((tmp_path / "run" / "evidence.json").read_text(encoding="utf-8"))
    assert not evidence["missing"] and (tmp_path / "run" / "report.html").is_file()


def test_the_page_shows_what_the_files_say():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "studies").rglob("*.yaml")]
    assert len(blocks) == 2
    assert all(any(block in text for text in files) for block in blocks)


def test_the_example_of_the_page_is_a_benchmark():
    page = (ROOT / "docs" / "benchmark-files.md").read_text(encoding="utf-8")
    [block] = [part for part in re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S) if "answer_format" in part]
    example = parse_benchmark(block, name="the page")
    row = {"question": "Which?", "subject": "physics", "choices": ["a", "b"], "gold": 1, "passage": "p"}
    [item] = read_items([Row(1, row)], example, place="here").items
    assert item.prompt.startswith("Which?\n\nA. a\nB. b\nPut the letter") and item.reference == "B"
