"""A real study on real workers: budgets met, nothing redone, the same numbers in every view of it."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from isothink import api
from isothink.backends.micro_batches import packed_passes
from isothink.compute.flops import decode_flops, prefill_flops
from isothink.corpus.order import prompt_order
from isothink.domain.numbers import scientific
from isothink.errors import UsageError
from isothink.run.load import default_folder
from isothink.run.segment_work import SegmentWork
from isothink.run.step import kind_of_step
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder

from .tiny import evidence_of, isothink, write_tiny


def test_every_planned_step_is_done_once(finished):
    _, run, result = finished
    plan = json.loads((run / "plan.json").read_text())
    planned = {segment["id"] for segment in plan["segments"]} | {cell["samples"] for cell in plan["cells"]}
    assert set(result["completed"]) >= planned
    assert len(result["completed"]) == len(set(result["completed"]))
    assert result["failed"] == [] and result["skipped"] == []
    assert all(cell["status"] == "complete" for cell in plan["cells"])
    assert all((run / "logs" / f"{step}.log").is_file() for step in planned)


def test_every_cell_stops_within_one_optimizer_step_below_its_budget(finished):
    _, run, _ = finished
    segments = {row["segment"]: row for row in api.sql(run, "SELECT * FROM segments")}
    cells = {cell["id"]: cell for cell in json.loads((run / "plan.json").read_text())["cells"]}
    rows = api.sql(run, "SELECT * FROM cells")
    assert len(rows) == 20
    for row in rows:
        path = cells[row["cell"]]["path"]
        achieved = sum(
            sum(pq.read_table(run / "segments" / step / "metrics.parquet")["flops"].to_pylist()) for step in path
        )
        assert row["training_flops"] == achieved == sum(segments[step]["flops"] for step in path)
        last_step = pq.read_table(run / "segments" / path[-1] / "metrics.parquet")["flops"].to_pylist()[-1]
        assert row["budget_flops"] - 2 * last_step < achieved <= row["budget_flops"]


def test_training_matches_the_plan_to_the_flop(finished):
    _, run, _ = finished
    rows = api.sql(run, "SELECT segment, flops, planned_flops FROM segments")
    assert rows and all(row["flops"] == row["planned_flops"] for row in rows)
    [total] = api.sql(run, "SELECT sum(flops) AS flops FROM ledger WHERE phase = 'training'")
    assert total["flops"] == json.loads((run / "plan.json").read_text())["total_flops"]


def test_arms_of_a_seed_read_one_prompt_order(finished):
    _, run, _ = finished
    plan = json.loads((run / "plan.json").read_text())
    for student in ("small", "large"):
        counts = {
            cell["arm"]: (cell["prompts"], cell["unique_prompts"])
            for cell in plan["cells"]
            if (cell["student"], cell["seed"], cell["budget_flops"]) == (student, 0, 8e8)
        }
        assert counts["ift"][0] > counts["sequential(0.5)"][0] > counts["reasoning"][0]
        assert all(unique <= prompts for prompts, unique in counts.values())


def test_what_students_read_is_their_arms_order_packed_or_not_whichever_worker_trained_them(finished):
    _, run, _ = finished
    workspace = Workspace(RunFolder(run))
    corpus, lengths = workspace.inputs.corpus, workspace.lengths
    segments = {segment.id: segment for segment in workspace.plan.segments}
    for cell in workspace.plan.cells:
        path = [segments[step] for step in cell.path]
        read, tokens, recorded = [], [], []
        for segment in path:
            steps = [SegmentWork(workspace, segment).step(index) for index in range(segment.steps)]
            passes = [packed_passes(step.examples, 300) for step in steps]
            read.extend(one for each in passes for packed in each for one in packed)
            tokens.extend(sum(len(one.prompt) + len(one.answer) for one in step.examples) for step in steps)
            recorded.extend(pq.read_table(run / "segments" / segment.id / "metrics.parquet")["tokens"].to_pylist())
        assert recorded == tokens
        order = prompt_order(lengths, seed=cell.seed, count=cell.prompts)
        boundary = max((segment.last for segment in path if segment.arm == "ift"), default=0)
        assert len(read) == cell.prompts
        for position, (pair, one) in enumerate(zip(order, read, strict=True)):
            answers = corpus.ift if position < boundary else corpus.reasoning
            assert np.array_equal(one.prompt, corpus.prompt[pair]) and np.array_equal(one.answer, answers[pair])


def test_every_cell_answers_the_same_items(finished):
    _, run, _ = finished
    rows = api.sql(run, "SELECT cell, item, prompt, inference_flops FROM samples")
    by_cell = {}
    for row in rows:
        by_cell.setdefault(row["cell"], {})[row["item"]] = row["prompt"]
    assert len(by_cell) == 20
    assert len({tuple(sorted(items.items())) for items in by_cell.values()}) == 1
    assert Counter(row["cell"] for row in rows).most_common(1)[0][1] == 24
    assert "<think>" not in " ".join(row["prompt"] for row in rows)


def test_samples_carry_their_exact_inference_flops(finished):
    _, run, _ = finished
    from isothink.run.open import open_run

    workspace = open_run(run)
    rows = api.sql(
        run,
        "SELECT student, prompt_tokens, trace_tokens + answer_tokens AS output, inference_flops"
        " FROM samples JOIN cells USING (cell) USING SAMPLE 50 ROWS (reservoir, 1)",
    )
    for row in rows:
        shape = workspace.architecture(row["student"])
        expected = prefill_flops(shape, row["prompt_tokens"]) + decode_flops(shape, row["prompt_tokens"], row["output"])
        assert row["inference_flops"] == expected


def test_a_second_run_does_nothing_and_changes_nothing(finished):
    here, run, _ = finished
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != "lock"}
    again = isothink("run", "tiny.yaml", "--json", cwd=here)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["completed"] == []
    after = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def test_optimizer_states_are_gone_once_no_child_needs_them(finished):
    _, run, _ = finished
    assert not list(run.rglob("optimizer.safetensors"))
    assert len(list(run.rglob("model.safetensors"))) == len(json.loads((run / "plan.json").read_text())["segments"])
    assert not [path for path in run.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]


def test_a_finished_student_is_an_ordinary_hugging_face_folder(finished):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, run, _ = finished
    cell = json.loads((run / "plan.json").read_text())["cells"][0]
    place = run / "segments" / cell["path"][-1]
    tokenizer, model = AutoTokenizer.from_pretrained(place), AutoModelForCausalLM.from_pretrained(place)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "sum 1 2 3 4 ?"}], return_tensors="pt", return_dict=True
    )
    answer = model.generate(**prompt, max_new_tokens=3, do_sample=False)
    assert answer.shape[1] > prompt["input_ids"].shape[1]
    assert model.config.vocab_size == len(tokenizer)


def test_every_finished_student_has_a_card_that_says_what_it_is_and_cost(finished):
    _, run, _ = finished
    plan = json.loads((run / "plan.json").read_text())
    for cell in plan["cells"]:
        segment = run / "segments" / cell["path"][-1]
        card = (segment / "README.md").read_text(encoding="utf-8")
        plain = card.replace("\\", "")
        assert card.startswith("---\nlibrary_name: transformers\n")
        assert f"| arm | {cell['arm']} |" in plain and f"| {cell['id']} | {cell['budget']} |" in plain
        assert all(f"| {step} |" in plain for step in cell["path"])
        assert f"| all but waste |  | {scientific(cell['flops'])} |" in plain
        assert next((run / "corpus").iterdir()).name in plain and '"reasoning_format"' in card
        assert str(run) not in card
    trunks = [segment["id"] for segment in plan["segments"] if segment["kind"] == "trunk"]
    assert not any((run / "segments" / trunk / "README.md").exists() for trunk in trunks)


def test_the_teacher_costs_nothing_and_says_so(finished):
    _, run, _ = finished
    [row] = api.sql(run, "SELECT sum(flops) AS flops, count(*) AS n FROM ledger WHERE phase = 'teacher'")
    assert row == {"flops": 0.0, "n": 1}
    assert any("teacher" in caveat for verdict in evidence_of(run)["verdicts"] for caveat in verdict["caveats"])
    assert "teacher" in (run / "report.html").read_text(encoding="utf-8")


def test_pairs_differ_in_the_answer_alone(finished):
    _, run, _ = finished
    rows = api.sql(run, "SELECT * FROM pairs")
    assert len({row["prompt"] for row in rows}) == len(rows) == 180
    for row in rows:
        assert row["ift_answer"] == row["reasoning_answer"]
        assert row["trace"] and "<think>" not in row["ift_answer"]


def test_evidence_report_and_command_line_tell_the_same_verdict(finished):
    here, run, _ = finished
    evidence = evidence_of(run)
    for verdict in evidence["verdicts"]:
        printed = isothink("verdict", str(run), "--family", verdict["family"], "--json", cwd=here)
        assert json.loads(printed.stdout) == verdict


def test_what_the_demonstration_asks_of_its_run_is_answered(finished):
    """Its whole run takes ten minutes; its query must not be what fails at the end of them."""
    path = Path(__file__).parents[2] / "scripts" / "demo_real.py"
    specification = importlib.util.spec_from_file_location("demo_real", path)
    demonstration = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(demonstration)
    rows = api.sql(finished[1], demonstration.ANSWERS)
    assert [row["arm"] for row in rows] == sorted(row["arm"] for row in rows) and len(rows) == 6
    assert all(0 <= row["right_answers"] <= row["answers"] for row in rows)


def test_sql_reads_the_run_and_nothing_else(finished):
    here, run, _ = finished
    outside = here / "secret.csv"
    outside.write_text("a\n1\n")
    for query in (f"SELECT * FROM read_csv('{outside}')", f"COPY cells TO '{here / 'out.csv'}'", "SELECT nonsense"):
        refused = isothink("sql", str(run), query, cwd=here)
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) <= 2
    assert not (here / "out.csv").exists()


def test_sql_answers_are_json_and_lose_no_column(finished):
    _, run, _ = finished
    [row] = api.sql(run, "SELECT 'nan'::DOUBLE AS x, '-inf'::FLOAT AS x, 1 AS x")
    assert list(row.values()) == [None, None, 1]
    [sums] = api.sql(run, "SELECT sum(tokens) AS tokens, sum(0.25) AS quarters, DATE '2026-01-02' AS day FROM segments")
    tokens = [row["tokens"] for row in api.sql(run, "SELECT tokens FROM segments")]
    assert sums == {"tokens": sum(tokens), "quarters": len(tokens) / 4, "day": "2026-01-02"}
    assert type(sums["tokens"]) is int
    assert {row["name"] for row in api.sql(run, "SHOW TABLES")} >= {"cells", "samples", "ledger", "prompt_order"}


def test_a_run_is_found_by_its_own_study_file_wherever_it_lies(finished, tmp_path):
    _, run, _ = finished
    moved = shutil.copytree(run, tmp_path / "moved here")
    assert api.report(moved / "study.yaml") == moved / "report.html"
    assert default_folder(api.load_study(moved / "study.yaml")).path == moved
    assert default_folder(api.load_study(moved, [f"output={tmp_path / 'other'}"])).path == tmp_path / "other"


def test_a_tilde_in_output_is_the_home_folder(finished, tmp_path, monkeypatch):
    here, _, _ = finished
    monkeypatch.setenv("HOME", str(tmp_path))
    text = (here / "tiny.yaml").read_text(encoding="utf-8")
    (tmp_path / "study.yml").write_text(f"{text}output: ~/from file\n", encoding="utf-8")
    assert default_folder(api.load_study(tmp_path / "study.yml")).path == tmp_path / "from file"
    assert default_folder(api.load_study(here / "tiny.yaml", ["output=~/given"])).path == tmp_path / "given"
    assert (
        default_folder(api.load_study(here / "tiny.yaml", ["output=~no-such-user/x"])).path
        == Path("~no-such-user/x").absolute()
    )


def test_a_plan_never_stands_beside_another_study(finished, tmp_path):
    here, run, _ = finished
    changed = shutil.copytree(run, tmp_path / "changed")
    done = isothink("generate", str(changed), "students.0.name=renamed", cwd=here)
    assert done.returncode == 0, done.stderr
    refused = isothink("report", str(changed), cwd=here)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: {changed} holds no plan\nhint: ")


def test_a_step_whose_parent_is_not_trained_says_so(finished, tmp_path):
    here, run, _ = finished
    bare = shutil.copytree(run, tmp_path / "bare")
    plan = json.loads((bare / "plan.json").read_text(encoding="utf-8"))
    shutil.rmtree(bare / "segments")
    cell = plan["cells"][0]
    shutil.rmtree(bare / "samples" / cell["samples"])
    for step, first in ((cell["path"][-1], cell["path"][-2]), (cell["samples"], cell["path"][-1])):
        refused = isothink("step", str(bare), step, cwd=here)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"error: {first} is not trained yet")


def test_plan_of_a_finished_run_is_measured_and_complete(finished):
    here, _, _ = finished
    plan = json.loads(isothink("plan", "tiny.yaml", "--json", cwd=here).stdout)
    assert plan["source"] == "measured"
    assert {segment["status"] for segment in plan["segments"]} == {"complete"}
    assert all(segment["seconds"] > 0 for segment in plan["segments"])


def test_plan_before_a_run_equals_the_plan_after_it(finished, tmp_path):
    here, run, _ = finished
    before = json.loads(isothink("plan", "tiny.yaml", "--json", f"output={tmp_path / 'none'}", cwd=here).stdout)
    after = json.loads((run / "plan.json").read_text())
    assert before["source"] == "pilot"
    assert [segment["id"] for segment in before["segments"]] == [segment["id"] for segment in after["segments"]]
    assert before["total_flops"] == after["total_flops"]
    assert not (tmp_path / "none").exists()


def test_a_finished_run_is_read_without_the_train_extra(finished, tmp_path):
    here, run, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    block = "import sys; sys.modules.update(dict.fromkeys(('torch', 'transformers', 'tokenizers', 'safetensors')));"
    read = "from isothink import api; api.analyze(sys.argv[1]); print(api.report(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{block} {read}", str(copy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert evidence_of(copy) == evidence_of(run)
    command = "from isothink.cli.main import main; sys.argv = ['isothink', 'run', 'tiny.yaml']; main()"
    refused = subprocess.run(
        [sys.executable, "-c", f"{block} {command}"], cwd=here, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        "error: running a study needs torch, which is not installed",
        "hint: pip install 'isothink[train]'",
    ]


def test_a_cell_trained_through_the_tree_equals_the_cell_trained_alone_bit_for_bit(finished, tmp_path):
    _, shared, _ = finished
    write_tiny(tmp_path)
    alone = ("arms=[sequential(0.5)]", "budgets.training_flops=[8.0e+8]", "seeds={default: 1}")
    done = isothink("train", "tiny.yaml", *alone, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    plans = [json.loads((folder / "plan.json").read_text()) for folder in (shared, run)]
    paths = [{cell["id"]: cell["path"] for cell in plan["cells"]} for plan in plans]
    assert set(paths[1]) < set(paths[0])
    for cell, path in paths[1].items():
        assert path[-1] == paths[0][cell][-1], "the identity depends on how the way is cut"
        assert len(path) < len(paths[0][cell]), "the shared tree cuts this path more often"
        weights = [(folder / "segments" / path[-1] / "model.safetensors").read_bytes() for folder in (shared, run)]
        assert weights[0] == weights[1]


def test_evidence_that_another_command_left_is_made_anew(finished, tmp_path):
    here, run, _ = finished
    left = shutil.copytree(run, tmp_path / "left")
    whole = evidence_of(left)
    for stale in (json.dumps({**whole, "state": "an earlier one", "verdicts": []}), "{"):
        (left / "evidence.json").write_text(stale, encoding="utf-8")
        done = isothink("run", str(left), "--json", cwd=here)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["completed"] == []
        assert evidence_of(left) == whole


def test_an_optimizer_state_that_a_kill_left_behind_is_removed(finished, tmp_path):
    here, run, _ = finished
    left = shutil.copytree(run, tmp_path / "left")
    plan = json.loads((left / "plan.json").read_text(encoding="utf-8"))
    parent = next(segment["parent"] for segment in plan["segments"] if segment["parent"])
    state = left / "segments" / parent / "optimizer.safetensors"
    state.write_bytes(b"state")
    done = isothink("run", str(left), "--json", cwd=here)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completed"] == []
    assert not state.exists()


def test_a_step_that_is_none_is_told_where_the_ids_stand(finished):
    workspace = Workspace(RunFolder(finished[1]))
    with pytest.raises(UsageError, match="found step 'nope'") as caught:
        kind_of_step(workspace, "nope")
    named = re.findall(r"(?:pairs|corpus)-[0-9a-f]+", caught.value.message)
    assert [kind_of_step(workspace, step) for step in named] == ["pairs", "corpus"]
    plan = json.loads(Path(caught.value.message.rpartition(" in ")[2]).read_text(encoding="utf-8"))
    ids = [plan["segments"][0]["id"], plan["cells"][0]["samples"]]
    assert [kind_of_step(workspace, step) for step in ids] == ["segments", "samples"]
