"""Two processes that train together do what one does, to the last digits that sums in another order leave."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")
pytest.importorskip("peft", reason="adapters need the [train] extra")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from isothink.backends import process_group  # noqa: E402
from isothink.student.protocol import OPTIMIZER_FILE  # noqa: E402

from .several_processes import run  # noqa: E402
from .trainer_example import CONFIG  # noqa: E402

UNTIED = CONFIG | {"model_type": "llama", "tie_word_embeddings": False}
JOBS = {
    "tokens": {"config": CONFIG, "last": 20},
    "examples": {"config": CONFIG, "last": 20, "weighting": "example", "limit": 30},
    "packed": {"config": UNTIED, "last": 8, "layout": "packed", "checkpointing": True},
    "one example": {"config": CONFIG, "last": 4, "size": 1},
    "adapters": {"config": UNTIED, "last": 6, "adapters": True},
    "half": {"config": CONFIG, "last": 6, "precision": "bfloat16"},
    "continued": {"config": CONFIG, "first": 3, "last": 6},
    "continued adapters": {"config": UNTIED, "first": 3, "last": 6, "adapters": True},
    "diverges": {"config": CONFIG, "last": 0, "diverges": True},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def alone(folder):
    """What one process makes of the same jobs; those that go on start from what another one process saved."""
    for name, first in (("continued", "tokens"), ("continued adapters", "adapters")):
        run(JOBS[first] | {"last": 3, "folder": folder / f"{name} from"})
    return {name: run(_job(name, folder, "alone")) for name in JOBS}


@pytest.fixture(scope="module")
def together(folder, alone):
    jobs = folder / "jobs.json"
    jobs.write_text(json.dumps([_job(name, folder, "together") for name in JOBS]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).parent / "several_processes.py"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-addr", "127.0.0.1", "--master-port", str(port), str(script), str(jobs)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((folder / f"report{rank}.json").read_text()) for rank in (0, 1)]
    assert ranks[0] == ranks[1], "both processes tell the same"
    return dict(zip([*JOBS, "group"], ranks[0], strict=True))


def _job(name, folder, where):
    job = JOBS[name] | {"folder": str(folder / where / name)}
    return job | {"state": str(folder / f"{name} from")} if name.startswith("continued") else job


@pytest.mark.parametrize("name", [name for name in JOBS if name not in ("half", "diverges")])
def test_two_processes_have_the_trajectory_of_one(alone, together, name):
    ours, theirs = together[name], alone[name]
    assert ours["losses"] and ours["losses"] == pytest.approx(theirs["losses"], rel=1e-5)
    assert ours["norms"] == pytest.approx(theirs["norms"], rel=1e-4)
    assert ours["tokens"] == theirs["tokens"]


@pytest.mark.parametrize("name", [name for name in JOBS if name not in ("half", "diverges")])
def test_two_processes_save_what_one_saves(folder, together, name):
    files = sorted(path.relative_to(folder / "alone" / name) for path in (folder / "alone" / name).rglob("*"))
    assert files == sorted(
        path.relative_to(folder / "together" / name) for path in (folder / "together" / name).rglob("*")
    )
    for path in files:
        if path.suffix == ".safetensors":
            one, two = (load_file(folder / where / name / path) for where in ("alone", "together"))
            assert one.keys() == two.keys()
            assert all(torch.allclose(one[key], two[key], atol=3e-5) for key in one), path


def test_half_precision_follows_over_weights_in_32_bits(folder, alone, together):
    assert together["half"]["losses"] == pytest.approx(alone["half"]["losses"], rel=2e-2)
    assert together["half"]["losses"] != together["tokens"]["losses"][:6]
    saved = load_file(folder / "together" / "half" / OPTIMIZER_FILE)
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}


@pytest.mark.parametrize(("name", "first"), [("tokens", 20), ("adapters", 6)])
def test_a_state_that_two_processes_saved_continues_in_one(folder, alone, together, name, first):
    job = JOBS[name] | {"first": first, "last": first + 3}
    from_two = run(job | {"state": folder / "together" / name})
    from_one = run(job | {"state": folder / "alone" / name})
    assert from_two["losses"] == pytest.approx(from_one["losses"], rel=1e-5)


def test_every_process_has_work_where_there_are_examples_enough(together):
    assert all(len(shapes) >= 2 for shapes in together["tokens"]["shapes"])
    assert all(len(shapes) == 1 for shapes in together["one example"]["shapes"])


def test_a_divergence_ends_both_processes_alike(together):
    assert "at step" in together["diverges"]["error"]


def test_the_student_that_two_processes_saved_is_a_plain_one(folder, together):
    loaded = AutoModelForCausalLM.from_pretrained(folder / "together" / "tokens" / "student", dtype=torch.float32)
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert loaded.config.architectures == ["Qwen3ForCausalLM"]


def test_the_first_process_leads(together):
    assert all(together[name]["agreed"] == [True, False] for name in JOBS)
    assert together["group"] == {"size": 2, "texts": ["", "täglich\n" * 1000], "total": 4.0}


def test_alone_nothing_is_waited_for(monkeypatch):
    for variable in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(variable, raising=False)
    assert (process_group.rank(), process_group.size()) == (0, 1)
    assert process_group.broadcast_text("a") == "a"
    assert process_group.total(2.5) == 2.5
    process_group.join()
    process_group.close()
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert (process_group.rank(), process_group.local_rank(), process_group.size()) == (3, 3, 4)
