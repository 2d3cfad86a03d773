"""Interruptions of every kind: kills, a full disk, a second scheduler, a changed study, a diverging training run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from isothink import api

from .tiny import evidence_of, isothink, write_tiny

pytest.importorskip("transformers", reason="training needs the [train] extra")

SMALLER = ("arms=[ift,reasoning]", "seeds={default: 1}", "students.1.name=big")
SMALLEST = (*SMALLER, "budgets.training_flops=[4.0e+8]")


def start(*arguments, cwd, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "isothink.cli.main", *arguments],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,
    )


def finish(cwd, *overrides, command="run"):
    """What a command says that does all of a stage; those before `run` leave out its seconds of analysis and report."""
    done = isothink(command, "tiny.yaml", "--json", *overrides, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def samples_of(path):
    """A table of samples without what the clock says."""
    return pq.read_table(path).drop_columns(["seconds"])


@pytest.fixture(scope="module")
def smaller(tmp_path_factory):
    """A folder with a finished run of the smaller study, for tests to go on from a copy of it."""
    here = tmp_path_factory.mktemp("smaller")
    write_tiny(here)
    return here, finish(here, *SMALLER)


@pytest.fixture
def ended(smaller, tmp_path):
    """Such a copy: its folder, and what the command said."""
    here, said = smaller
    shutil.copytree(here, tmp_path, dirs_exist_ok=True)
    return tmp_path, said


def workers_of(run):
    """Pids of the worker processes on a run folder, from the process table (their parent may be dead)."""
    listing = subprocess.run(["ps", "-eww", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listing.splitlines() if "isothink.run.worker" in line and str(run) in line]


def test_killed_again_and_again_the_study_ends_as_if_undisturbed(smaller, tmp_path):
    undisturbed, disturbed = smaller[0], tmp_path / "disturbed"
    disturbed.mkdir()
    write_tiny(disturbed)
    chance = random.Random(11)
    kept: set[str] = set()
    for _ in range(4):
        process = start("run", "tiny.yaml", *SMALLER, "resources.processes=2", cwd=disturbed)
        time.sleep(chance.uniform(2.0, 7.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        manifests = (disturbed / "runs").rglob("manifest.json")
        there = {str(path.parent) for path in manifests if not path.parent.name.endswith(".partial")}
        assert kept <= there, "finished work is lost"
        kept = there
    last = finish(disturbed, *SMALLER)
    assert not workers_of(disturbed / "runs" / "tiny")
    first, second = (place / "runs" / "tiny" for place in (undisturbed, disturbed))
    assert evidence_of(first) == evidence_of(second)
    for samples in first.glob("samples/*/samples.parquet"):
        assert samples_of(samples).equals(samples_of(second / samples.relative_to(first)))
    assert not list(second.rglob("*.partial"))
    assert not set(last["completed"]) & {path.rsplit("/", 1)[1] for path in kept}, "finished work is done again"
    training = "SELECT sum(flops) AS flops FROM ledger WHERE phase = 'training'"
    assert api.sql(first, training) == api.sql(second, training)


def test_what_a_kill_loses_is_in_the_ledger_as_waste(tmp_path):
    write_tiny(tmp_path)
    one = "students=[{name: only, architecture: {model_type: qwen3, hidden_size: 32, num_hidden_layers: 2,"
    one += " intermediate_size: 96, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 16,"
    one += " tie_word_embeddings: true, max_position_embeddings: 64}}]"
    overrides = (*SMALLER[:2], "budgets.training_flops=[3.0e+9]", one)
    process = start("train", "tiny.yaml", *overrides, cwd=tmp_path)
    run = tmp_path / "runs" / "tiny"
    deadline = time.monotonic() + 120
    while not list(run.glob("logs/*.attempts.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finish(tmp_path, *overrides, command="train")
    waste = api.sql(run, "SELECT step, flops FROM ledger WHERE phase = 'waste'")
    planned = {row["segment"]: row["flops"] for row in api.sql(run, "SELECT segment, flops FROM segments")}
    assert waste
    assert all(0 < row["flops"] <= planned[row["step"]] for row in waste)


def test_a_killed_worker_fails_its_step_and_the_next_run_heals(tmp_path):
    write_tiny(tmp_path)
    run = tmp_path / "runs" / "tiny"
    process = start("run", "tiny.yaml", *SMALLEST, "resources.processes=2", cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not list(run.glob("segments/*/manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(workers_of(run)[0], signal.SIGKILL)
    assert process.wait(300) == 1
    failed = [json.loads(path.read_text()) for path in (run / "failures").glob("*.json")]
    assert failed and any("signal 9" in record["error"] for record in failed)
    assert evidence_of(run)["missing"]
    finish(tmp_path, *SMALLEST)
    assert evidence_of(run)["missing"] == []
    assert not list((run / "failures").glob("*.json"))


def test_two_schedulers_at_once_the_second_is_refused(tmp_path):
    write_tiny(tmp_path)
    first = start("train", "tiny.yaml", *SMALLEST, cwd=tmp_path)
    lock = tmp_path / "runs" / "tiny" / "lock"
    deadline = time.monotonic() + 60
    while not (lock.is_file() and lock.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    second = isothink("train", "tiny.yaml", *SMALLEST, cwd=tmp_path)
    assert second.returncode == 1
    assert str(first.pid) in second.stderr and "host" in second.stderr
    assert first.wait(300) == 0


def test_a_full_disk_loses_nothing_and_says_so_in_one_line(tmp_path):
    write_tiny(tmp_path)
    limited = subprocess.run(
        [
            "bash",
            "-c",
            f"ulimit -f 8; exec {sys.executable} -m isothink.cli.main run tiny.yaml {' '.join(map(repr, SMALLER))}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert limited.returncode == 1
    assert "Traceback" not in limited.stderr
    assert not list((tmp_path / "runs").rglob("*.partial"))
    for manifest in (tmp_path / "runs").rglob("manifest.json"):
        json.loads(manifest.read_text())
    finish(tmp_path, *SMALLER, command="evaluate")


def test_a_diverging_student_fails_alone(tmp_path):
    write_tiny(tmp_path)
    rates = "training.learning_rate={by: table, rates: {small: {ift: 3.0e-3, reasoning: 3.0e-3},"
    rates += " big: {ift: 3.0e-3, reasoning: 1000}}}"
    decay = "training.optimizer.weight_decay=100"  # times a rate of 1,000: weights grow a hundred thousandfold a step
    done = isothink("run", "tiny.yaml", "--json", *SMALLER, rates, decay, cwd=tmp_path)
    assert done.returncode == 1
    failed = json.loads(done.stdout)["failed"]
    assert {failure["id"] for failure in failed} == {"big-reasoning-4e8-seed0", "big-reasoning-8e8-seed0"}
    assert all("loss" in failure["error"] for failure in failed)
    run = tmp_path / "runs" / "tiny"
    statuses = {row["cell"]: row["status"] for row in api.sql(run, "SELECT cell, status FROM cells")}
    assert sorted(statuses.values()) == ["complete"] * 6 + ["failed"] * 2
    assert {cell["cell"] for cell in evidence_of(run)["missing"]} == {failure["id"] for failure in failed}
    assert "big-reasoning-4e8-seed0" in (run / "report.html").read_text(encoding="utf-8")


def test_a_changed_study_redoes_only_what_the_change_touches(ended):
    tmp_path, first = ended
    segments = {step for step in first["completed"] if "trunk" in step or "decay" in step}
    shorter = finish(tmp_path, *SMALLER, "evaluation.max_new_tokens=6", command="evaluate")
    assert not [step for step in shorter["completed"] if "trunk" in step or "decay" in step]
    assert len([step for step in shorter["completed"] if "seed" in step]) == 8
    faster = finish(tmp_path, *SMALLER, "resources.processes=2", command="evaluate")
    assert faster["completed"] == []
    other_rate = "training.learning_rate={by: table, rates: {small: {ift: 3.0e-3, reasoning: 1.0e-3},"
    other_rate += " big: {ift: 3.0e-3, reasoning: 1.0e-3}}}"
    plan = json.loads(isothink("plan", "tiny.yaml", "--json", *SMALLER, other_rate, cwd=tmp_path).stdout)
    by_arm = {segment["arm"]: set() for segment in plan["segments"]}
    for segment in plan["segments"]:
        by_arm[segment["arm"]].add(segment["status"])
    assert by_arm["reasoning"] == {"waiting"}
    assert segments


def test_a_new_arm_trains_its_own_segments_and_keeps_the_rest(ended):
    tmp_path, _ = ended
    more = finish(tmp_path, "arms=[ift,reasoning,sequential(0.5)]", *SMALLER[1:], command="evaluate")
    cells = [step for step in more["completed"] if "sequential" in step]
    assert len(cells) == 4
    assert not [step for step in more["completed"] if step.split("-")[1] == "reasoning" and "8e8-seed" in step]


def test_a_step_can_be_executed_from_the_run_folder_alone(ended):
    tmp_path, _ = ended
    run = tmp_path / "runs" / "tiny"
    (tmp_path / "tiny.yaml").unlink()
    samples = sorted(run.glob("samples/*"))[0]
    before = samples_of(samples / "samples.parquet")
    for path in samples.iterdir():
        path.unlink()
    samples.rmdir()
    done = isothink("step", str(run), samples.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert samples_of(samples / "samples.parquet").equals(before)
    unknown = isothink("step", str(run), "../../etc/passwd", cwd=tmp_path)
    assert unknown.returncode == 2


def test_a_larger_budget_keeps_old_cells_and_counts_a_trunk_trained_again_for_its_lost_state_as_waste(tmp_path):
    write_tiny(tmp_path)
    only_ift = ("arms=[ift]", *SMALLER[1:])
    first = finish(tmp_path, *only_ift, command="evaluate")
    run = tmp_path / "runs" / "tiny"
    before = {row["segment"]: row["flops"] for row in api.sql(run, "SELECT segment, flops FROM segments")}
    more = finish(tmp_path, *only_ift, "budgets.training_flops=[4.0e+8, 8.0e+8, 1.6e+9]", command="evaluate")
    old_cells = {step for step in first["completed"] if "e8-seed" in step}
    assert len(old_cells) == 4 and old_cells <= set(more["skipped"])
    again = {step for step in more["completed"] if step in before}
    assert again and all("trunk" in step for step in again), "only trunks whose state is gone are trained again"
    waste = api.sql(run, "SELECT step, flops FROM ledger WHERE phase = 'waste'")
    assert {row["step"]: row["flops"] for row in waste} == {step: before[step] for step in again}


def test_students_whose_weights_are_gone_are_trained_again_before_they_answer(ended):
    tmp_path, _ = ended
    run = tmp_path / "runs" / "tiny"
    before = evidence_of(run)
    samples = sorted(run.glob("samples/small-ift-*"))[0]
    leaf = json.loads((samples / "manifest.json").read_text())["path"][-1]
    (run / "segments" / leaf / "model.safetensors").unlink()
    shutil.rmtree(samples)
    again = finish(tmp_path, *SMALLER)
    assert {leaf, samples.name} <= set(again["completed"])
    assert not [step for step in again["completed"] if "large" in step or "big" in step or "reasoning" in step]
    assert evidence_of(run) == before


def test_cells_that_answer_anew_while_a_new_arm_cuts_their_trunk_keep_their_training_cost(ended):
    tmp_path, _ = ended
    run = tmp_path / "runs" / "tiny"
    query = "SELECT cell, training_flops FROM cells WHERE arm IN ('ift', 'reasoning') ORDER BY cell"
    before = api.sql(run, query)
    finish(
        tmp_path,
        "arms=[ift,reasoning,sequential(0.5)]",
        *SMALLER[1:],
        "evaluation.max_new_tokens=6",
        command="evaluate",
    )
    assert api.sql(run, query) == before
    assert all(row["training_flops"] is not None for row in before)
