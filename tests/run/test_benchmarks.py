"""Benchmarks of data in a study: found by name or file, carried by it, the same for every cell, judged rightly."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from isothink.benchmark.items import procedural_items
from isothink.benchmark.sample import Answered, score_generations
from isothink.domain.sample import Generation, Item
from isothink.errors import StepError, StudyError, UsageError
from isothink.run import benchmarks as benchmarks_module
from isothink.run.backends import Verification
from isothink.run.benchmarks import benchmark_facts, benchmark_items
from isothink.run.identity import corpus_step
from isothink.run.items import items_of, study_benchmark_facts, study_items, validation_items
from isothink.run.load import load_study_file
from isothink.run.prompt_sources import benchmark_index
from isothink.store.study_file import read_study, write_study

from .tiny import TINY, isothink

BENCHMARK = """
schema_version: 1
name: sums
family: sums-oe
rows: {kind: file, path: data/rows.jsonl}
prompt: "{question}"
reference: {column: answer}
answer_format: exact
"""
REAL = "tokenizer={backend: transformers, model: any/thing}"


def write_benchmark(folder, rows, text=BENCHMARK, name="sums.yaml"):
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def sums(count, start=0):
    return [{"question": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(start, start + count)]


@pytest.fixture
def study_file(tmp_path):
    """A study beside a folder `mine` with the benchmark `sums`."""
    write_benchmark(tmp_path / "mine", sums(30))
    path = tmp_path / "study.yml"
    path.write_text(TINY, encoding="utf-8")
    return path


def load(study_file, *overrides, tasks="[chain, mine/sums.yaml]"):
    return load_study_file(study_file, [f"evaluation.tasks={tasks}", REAL, *overrides])


def test_a_study_carries_its_benchmarks_from_when_it_is_read(study_file, tmp_path):
    study = load(study_file, tasks="[chain, mine/sums.yaml, gsm8k]")
    assert study.evaluation.tasks == ("chain", "sums", "gsm8k")
    carried, published = study.evaluation.benchmarks
    assert (carried.name, published.name, published.rows.kind) == ("sums", "gsm8k", "hub")
    assert carried.rows.path == str(tmp_path / "mine" / "data" / "rows.jsonl") and len(carried.rows.sha256) == 64
    stored = tmp_path / "elsewhere" / "kept.yaml"
    stored.parent.mkdir()
    stored.write_text(write_study(study), encoding="utf-8")
    shutil.rmtree(tmp_path / "mine")
    assert read_study(stored).evaluation == study.evaluation
    assert load_study_file(stored).evaluation == study.evaluation


def test_reading_a_study_opens_no_rows(study_file, monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr(benchmarks_module, "load_hub_set", refuse)
    monkeypatch.setattr(benchmarks_module, "read_rows", refuse)
    study = load(study_file, tasks="[mine/sums.yaml, gsm8k, mmlu-math]")
    assert [benchmark.items for benchmark in study.evaluation.benchmarks] == [None, 1319, 1064]
    assert corpus_step(study).startswith("corpus-")


@pytest.mark.parametrize(
    ("tasks", "message", "hint"),
    [
        ("[gsm8]", 'evaluation.tasks[0]: found "gsm8", allowed are capital, colour', "did you mean gsm8k?"),
        ("[chain, mine/sum.yaml]", 'evaluation.tasks[1]: found "mine/sum.yaml", but there is no such file', "mine/sum"),
        ("[mine/sums.yaml, mine/copy.yaml]", 'found a second benchmark named "sums"', ""),
        ("[mine/sums.yaml, ./mine/sums.yaml]", 'found "sums" a second time', ""),
        ("[mine/chain.yaml]", 'name: found "chain", which is a procedural task', ""),
        ("[mine/lost.yaml]", 'rows.path: found "data/none.jsonl", but there is no such file', "none.jsonl"),
        ("[mine/broken.yaml]", "mine/broken.yaml: reference: found nothing, this key is required", ""),
    ],
)
def test_a_task_that_cannot_be_meant_is_one_line(study_file, tasks, message, hint):
    folder = study_file.parent / "mine"
    for name, change in {
        "copy": ("", ""),
        "chain": ("name: sums", "name: chain"),
        "lost": ("rows.jsonl", "none.jsonl"),
        "broken": ("reference: {column: answer}", ""),
    }.items():
        (folder / f"{name}.yaml").write_text(BENCHMARK.replace(*change), encoding="utf-8")
    with pytest.raises(StudyError) as error:
        load(study_file, tasks=tasks)
    assert message in error.value.message and hint in error.value.hint


def test_a_benchmark_may_stand_in_the_study_itself(study_file):
    inline = "[{name: own, family: f, rows: {kind: file, path: mine/data/rows.jsonl}, prompt: '{question}',"
    inline += " reference: {column: answer}, answer_format: exact}]"
    study = load(study_file, f"evaluation.benchmarks={inline}", tasks="[own]")
    assert len(study_items(study)) == 8
    with pytest.raises(StudyError, match=r'benchmarks\[0\].name: found "own", which evaluation.tasks do not name'):
        load(study_file, f"evaluation.benchmarks={inline}", tasks="[chain]")


def test_items_are_chosen_by_the_seed_and_are_the_same_each_time(study_file):
    study = load(study_file)
    first = study_items(study)
    assert [item.benchmark for item in first] == ["chain"] * 8 + ["sums"] * 8
    benchmarks_module._chosen.cache_clear()
    assert study_items(study) == first
    other = study_items(load(study_file, "evaluation.seed=1"))
    assert {item.id for item in other[8:]} != {item.id for item in first[8:]}
    more = items_of(study, ["sums"], limit=1000, seed=0)
    assert len(more) == 30 and more[:8] == first[8:]


def test_validation_items_are_no_benchmark_items(study_file):
    asked = {item.prompt for item in study_items(load(study_file))}
    sweep = "training.learning_rate={by: sweep, grid: [1.0e-3, 2.0e-3], budget_share: 0.5, validation: {tasks: %s,"
    sweep += " items_per_task: %d}}"
    study = load(study_file, sweep % ("[mine/sums.yaml, chain]", 12))
    settings = study.training.learning_rate.validation
    assert settings.tasks == ("sums", "chain") and len(study.evaluation.benchmarks) == 1
    items = validation_items(study, settings)
    assert [item.benchmark for item in items] == ["sums"] * 12 + ["chain"] * 12
    assert not asked & {item.prompt for item in items} and validation_items(study, settings) == items
    all_left = load(study_file, sweep % ("[mine/sums.yaml]", 1000))
    assert len(validation_items(all_left, all_left.training.learning_rate.validation)) == 30 - 8
    none_left = load(study_file, sweep % ("[capital]", 5), "evaluation.items_per_task=64", tasks="[capital]")
    with pytest.raises(StudyError, match='found "capital", whose items are all asked'):
        validation_items(none_left, none_left.training.learning_rate.validation)


def test_contents_decide_the_identity_and_nothing_else_of_a_file(study_file, tmp_path):
    before = corpus_step(load(study_file))
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path / "mine", moved)
    (moved / "sums.yaml").write_text(f"{BENCHMARK}items: 7\nprompt_tokens: 9\nverified: false\n", encoding="utf-8")
    assert corpus_step(load(study_file, tasks="[chain, moved/sums.yaml]")) == before
    write_benchmark(moved, sums(29))
    changed = corpus_step(load(study_file, tasks="[chain, moved/sums.yaml]"))
    write_benchmark(moved, sums(30), f"{BENCHMARK}suffix: ' '\n")
    assert len({before, changed, corpus_step(load(study_file, tasks="[chain, moved/sums.yaml]"))}) == 3


def test_a_file_that_changed_after_the_study_was_read_is_noticed(study_file):
    study = load(study_file)
    write_benchmark(study_file.parent / "mine", sums(31))
    with pytest.raises(StepError, match="its contents are not those of sha256"):
        study_items(study)


def test_bad_rows_are_facts_of_the_benchmark(study_file):
    folder = study_file.parent / "mine"
    write_benchmark(folder, [*sums(5), *sums(2), {"question": "?", "answer": " "}], f"{BENCHMARK}items: 9\n")
    [facts] = study_benchmark_facts(load(study_file))
    assert (facts.rows, facts.usable, facts.chosen) == (8, 5, 5)
    assert facts.faults == {
        "duplicate_prompt": {"rows": 2, "first": "row 6: equal to an earlier prompt, up to white space"},
        "bad_reference": {"rows": 1, "first": "row 8: column 'answer' holds no reference"},
    }
    assert facts.findings == (
        "sums: found 5 usable items, its file says 9",
        "sums: 3 of 8 rows make no item, most of them through duplicate_prompt"
        " (row 6: equal to an earlier prompt, up to white space)",
    )


def test_a_folder_that_datasets_loads(study_file):
    pytest.importorskip("datasets", reason="the [generate] extra")
    folder = study_file.parent / "mine" / "set"
    folder.mkdir()
    (folder / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in sums(12)), encoding="utf-8")
    text = BENCHMARK.replace("{kind: file, path: data/rows.jsonl}", "{kind: hub, name: set, split: test}")
    (study_file.parent / "mine" / "sums.yaml").write_text(text, encoding="utf-8")
    study = load(study_file)
    [carried] = study.evaluation.benchmarks
    assert carried.rows.name == str(folder)
    facts = benchmark_facts(carried, limit=5, seed=0)
    assert (facts.rows, facts.chosen, facts.revision) == (12, 5, None)
    wrong = carried.model_copy(update={"prompt": "{questions}"})
    with pytest.raises(UsageError, match="its columns are question, answer") as error:
        benchmark_items(wrong, limit=5, seed=0)
    assert error.value.hint == "did you mean question?"


def test_prompts_that_share_words_with_an_item_are_found(study_file):
    folder = study_file.parent / "mine"
    long = "A farmer has nine hens and each of them lays two eggs on every day but Sunday, when they rest."
    write_benchmark(folder, [{"question": long, "answer": "108"}])
    study = load(study_file, "prompts={backend: data, sets: [{kind: file, path: mine/data/rows.jsonl}]}", TEACHER)
    index = benchmark_index(study)
    match = index.match(f"Listen. {long} How many eggs in nine weeks?")
    assert match is not None and match.item.startswith("sums ") and "nine hens" in match.text
    assert index.match("A farmer has eight cows.") is None


TEACHER = "teacher={backend: openai, base_urls: ['http://127.0.0.1:1/v1'], model: m, off: {model: m0}, on: {model: m1}}"


def test_words_that_the_toy_tokenizer_does_not_hold_are_refused(study_file):
    study = load_study_file(study_file, ["evaluation.tasks=[mine/sums.yaml]"])
    with pytest.raises(StudyError, match="does not hold 'What' of benchmark sums, allowed is transformers"):
        study_items(study)


def test_mathematics_in_items_is_judged_by_the_pool():
    pytest.importorskip("math_verify", reason="the [generate] extra")
    answers = [
        ("\\frac{1}{2}", "<think> \\boxed{3} </think> so \\boxed{3}, no, \\boxed{0.5}", True),
        ("\\frac{1}{2}", "\\boxed{\\frac{2}{4}}", True),
        ("\\frac{1}{2}", "\\boxed{\\frac{1}{3}}", False),
        ("x = 5", "\\boxed{5}", True),
        ("72", "\\boxed{72}", True),
        ("(1,2)", "\\boxed{(2,1)}", False),
    ]
    answered = [
        Answered(
            item=Item(
                id=str(n), benchmark="b", family="f", prompt="?", reference=gold, answer_format="math", cluster=str(n)
            ),
            repeat=0,
            generation=Generation(text=text, stop_reason="end", prompt_tokens=1, output_tokens=1, trace_tokens=0),
            inference_flops=1.0,
        )
        for n, (gold, text, _) in enumerate(answers)
    ]
    with Verification() as verification:
        rows = score_generations("c", answered, verify=verification.verify)
    assert [row.score for row in rows] == [right for _, _, right in answers]
    assert {row.error for row in rows} == {None}


def test_a_study_is_run_to_its_verdict_on_a_benchmark_of_data(tmp_path):
    pytest.importorskip("transformers", reason="training needs the [train] extra")
    items = procedural_items(["chain"], items_per_benchmark=12, seed=3)
    rows = [{"question": item.prompt, "answer": item.reference} for item in items]
    write_benchmark(tmp_path, [*rows, {"question": "", "answer": "1"}])
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    shrink = ["arms=[ift, reasoning]", "budgets.training_flops=[4.0e+8]", "seeds={default: 1}"]
    done = isothink("run", "tiny.yaml", "evaluation.tasks=[sums.yaml, chain]", *shrink, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    tables = [pq.read_table(path).to_pylist() for path in sorted(run.glob("samples/*/samples.parquet"))]
    answered = [[row["item"] for row in table] for table in tables]
    assert len(tables) == 4 and all(items == answered[0] for items in answered)
    mine = [row for row in tables[0] if row["benchmark"] == "sums"]
    assert len(mine) == 8 and {row["family"] for row in mine} == {"sums-oe"}
    assert {row["prompt"] for row in mine} <= {row["question"] for row in rows}
    evidence = json.loads((run / "evidence.json").read_text(encoding="utf-8"))
    assert any("sums: 1 of 13 rows make no item" in caveat for caveat in evidence["caveats"])
    [manifest] = [json.loads(path.read_text()) for path in run.glob("corpus/*/manifest.json")]
    assert manifest["benchmarks"][0]["chosen"] == 8
    verdict = isothink("verdict", "runs/tiny", "--family", "sums-oe", "--json", cwd=tmp_path)
    assert verdict.returncode == 0, verdict.stderr


def test_a_benchmark_for_judges_is_refused_without_a_jury(study_file, tmp_path):
    write_benchmark(tmp_path / "mine", sums(3), BENCHMARK.replace("exact", "jury"))
    with pytest.raises(
        StudyError, match=r"evaluation.jury: found none, and the answers of sums are for a jury"
    ) as error:
        load(study_file)
    assert "odd number of judges" in error.value.hint
    judge = "{model: m, base_urls: ['http://127.0.0.1:9/v1']}"
    assert load(study_file, f"evaluation.jury={{judges: [{judge}]}}").evaluation.jury is not None
