"""One study under torchrun: two processes train what one trains, fail as one fails, and go on after a kill."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from isothink.run import training as training_module
from isothink.store.attempts import Spent

from .tiny import isothink, write_tiny

pytest.importorskip("transformers", reason="training needs the [train] extra")

ONE_STUDENT = (
    "arms=[ift, sequential(0.5)]",
    "seeds={default: 1}",
    "budgets.training_flops=[2.0e+8, 3.0e+8]",  # few steps: errors of rounding grow, whatever splits the work
    "resources.checkpoint_seconds=0",
    "students=[{name: small, architecture: {model_type: qwen3, hidden_size: 16, num_hidden_layers: 1,"
    " intermediate_size: 32, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, tie_word_embeddings: true,"
    " max_position_embeddings: 64}}]",
)
DIVERGING = (
    "training.learning_rate={by: table, rates: {small: {ift: 3.0e-3, reasoning: 1000}}}",
    "training.optimizer.weight_decay=100",
)


def together(*overrides, cwd, command=("train", "tiny.yaml")):
    """`isothink train` in two processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    return subprocess.Popen(
        [*launcher, "-m", "isothink.cli.main", *command, *overrides],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def wait_for(process, condition):
    while not condition() and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()[1]


def children_of(pid):
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [int(child) for child, parent in rows if int(parent) == pid]


def training(run):
    """By segment: losses, and what it cost without seconds and waste."""
    found = {}
    for manifest in (run / "segments").glob("*/manifest.json"):
        facts = json.loads(manifest.read_text())
        row = next(row for row in facts["ledger"] if row["phase"] == "training")
        losses = pq.read_table(manifest.parent / "metrics.parquet")["loss"].to_numpy()
        found[manifest.parent.name] = losses, (row["flops"], row["tokens"], facts["total"], facts["processes"])
    return found


def test_a_study_that_a_kill_of_one_of_two_processes_ended_goes_on_to_the_trajectory_of_one(tmp_path):
    write_tiny(tmp_path)
    alone = isothink("train", "tiny.yaml", "output=alone", *ONE_STUDENT, cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    run = tmp_path / "runs" / "tiny"
    process = together(*ONE_STUDENT, cwd=tmp_path)
    wait_for(process, lambda: list(run.glob("checkpoints/*/step*")))
    os.kill(children_of(process.pid)[-1], signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode != 0
    process = together(*ONE_STUDENT, cwd=tmp_path)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert out.count("run: ") == 1, "one process speaks"
    assert "goes on from step" in "".join(path.read_text() for path in run.glob("logs/*.log"))
    ours, theirs = training(run), training(tmp_path / "alone")
    assert ours.keys() == theirs.keys() and len(ours) > 3
    for segment, (losses, facts) in theirs.items():
        np.testing.assert_allclose(ours[segment][0], losses, rtol=1e-5)
        assert ours[segment][1] == (*facts[:-1], 2)
    assert not list(run.glob("checkpoints/*"))


@pytest.mark.long
def test_a_step_in_two_processes_makes_again_what_a_study_made(tmp_path):
    write_tiny(tmp_path)
    run = tmp_path / "runs" / "tiny"
    process = together(*ONE_STUDENT, cwd=tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    segments = json.loads((run / "plan.json").read_text())["segments"]
    root = run / "segments" / next(segment["id"] for segment in segments if segment["parent"] is None)
    weights = (root / "model.safetensors").read_bytes()
    shutil.rmtree(root)
    process = together(cwd=tmp_path, command=("step", str(run), root.name))
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0 and out.split() == [root.name], errors
    assert (root / "model.safetensors").read_bytes() == weights


@pytest.mark.long
def test_what_diverges_in_two_processes_fails_alone_and_sigterm_keeps_the_state(tmp_path):
    write_tiny(tmp_path)
    run = tmp_path / "runs" / "tiny"
    process = together(*ONE_STUDENT, *DIVERGING, cwd=tmp_path)
    wait_for(process, lambda: list(run.glob("checkpoints/*/step*")))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert list(run.glob("checkpoints/*/step*/manifest.json"))
    assert any("stopped by SIGTERM" in path.read_text() for path in run.glob("logs/*.log"))
    process = together(*ONE_STUDENT, *DIVERGING, cwd=tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode != 0
    lines = [line.split(": ")[1] for line in errors.splitlines() if line.startswith("failed: small-sequential")]
    failed = {name for line in lines for name in line.split(", ")}
    assert failed >= {"small-sequential0.5-2e8-seed0", "small-sequential0.5-3e8-seed0"}
    assert "the loss is" in errors or "training diverges" in errors
    assert {name.split("-")[1] for name in training(run)} == {"ift"}


def test_followers_hear_of_a_checkpoint_for_which_not_even_a_folder_can_be_made():
    told, said = [], []

    def full(manifest, fill):
        raise OSError(28, "No space left on device")

    lead = training_module._Lead.__new__(training_module._Lead)
    lead.log = SimpleNamespace(spent=0, tokens=0, steps=3, hardware_flops=0)
    lead._work = SimpleNamespace(segment=SimpleNamespace(id="one", parent=None, first_step=0, steps=9))
    lead._attempt = SimpleNamespace(taken_over=Spent(), seconds=0.0, note=lambda *totals: None)
    lead._group = SimpleNamespace(tell=told.append)
    lead._checkpoints = SimpleNamespace(write=full)
    lead._say = said.append
    lead._keep(stops=True)
    assert told == [{"folder": None, "stop": True}]
    assert "could not be kept: OSError" in said[0]
