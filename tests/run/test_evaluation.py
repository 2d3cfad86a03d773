"""Evaluating one cell: answers are kept as they end, asked for once, drawn anew for repeats, exported for lm-eval."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from isothink.errors import StepError
from isothink.run.export import export_run
from isothink.run.observe import observe
from isothink.run.open import open_run
from isothink.run.step import execute_step
from isothink.store.run_folder import RunFolder

from .tiny import isothink, write_tiny

pytest.importorskip("transformers", reason="training needs the [train] extra")

ONE_STUDENT = (
    "arms=[ift, reasoning]",
    "seeds={default: 1}",
    "budgets.training_flops=[4.0e+8]",
    "evaluation.batch_size=4",
    "students=[{name: small, architecture: {model_type: qwen3, hidden_size: 16, num_hidden_layers: 1,"
    " intermediate_size: 32, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, tie_word_embeddings: true,"
    " max_position_embeddings: 64}}]",
)
DRAWN = "evaluation.sampling={temperature: 1.0, top_p: 1.0}"
KILLED_AFTER = """
import os, signal, sys
from pathlib import Path
from isothink.run.open import open_run
from isothink.run.step import execute_step
from isothink.store.journal import Journal

append, count = Journal.append, 0

def dying(self, *arguments, **named):
    global count
    append(self, *arguments, **named)
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

Journal.append = dying
execute_step(open_run(Path(sys.argv[1])), sys.argv[2])
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a trained study, none of whose cells has answered."""
    here = tmp_path_factory.mktemp("trained")
    write_tiny(here)
    done = isothink("train", "tiny.yaml", *ONE_STUDENT, cwd=here)
    assert done.returncode == 0, done.stderr
    return here


@pytest.fixture
def planned(trained, tmp_path):
    """Plans a copy of it with other settings: the workspace, and the step of the IFT cell's answers."""

    def plan(*overrides):
        if not (tmp_path / "tiny.yaml").exists():
            shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
        done = isothink("train", "tiny.yaml", *ONE_STUDENT, *overrides, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        workspace = open_run(tmp_path / "runs" / "tiny")
        return workspace, next(cell.samples for cell in workspace.plan.cells if cell.arm == "ift")

    return plan


@pytest.fixture
def asked(monkeypatch):
    """The keys that the backend is asked for, in the order of the calls."""
    from isothink.backends.transformers_answerer import TransformersAnswerer

    keys: list[str] = []
    answer_all = TransformersAnswerer.answer_all

    def noting(self, asks, settings, receive):
        keys.extend(ask.key for ask in asks)
        answer_all(self, asks, settings, receive)

    monkeypatch.setattr(TransformersAnswerer, "answer_all", noting)
    return keys


def rows_of(folder: RunFolder, step: str) -> list[dict]:
    return pq.read_table(folder.step_folder("samples", step) / "samples.parquet").to_pylist()


def without_time(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_kill_costs_what_was_in_flight_and_nothing_is_asked_twice(planned, asked):
    workspace, step = planned()
    execute_step(workspace, step)
    undisturbed = rows_of(workspace.folder, step)
    assert len(asked) == len(set(asked)) == len(undisturbed) == 24
    place = workspace.folder.step_folder("samples", step)
    shutil.rmtree(place)
    workspace.folder.attempts_file(step).unlink(missing_ok=True)  # on a slow machine it says what is thrown away here
    asked.clear()
    arguments = [str(workspace.folder.path), step, "9"]
    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER, *arguments], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not place.exists()
    execute_step(workspace, step)
    assert len(asked) == 24 - 9
    again = rows_of(workspace.folder, step)
    assert without_time(again) == without_time(undisturbed)
    ledger = json.loads((place / "manifest.json").read_text())["ledger"]
    assert ledger[0]["flops"] == pytest.approx(sum(row["inference_flops"] for row in undisturbed))
    wasted = [row["flops"] for row in ledger if row["phase"] == "waste"]
    assert all(flops <= ledger[0]["flops"] / 3 for flops in wasted), "answers that were kept are no waste"
    assert not list(workspace.folder.path.glob("answers/*")), "the samples hold the same"


def test_more_repeats_ask_for_those_alone(planned, asked):
    workspace, step = planned(DRAWN)
    execute_step(workspace, step)
    first = rows_of(workspace.folder, step)
    asked.clear()
    workspace, more = planned(DRAWN, "evaluation.repeats=3")
    assert more != step
    execute_step(workspace, more)
    assert sorted(key.rsplit("-", 1)[1] for key in asked) == ["1"] * 24 + ["2"] * 24
    rows = rows_of(workspace.folder, more)
    assert [row["repeat"] for row in rows] == [0] * 24 + [1] * 24 + [2] * 24
    assert without_time(rows[:24]) == without_time(first)
    assert [row["text"] for row in rows[24:48]] != [row["text"] for row in rows[:24]]


def test_draws_follow_from_the_seed_alone(planned):
    workspace, step = planned(DRAWN)
    execute_step(workspace, step)
    first = [row["text"] for row in rows_of(workspace.folder, step)]
    shutil.rmtree(workspace.folder.step_folder("samples", step))
    workspace, again = planned(DRAWN, "evaluation.batch_size=7")
    assert again == step, "how many answers are written at a time is no part of the identity"
    execute_step(workspace, step)
    assert [row["text"] for row in rows_of(workspace.folder, step)] == first
    other_seed = planned(DRAWN, "evaluation.seed=5")[1]
    greedy = planned()[1]
    assert len({step, other_seed, greedy}) == 3


def test_an_arm_that_is_asked_differently_is_a_confound(planned):
    own = "evaluation.arms={reasoning: {max_new_tokens: 20, sampling: {temperature: 0.6}}}"
    workspace, step = planned(own)
    assert planned()[1] == step, "of the other arm nothing changes"
    told = " ".join(note for note in workspace.plan.notes if "confound" in note)
    assert "reasoning answers with at most 20 new tokens, other arms with 12: a confound." in told
    assert "reasoning draws its answers by temperature 0.6, top_p 0.95, other arms by greedy: a confound." in told
    assert planned("evaluation.arms={reasoning: {max_new_tokens: 12}}")[0].study.evaluation.departures == ()


def test_families_of_the_study_s_own_train_and_ask_nothing_anew(planned, asked):
    before, step = planned()
    execute_step(before, step)
    asked.clear()
    workspace, other = planned("evaluation.families={mine: [capital, chain]}")
    assert other != step and [one.id for one in workspace.plan.segments] == [one.id for one in before.plan.segments]
    execute_step(workspace, other)
    assert asked == []
    families = {row["benchmark"]: row["family"] for row in rows_of(workspace.folder, other)}
    assert families == {"capital": "mine", "chain": "mine", "largest": "lookup-mc"}


def test_a_family_of_tasks_that_nobody_answers_is_refused(tmp_path):
    write_tiny(tmp_path)
    for families, problem in [
        (
            "{mine: [parity]}",
            'evaluation.families.mine[0]: found "parity", allowed are those of evaluation.tasks: capital',
        ),
        ("{mine: [chain], yours: [chain]}", 'evaluation.families.yours[0]: found "chain", which is in family mine'),
    ]:
        refused = isothink("plan", "tiny.yaml", f"evaluation.families={families}", cwd=tmp_path)
        assert refused.returncode == 2 and problem in refused.stderr


def test_samples_are_exported_as_lm_eval_writes_them(planned, tmp_path):
    workspace, step = planned(DRAWN, "evaluation.repeats=2")
    execute_step(workspace, step)
    into = tmp_path / "exported"
    files = export_run(workspace, format="lm-eval", into=into)
    cell = next(cell.id for cell in workspace.plan.cells if cell.samples == step)
    results = json.loads(next(path for path in files if path.name.startswith("results_")).read_text())
    assert results["model_name"] == cell and {path.parent.name for path in files} == {cell}
    rows = rows_of(workspace.folder, step)
    for task in ("capital", "chain", "largest"):
        expected = [row["score"] for row in rows if row["benchmark"] == task]
        assert results["results"][task]["exact_match,none"] == pytest.approx(sum(expected) / len(expected))
        path = next(path for path in files if path.name.startswith(f"samples_{task}_"))
        loaded = load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"), split="train")
        assert len(loaded) == 8
        one = loaded[0]
        assert one["arguments"]["gen_args_0"]["arg_0"] == one["doc"]["prompt"]
        assert len(one["resps"][0]) == 2 and one["target"] == one["doc"]["reference"]
        assert one["isothink"][0]["think_state"] in {"none", "closed", "orphan_close", "unclosed"}


@pytest.fixture
def failing(monkeypatch, asked):
    """Keys whose requests fail, as those of served students do; changed by a test."""
    from isothink.backends.transformers_answerer import TransformersAnswerer

    keys: set[str] = set()
    answer_all = TransformersAnswerer.answer_all

    def faulty(self, asks, settings, receive):
        def hear(key, answer):
            lost = {"text": "", "stop_reason": "failed", "output_tokens": 0, "trace_tokens": 0, "error": "no reply"}
            receive(key, answer.model_copy(update=lost) if key in keys else answer)

        answer_all(self, asks, settings, hear)

    monkeypatch.setattr(TransformersAnswerer, "answer_all", faulty)
    return keys


def test_answers_that_could_not_be_had_have_no_cost_and_are_asked_for_by_another_evaluation(planned, asked, failing):
    workspace, step = planned()
    items = [item.id for item in workspace.inputs.items]
    failing.update(f"{item}-0" for item in items[:3])
    execute_step(workspace, step)
    rows = rows_of(workspace.folder, step)
    lost = [row for row in rows if row["stop_reason"] == "failed"]
    assert [row["item"] for row in lost] == items[:3]
    assert {(row["score"], row["inference_flops"], row["error"]) for row in lost} == {(None, None, "no reply")}
    had = [row for row in rows if row["stop_reason"] != "failed"]
    (row,) = workspace.folder.manifest("samples", step)["ledger"]
    assert row["flops"] == sum(row["inference_flops"] for row in had)
    assert row["tokens"] == sum(row["prompt_tokens"] + row["trace_tokens"] + row["answer_tokens"] for row in had)
    failing.clear()
    asked.clear()
    workspace, more = planned("evaluation.items_per_task=9")
    execute_step(workspace, more)
    new = {item.id for item in workspace.inputs.items} - set(items)
    assert sorted(asked) == sorted(f"{item}-0" for item in (*new, *items[:3]))
    assert all(row["error"] is None for row in rows_of(workspace.folder, more))


def test_a_server_that_was_repaired_is_asked_again(planned, asked, failing):
    workspace, step = planned()
    failing.update(f"{item.id}-0" for item in workspace.inputs.items)
    with pytest.raises(StepError, match="none of 24 answers could be had: no reply"):
        execute_step(workspace, step)
    failing.clear()
    execute_step(workspace, step)
    assert len(asked) == 2 * 24
    assert all(row["error"] is None for row in rows_of(workspace.folder, step))


def test_shares_of_repeats_are_of_the_answers_whose_accuracy_they_bound(planned):
    workspace, step = planned(DRAWN, "evaluation.repeats=2")
    execute_step(workspace, step)
    place = workspace.folder.step_folder("samples", step) / "samples.parquet"
    table = pq.read_table(place)
    rows, first = table.to_pylist(), workspace.inputs.items[0].id
    cut, unknown = (next(row for row in rows if (row["item"], row["repeat"]) == (first, number)) for number in (0, 1))
    cut.update(stop_reason="length", score=0.0)
    unknown.update(stop_reason="end", score=None, error="its scorer failed")
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), place)
    found, _ = observe(workspace)
    assert (found.correct[0, 0], found.truncated[0, 0]) == (0, 1), (
        "had the cap been larger, all that is known were right"
    )
    assert found.count_unscored(np.arange(1), np.arange(24)) == (1, 48)
