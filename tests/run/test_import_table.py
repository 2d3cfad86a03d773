"""Tables of other tools' answers: published systems, a finished study, what is wrong in files, interruptions."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isothink import api
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.hardware import decode_bytes
from isothink.compute.registry import lookup
from isothink.errors import UsageError
from isothink.run.imported import join
from isothink.store.lock import hold_lock
from isothink.store.run_folder import RunFolder

SOLUTIONS = Path(__file__).parents[2] / "../shared/data/gsm8k/example_model_solutions.jsonl"
published = pytest.mark.skipif(not SOLUTIONS.is_file(), reason="the published model solutions are not here")


def answers(count=20, **changes):
    """One cell's rows: every third answer right."""
    facts = {"student": "m", "arm": "ift", "seed": 0, "parameters": 1000, "training_flops": 1e15}
    row = {"benchmark": "b", "prompt_tokens": 8, "answer_tokens": 5, **facts, **changes}
    return [{"item": f"i{number}", "correct": number % 3 == 0, **row} for number in range(count)]


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(file, fieldnames=names)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def table(tmp_path):
    def make(rows, name="table.csv"):
        return write(tmp_path / name, rows)

    return make


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def imports(run):
    return sorted(path.name for path in (run / "imports").iterdir() if path.is_dir())


SYSTEMS = {
    ("6b", "ift"): ("6b_finetuning", 6e9, 1, 0.2168),
    ("6b", "verification"): ("6b_verification", 6e9, 100, 0.3904),
    ("175b", "ift"): ("175b_finetuning", 175e9, 1, 0.3472),
    ("175b", "verification"): ("175b_verification", 175e9, 100, 0.5625),
}


@pytest.fixture(scope="module")
def gsm8k(tmp_path_factory):
    """The four systems of Cobbe et al. 2021 as a table: their costs are 6ND over two epochs, and 2N per token of the
    100 solutions that a verifier of the same size reads."""
    folder = tmp_path_factory.mktemp("gsm8k")
    rows = []
    with SOLUTIONS.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            entry = json.loads(line)
            for (size, arm), (name, parameters, samples, _) in SYSTEMS.items():
                answer = entry[name]
                tokens = len(answer["solution"]) // 4
                training = 6 * parameters * 7473 * 250 * 2 * (1 if samples == 1 else 3)
                spent = 2 * parameters * samples * (100 + tokens) * (1 if samples == 1 else 2)
                facts = {"size": size, "method": arm, "parameters": parameters, "training_flops": training}
                rows.append(
                    {"item": number, "correct": answer["is_correct"], **facts, "inference_flops": spent}
                    | {"text": answer["solution"], "prompt": entry["question"]}
                )
    path = folder / "gsm8k.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = api.import_results(path, into=folder / "run", map={"student": "size", "arm": "method"})
    return folder / "run", result, rows


@published
def test_published_systems_have_their_published_accuracies(gsm8k):
    run, result, _ = gsm8k
    found = {(part.cell.student, part.cell.arm): part.accuracy for part in result.parts}
    assert {key: round(value, 4) for key, value in found.items()} == {key: SYSTEMS[key][3] for key in SYSTEMS}
    assert all(part.items == 1319 for part in result.parts)
    evidence = api.analyze(run)
    assert {item.source for item in evidence.configurations} == {"imported"}
    assert {(item.arm, item.arm_kind) for item in evidence.configurations} == {
        ("ift", "ift"),
        ("verification", "other"),
    }


@published
def test_paired_differences_of_published_systems_match_an_independent_calculation(gsm8k):
    run, _, rows = gsm8k
    right = {key: np.array([row["correct"] for row in rows if (row["size"], row["method"]) == key]) for key in SYSTEMS}
    evidence = api.analyze(run)
    at_budgets = [item for item in evidence.comparisons if item.axis == "training_flops"]
    compared = [item for item in at_budgets if item.kind == "same_student"]
    assert {item.student for item in compared} == {"6b", "175b"}
    scale = [item for item in at_budgets if item.kind == "best_student" and item.student == "6b"]
    assert ("6b", "175b") in {(item.student, item.baseline_student) for item in scale}  # method against scale
    for item in at_budgets:
        ours = right[item.student, item.arm].astype(float)
        theirs = right[item.baseline_student, item.baseline].astype(float)
        difference = ours - theirs
        error = difference.std(ddof=1) / np.sqrt(difference.size)
        alone = (
            sum(one.budget_flops <= item.budget_flops for one in evidence.configurations if one.arm == item.arm) == 1
        )
        if item.kind == "best_student" and not alone:
            continue  # the estimate is corrected for the choice among students
        assert item.difference == pytest.approx(difference.mean(), abs=1e-9)
        assert item.interval.low == pytest.approx(difference.mean() - 1.645 * error, abs=0.003)
        assert item.interval.high == pytest.approx(difference.mean() + 1.645 * error, abs=0.003)


@published
def test_published_systems_have_a_frontier_and_a_verdict_that_does_not_overstate(gsm8k):
    run, _, _ = gsm8k
    evidence = api.analyze(run)
    assert len(evidence.budgets_flops) == 4
    frontier = next(item for item in evidence.frontiers if item.axis == "inference_flops_per_query")
    cheapest = frontier.members[0]
    assert cheapest.configuration.startswith("6b-ift") and cheapest.on_frontier
    members = [item.configuration.rsplit("-", 1)[0] for item in frontier.members if item.on_frontier]
    assert members == ["6b-ift", "175b-ift", "6b-verification", "175b-verification"]
    top = api.verdict(run, family="gsm8k", queries=0)
    assert top.recommended.student == "175b" and top.recommended.arm == "verification"
    assert top.outcome == "unresolved"  # one training run each
    assert any("one seed everywhere" in text for text in top.caveats)
    assert any("are those of the file" in text for text in top.caveats)
    middle = api.verdict(run, family="gsm8k", budget=evidence.budgets_flops[2], queries=0)
    assert middle.recommended.arm == "verification" and middle.recommended.student == "6b"


def test_importing_twice_does_nothing_and_in_another_order_neither(table, run):
    rows = [*answers(), *answers(arm="reasoning")]
    first = api.import_results(table(rows), into=run)
    assert len(first.parts) == 2 and first.present == 0
    again = api.import_results(table(rows[::-1]), into=run)
    assert again.id is None and again.parts == () and again.present == 2
    grown = api.import_results(table([*rows, *answers(student="n")]), into=run)
    assert [part.cell.student for part in grown.parts] == ["n"] and grown.present == 2
    assert len(imports(run)) == 2


def test_other_answers_of_a_cell_that_is_there_are_refused(table, run):
    api.import_results(table(answers()), into=run)
    changed = [{**row, "correct": True} for row in answers()]
    with pytest.raises(UsageError, match="has answers to 'b' already") as caught:
        api.import_results(table(changed), into=run)
    assert "remove" in caught.value.hint
    assert len(imports(run)) == 1
    other = api.import_results(table(answers(benchmark="c")), into=run)  # more benchmarks of one cell are welcome
    assert len(other.parts) == 1
    [row] = api.sql(run, "SELECT count(DISTINCT cell) AS cells, count(*) AS answers FROM samples")
    assert row == {"cells": 1, "answers": 40}


WRONG = {
    "item is missing": (answers(item=""), "item: found ''"),
    "no arm": (answers(arm=""), "arm is missing"),
    "no training cost": (answers(training_flops=""), "training_flops is missing"),
    "percent": ([{**answers()[0], "correct": 73.5}], "correct: found '73.5', allowed are 0 to 1"),
    "below zero": ([{**answers()[0], "correct": -0.1}], "correct: found '-0.1'"),
    "infinite": ([{**answers()[0], "correct": "inf"}], "correct: found 'inf'"),
    "a word": ([{**answers()[0], "correct": "maybe"}], "correct: found 'maybe'"),
    "parameters": (answers(parameters=0), "parameters: found '0'"),
    "negative cost": (answers(training_flops=-1), "training_flops: found '-1'"),
    "not a number": (answers(training_flops="cheap"), "training_flops: found 'cheap'"),
    "half a token": (answers(answer_tokens=2.5), "answer_tokens: found '2.5'"),
    "stop reason": (answers(stop_reason="tired"), "stop_reason: found 'tired'"),
    "think state": (answers(think_state="deep"), "think_state: found 'deep'"),
    "unknown model": (answers(model="../config.json"), "model: found '../config.json'"),
    "twice": ([*answers(), *answers(1)], "item 'i0' of 'b' was answered by .* in .*row 2 already"),
    "two sizes": ([*answers(), *answers(benchmark="c", parameters=7)], "parameters of student 'm'"),
    "long name": (answers(student="x" * 300), "student: found"),
    "hidden signs": (answers(student="a\x1b[31m"), "student: found"),
    "no cost": (answers(answer_tokens=""), "neither inference_flops nor token counts nor text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_values_are_one_line_and_leave_nothing(table, run, case):
    rows, message = WRONG[case]
    with pytest.raises(UsageError, match=message) as caught:
        api.import_results(table(rows), into=run)
    assert "\n" not in caught.value.message and "\x1b" not in caught.value.message
    assert not run.exists() or imports(run) == []


def test_wrong_columns_are_named_with_those_that_are_there(table, run, tmp_path):
    path = table(answers())
    with pytest.raises(UsageError, match="no column 'model_name' for student, the table has 'item'"):
        api.import_results(path, into=run, map={"student": "model_name"})
    with pytest.raises(UsageError, match="found 'studnet'") as caught:
        api.import_results(path, into=run, map={"studnet": "student"})
    assert "student" in caught.value.hint
    with pytest.raises(UsageError, match="arm: found --map and --set"):
        api.import_results(path, into=run, map={"arm": "arm"}, set={"arm": "ift"})
    with pytest.raises(UsageError, match="no column score or correct"):
        api.import_results(write(tmp_path / "s.csv", [{"item": 1}]), into=run)
    rows = [{**{k: v for k, v in row.items() if k != "student"}, "model": "small"} for row in answers()]
    with pytest.raises(UsageError, match="no column student, the table has") as caught:
        api.import_results(write(tmp_path / "m.csv", rows), into=run)
    assert caught.value.hint.startswith("--map student=model ")
    assert caught.value.hint.endswith("; or --set student=VALUE")
    with pytest.raises(UsageError, match="no such file"):
        api.import_results(tmp_path / "nowhere.csv", into=run)
    note = api.import_results(write(tmp_path / "u.csv", answers(promt="x")), into=run).notes
    assert note == ("columns not read: 'promt'",)


def test_a_folder_of_other_files_is_refused(table, tmp_path):
    with pytest.raises(UsageError, match="neither a run nor imported results"):
        api.import_results(table(answers()), into=tmp_path)


def test_constants_and_mapped_columns(table, run):
    rows = [
        {"model": "big", "id": row["item"], "ok": row["correct"], "text": "x" * 40, "prompt": "y" * 8}
        for row in answers()
    ]
    told = {"arm": "mixed(.5)", "parameters": "7e9", "training_flops": "1e20", "seed": "3"}
    names = {"student": "model", "item": "id", "correct": "ok"}
    [part] = api.import_results(table(rows), into=run, map=names, set=told).parts
    assert (part.cell.student, part.cell.arm, part.cell.seed) == ("big", "mixed(0.5)", 3)
    assert part.benchmark == "table" and part.cell.arm_kind == "curriculum"
    [row] = api.sql(run, "SELECT DISTINCT prompt_tokens, answer_tokens, inference_flops FROM samples")
    assert row == {"prompt_tokens": 2, "answer_tokens": 10, "inference_flops": 2 * 7e9 * (2 + 10 - 1)}


def test_missing_scores_and_failures_are_data(table, run):
    rows = answers()
    rows[0]["correct"], rows[1]["correct"] = "", "nan"
    rows[2] |= {"stop_reason": "failed", "error": "timed out"}
    rows[3] |= {"stop_reason": "length"}  # right, but cut off
    rows = [{"stop_reason": "end", **row} for row in rows]
    result = api.import_results(table(rows), into=run)
    [part] = result.parts
    assert part.unscored == 3
    assert any("cut off but scored by their tool count as wrong" in text for text in result.caveats)
    evidence = api.analyze(run)
    [found] = evidence.configurations
    assert found.unscored == 3 and found.items == 20
    assert found.accuracy == pytest.approx(5 / 17)
    assert found.truncation_bounds.high == pytest.approx(6 / 17)


def test_costs_by_architecture_are_exact_under_every_convention(table, run):
    api.import_results(table(answers(model="Qwen/Qwen2.5-7B", parameters="")), into=run)
    seen = join(None, RunFolder(run)).observations
    shape = lookup("Qwen/Qwen2.5-7B")
    for name, values in seen.inference_flops.items():
        convention = CONVENTIONS[name]
        expected = convention.prefill_flops(shape, 8) + convention.decode_flops(shape, 8, 5)
        assert np.all(values == expected)
    assert set(seen.inference_flops) == set(CONVENTIONS)
    for batch in (1, 2, 7):
        moved = seen.serving["weight_bytes"] + batch * seen.serving["cache_bytes"]
        assert np.all(moved == decode_bytes(shape, 8, 5, batch_size=batch))
    assert seen.cells[0].parameters > 7e9


def test_flops_of_the_file_count_where_nothing_else_is_known(table, run):
    result = api.import_results(table(answers(answer_tokens="", prompt_tokens="", inference_flops=7e9)), into=run)
    assert any("are those of the file" in text for text in result.caveats)
    [found] = api.analyze(run).configurations
    assert found.inference_flops_per_query == pytest.approx(7e9)
    assert found.mean_answer_tokens is None and found.mean_prompt_tokens is None
    assert "n/a" in api.report(run).read_text(encoding="utf-8")


def test_models_taken_as_they_are_cost_no_training(table, run):
    rows = [*answers(training_flops=0), *answers(training_flops=0, arm="reasoning", answer_tokens=50)]
    api.import_results(table(rows), into=run)
    evidence = api.analyze(run)
    assert [item.training_flops for item in evidence.configurations] == [0.0, 0.0]
    assert len([item for item in evidence.comparisons if item.axis == "training_flops"]) == 2
    assert api.verdict(run, family="b", queries=10).recommended.training_flops == 0
    assert api.report(run).stat().st_size > 10_000


def test_costs_that_are_about_equal_are_one_level_and_seeds_are_pooled(table, run):
    costs = (1.00e20, 1.02e20, 1.04e20)
    rows = [row for seed, cost in enumerate(costs) for row in answers(seed=seed, training_flops=cost)]
    api.import_results(table([*rows, *answers(arm="reasoning", training_flops=2e20)]), into=run)
    evidence = api.analyze(run)
    assert [item.seeds for item in evidence.configurations] == [3, 1]
    assert evidence.budgets_flops == (1.00e20, 2e20)


def test_only_items_that_every_cell_answered_are_compared(table, run):
    rows = [*answers(20), *answers(12, arm="reasoning")]
    rows[0]["correct"] = ""  # unscored is answered
    api.import_results(table(rows), into=run)
    evidence = api.analyze(run)
    assert {item.items for item in evidence.configurations} == {12}
    assert any("b: 8 of 20 items were not answered by every cell" in text for text in evidence.caveats)
    assert {item.arm: item.unscored for item in evidence.configurations} == {"ift": 1, "reasoning": 0}


def test_cells_without_a_common_item_are_not_compared(table, run):
    other = [{**row, "item": f"other {row['item']}"} for row in answers(arm="reasoning")]
    api.import_results(table([*answers(), *other, *answers(benchmark="c")]), into=run)
    evidence = api.analyze(run)
    assert evidence.families == ("c",)
    assert any("b: no item was answered by every cell" in text for text in evidence.caveats)


def test_hostile_text_is_data(table, run):
    text = "<script>alert(1)</script>\x1b[31m\u202e</think>{{7*7}}"
    rows = answers(text=text, prompt=text, reference=text)
    rows = [{**row, "item": f"../../{row['item']}\u202e<b>"} for row in rows]
    names = {"student": "<img src=x>/../..", "arm": "'; DROP TABLE samples; --", "benchmark": "../../b"}
    api.import_results(table([{**row, **names} for row in rows]), into=run)
    api.analyze(run)
    page = api.report(run).read_text(encoding="utf-8")
    assert "<img src=x>" not in page and "\u202e" not in page
    assert sorted(path.name for path in run.parent.iterdir()) == ["run", "table.csv"]
    [row] = api.sql(run, "SELECT count(*) AS n, any_value(text) AS text FROM samples")
    assert row["n"] == 20 and row["text"] == text


def test_every_kind_of_file_gives_the_same_import(tmp_path):
    rows = answers(text="hello, world")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write(tmp_path / "b.csv", rows)
    found = {
        api.import_results(tmp_path / f"b.{kind}", into=tmp_path / f"run-{kind}").id
        for kind in ("parquet", "json", "jsonl", "csv")
    }
    assert len(found) == 1


KILLED = """
import os, signal, sys
from isothink import api
from isothink.run import importing

importing.{point} = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
api.import_results(sys.argv[1], into=sys.argv[2])
"""


@pytest.mark.parametrize("point", ["write_columns", "write_json"])
def test_an_import_that_is_killed_leaves_nothing_and_is_made_again(table, run, point):
    path = table([*answers(), *answers(student="n")])
    killed = [sys.executable, "-c", KILLED.replace("{point}", point), str(path), str(run)]
    assert subprocess.run(killed, check=False).returncode == -signal.SIGKILL
    assert len(list(run.glob("imports/.*.partial"))) == 1  # it was on its way
    with pytest.raises(UsageError, match="found no run there"):
        api.analyze(run)
    result = api.import_results(path, into=run)
    assert len(result.parts) == 2 and result.present == 0
    assert not list(run.glob("imports/.*.partial"))


@pytest.fixture
def study(finished, tmp_path):
    """A copy of a finished study's run, and the answers of one of its cells as a table."""
    copy = tmp_path / "study"
    shutil.copytree(finished[1], copy)
    rows = api.sql(copy, "SELECT * FROM samples JOIN cells USING (cell)")
    chosen = [row for row in rows if (row["student"], row["arm"], row["seed"]) == ("large", "ift", 0)]
    chosen = [row for row in chosen if row["budget_flops"] == 8e8]
    kept = ("benchmark", "family", "item", "score", "think_state", "stop_reason", "text", "prompt")
    numbers = ("prompt_tokens", "trace_tokens", "answer_tokens", "inference_flops", "training_flops", "parameters")
    return copy, [{name: row[name] for name in (*kept, *numbers)} for row in chosen]


def test_an_imported_cell_joins_a_finished_study(study, table):
    run, rows = study
    before = api.analyze(run)
    with hold_lock(run / "lock"):  # of a study that runs
        api.import_results(table(rows), into=run, set={"student": "other", "arm": "reasoning"})
    after = api.analyze(run)
    ours = {item.family: item for item in after.configurations if item.student == "other"}
    theirs = {
        item.family: item
        for item in after.configurations
        if (item.student, item.arm, item.budget_flops) == ("large", "ift", 8e8)
    }
    assert set(ours) == set(theirs) == set(before.families)
    scores = {name: np.mean([row["score"] for row in rows if row["family"] == name]) for name in ours}
    for family, item in ours.items():
        assert item.accuracy == pytest.approx(scores[family]) and item.budget_flops == 8e8
        assert item.items == theirs[family].items
    missing = [item for item in after.missing if "other" not in item.configuration]
    assert len(missing) == len(before.missing)
    kept = {(item.configuration, item.family): item.accuracy for item in before.configurations}
    trained = [item for item in after.configurations if item.source == "trained"]
    assert {(item.configuration, item.family): item.accuracy for item in trained} == kept
    candidates = [item for item in after.comparisons if item.arm == "reasoning" and item.kind == "best_student"]
    assert {item.budget_flops for item in candidates} == {4e8, 8e8}
    sources = {
        row["source"]: row["n"] for row in api.sql(run, "SELECT source, count(*) AS n FROM cells GROUP BY source")
    }
    assert sources == {"trained": 20, "imported": 1}
    assert "Imported results" in api.report(run).read_text(encoding="utf-8")


def test_items_that_a_study_does_not_have_are_left_out_or_refused(study, table):
    run, rows = study
    facts = {"student": "other", "arm": "reasoning"}
    renamed = [{**row, "item": f"x{row['item']}"} for row in rows]
    with pytest.raises(UsageError, match=r"none of the items of .* is one of the study's"):
        api.import_results(table(renamed), into=run, set=facts)
    one = rows[0]["benchmark"]
    part = [row for row in rows if row["benchmark"] == one]
    extra = [{**row, "item": f"x{row['item']}"} for row in part[:3]]
    api.import_results(table([*rows, *extra]), into=run, set=facts)
    evidence = api.analyze(run)
    assert any(f"3 of {len(part) + 3} answers to {one}" in text for text in evidence.caveats)
    assert any(item.student == "other" for item in evidence.configurations)


def test_a_benchmark_of_its_own_brings_no_missing_cells(study, table):
    run, _ = study
    missing = api.analyze(run).missing
    api.import_results(table(answers(benchmark="new")), into=run)
    evidence = api.analyze(run)
    assert evidence.missing == missing
    assert "new" in evidence.families
