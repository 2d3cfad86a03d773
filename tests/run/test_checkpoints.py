"""A segment that is interrupted anywhere ends as if it had not been: same weights, same metrics, same ledger."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from isothink import api

from .tiny import isothink, write_tiny

pytest.importorskip("transformers", reason="training needs the [train] extra")

KILLED, STOPPED = -signal.SIGKILL, 143
ONE_STUDENT = (
    "arms=[ift]",
    "seeds={default: 1}",
    "budgets.training_flops=[4.0e+8]",
    "students=[{name: small, architecture: {model_type: qwen3, hidden_size: 16, num_hidden_layers: 1,"
    " intermediate_size: 32, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, tie_word_embeddings: true,"
    " max_position_embeddings: 64}}]",
)
INTERRUPTIONS = {
    "segment": ("killed at step 25",),
    "segment, every step": ("killed at step 25, every step",),
    "first steps": ("killed at step 2",),
    "checkpoint": ("killed while a second checkpoint is written",),
    "two checkpoints": ("killed between two checkpoints' renaming and removal",),
    "end": ("killed while the segment is written",),
    "again and again": ("killed at step 15", "killed at step 23", "killed at step 22", "killed at step 45"),
    "stopped": ("told to stop at step 17",),
    "full disk": ("the disk is full",),
}
BRANCH = {"branch": ("killed at step 3, every step",), "branch stopped": ("told to stop at step 1",)}


def execute(*steps):
    """Exit statuses of steps in processes of their own: (run, step, fault)."""
    script = Path(__file__).parent / "interrupted_steps.py"
    done = subprocess.run(
        [sys.executable, str(script), json.dumps([[str(run), step, fault] for run, step, fault in steps])],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """{interruption: (run folder after it was resumed, statuses)}, the ids of trunk and decay, and what was on disk."""
    here = tmp_path_factory.mktemp("checkpoints")
    write_tiny(here)
    done = isothink("train", "tiny.yaml", *ONE_STUDENT, cwd=here)
    assert done.returncode == 0, done.stderr
    whole = here / "runs" / "tiny"
    trunk, decay = (segment["id"] for segment in json.loads((whole / "plan.json").read_text())["segments"])
    base = shutil.copytree(whole, here / "base", ignore=shutil.ignore_patterns("segments", "logs", "lock"))
    faults = {**{name: (trunk, chain) for name, chain in INTERRUPTIONS.items()}}
    faults.update({name: (decay, chain) for name, chain in BRANCH.items()})
    steps = []
    for name, (step, chain) in faults.items():
        run = shutil.copytree(base, here / name)
        steps += [(run, trunk, None)] * (step == decay)
        steps += [(run, step, fault) for fault in chain]
    statuses = execute(*steps)
    left = {}
    for name in faults:
        left[name] = shutil.copytree(here / name, here / f"{name} left")
    resumed = execute(*((here / name, step, None) for name, (step, _) in faults.items()))
    assert set(resumed) == {0}
    by_name = {}
    for (run, _, fault), status in zip(steps, statuses, strict=True):
        if fault is not None:
            by_name.setdefault(run.name, []).append(status)
    return here, whole, trunk, decay, by_name, left


def manifest(run, step):
    return json.loads((run / "segments" / step / "manifest.json").read_text())


def rows(run, step):
    """The metrics, without what the clock says."""
    table = pq.read_table(run / "segments" / step / "metrics.parquet")
    return table.drop_columns(["seconds", "tokens_per_second"]).to_pylist()


@pytest.mark.parametrize("name", [*INTERRUPTIONS, *BRANCH])
def test_weights_metrics_and_ledger_are_those_of_an_undisturbed_run(runs, name):
    here, whole, trunk, decay, statuses, _ = runs
    step = decay if name in BRANCH else trunk
    expected = STOPPED if "stop" in name or name == "full disk" else KILLED
    assert set(statuses[name]) == {expected}
    for file in ("model.safetensors", "config.json"):
        assert (here / name / "segments" / step / file).read_bytes() == (whole / "segments" / step / file).read_bytes()
    assert rows(here / name, step) == rows(whole, step)
    ours, theirs = manifest(here / name, step), manifest(whole, step)
    assert {key: ours[key] for key in ours.keys() - {"ledger", "files"}} == {
        key: theirs[key] for key in theirs.keys() - {"ledger", "files"}
    }
    row, reference = ours["ledger"][0], theirs["ledger"][0]
    for key in ("phase", "step", "flops", "hardware_flops", "tokens"):
        assert row[key] == reference[key]
    assert not (here / name / "checkpoints" / step).exists()
    assert not list((here / name).rglob("*.partial")) or "killed" in str(INTERRUPTIONS.get(name, BRANCH.get(name)))


def waste(run, step):
    return [row for row in manifest(run, step)["ledger"] if row["phase"] == "waste"]


def test_only_what_lies_beyond_the_last_checkpoint_is_waste(runs):
    here, whole, trunk, decay, _, _ = runs
    flops = [row["flops"] for row in rows(whole, trunk)]
    tokens = [row["tokens"] for row in rows(whole, trunk)]
    [lost] = waste(here / "segment", trunk)
    assert lost["flops"] == sum(flops[20:24])
    assert lost["tokens"] == sum(tokens[20:24])
    assert lost["seconds"] > 0
    [lost] = waste(here / "again and again", trunk)
    # from 0 to 14, from 10 to 22, from 20 to 21, from 20 to 44; the last checkpoint is at 40
    assert lost["flops"] == sum(flops[10:14]) + sum(flops[20:22]) + sum(flops[20:21]) + sum(flops[40:44])
    assert sum(row["flops"] for row in waste(here / "stopped", trunk)) == 0
    assert sum(row["flops"] for row in waste(here / "segment, every step", trunk)) == 0
    [lost] = waste(here / "first steps", trunk)
    assert lost["flops"] == flops[0]
    [lost] = waste(here / "full disk", trunk)
    assert lost["flops"] == sum(flops[:15])
    assert sum(row["flops"] for row in waste(here / "branch", decay)) == 0


def test_a_run_resumed_from_a_checkpoint_says_so_and_its_seconds_include_those_before(runs):
    here, _, trunk, decay, _, left = runs
    log = (here / "segment" / "logs" / f"{trunk}.log").read_text()
    assert "goes on from step 20 of 49" in log
    [place] = (left["segment"] / "checkpoints" / trunk).iterdir()
    kept = json.loads((place / "manifest.json").read_text())
    assert manifest(here / "segment", trunk)["ledger"][0]["seconds"] > kept["seconds"] > 0
    assert "goes on from step 2 of 5" in (here / "branch" / "logs" / f"{decay}.log").read_text()
    assert "could not be kept: OSError" in (here / "full disk" / "logs" / f"{trunk}.log").read_text()


def test_at_most_two_checkpoints_ever_lie_there_and_usually_one(runs):
    _, _, trunk, _, _, left = runs
    names = {name: sorted(path.name for path in (left[name] / "checkpoints" / trunk).glob("step*")) for name in left}
    assert names["segment"] == ["step000000020"]
    assert names["two checkpoints"] == ["step000000010", "step000000020"]
    assert names["first steps"] == names["full disk"] == []
    half = [path for path in (left["checkpoint"] / "checkpoints" / trunk).iterdir() if path.name.endswith(".partial")]
    assert len(half) == 1 and names["checkpoint"] == ["step000000010"]


def damage_weights(place):
    path = place / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1  # one bit of one number: it loads
    path.write_bytes(data)


DAMAGES = {
    "a bit of the weights": damage_weights,
    "no optimizer": lambda place: (place / "optimizer.safetensors").unlink(),
    "half the metrics": lambda place: (place / "metrics.parquet").write_bytes(b"PAR1"),
    "no manifest": lambda place: (place / "manifest.json").unlink(),
    "a manifest of a newer version": lambda place: (place / "manifest.json").write_text('{"schema_version": 99}'),
    "noise": lambda place: (place / "manifest.json").write_bytes(b"\xff\x00{"),
    "another way": lambda place: (place / "manifest.json").write_text(
        (place / "manifest.json").read_text().replace('"first_step": 0', '"first_step": 7')
    ),
}


def test_damaged_checkpoints_are_ignored_with_a_line_in_the_log(runs, tmp_path):
    _, whole, trunk, _, _, left = runs
    steps = []
    for name, damage in DAMAGES.items():
        run = shutil.copytree(left["segment"], tmp_path / name)
        [place] = (run / "checkpoints" / trunk).glob("step*")
        damage(place)
        steps.append((run, trunk, None))
    one_of_two = shutil.copytree(left["two checkpoints"], tmp_path / "one of two")
    damage_weights(one_of_two / "checkpoints" / trunk / "step000000020")
    steps.append((one_of_two, trunk, None))
    assert set(execute(*steps)) == {0}
    spent = sum(row["flops"] for row in rows(whole, trunk)[:24])
    for run, _, _ in steps:
        weights = [(folder / "segments" / trunk / "model.safetensors").read_bytes() for folder in (run, whole)]
        assert weights[0] == weights[1], run.name
        assert "is ignored" in (run / "logs" / f"{trunk}.log").read_text()
        assert manifest(run, trunk)["ledger"][0]["flops"] == manifest(whole, trunk)["flops"]
        if run != one_of_two:
            assert waste(run, trunk)[0]["flops"] == spent
    assert "goes on from step 10" in (one_of_two / "logs" / f"{trunk}.log").read_text()


def start(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "isothink.cli.main", *arguments],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


LONG = (*ONE_STUDENT[:2], "budgets.training_flops=[4.0e+9]", ONE_STUDENT[3], "resources.processes=1")


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.mark.parametrize("sign", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_run_that_is_told_to_stop_keeps_its_state_and_the_same_command_goes_on(tmp_path, sign):
    write_tiny(tmp_path)
    run = tmp_path / "runs" / "tiny"
    process = start("train", "tiny.yaml", *LONG, cwd=tmp_path)
    wait_for(lambda: list(run.glob("logs/*trunk*.attempts.jsonl")))
    process.send_signal(sign)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + sign
    assert errors.splitlines()[-1].endswith("the same command resumes")
    [place] = run.glob("checkpoints/*/step*")
    assert json.loads((place / "manifest.json").read_text())["steps"] == int(place.name.removeprefix("step"))
    other = run / "checkpoints" / "no-longer-planned" / "step000000001"
    other.mkdir(parents=True)
    done = isothink("train", "tiny.yaml", *LONG, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(run.glob("checkpoints/*"))
    assert "goes on from step" in next(run.glob("logs/*trunk*.log")).read_text()
    [row] = api.sql(run, "SELECT sum(flops) AS flops FROM ledger WHERE phase = 'training'")
    assert row["flops"] == json.loads((run / "plan.json").read_text())["total_flops"]
    assert api.sql(run, "SELECT * FROM ledger WHERE phase = 'waste' AND flops > 0") == []
