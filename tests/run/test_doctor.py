"""`isothink doctor`: what works is tried, what hangs or crashes is a finding, devices are known or not."""

import json
import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from isothink.run.doctor import LIBRARIES, TRIALS, run_self_test
from isothink.run.machine import device_found, this_machine

ROOT = Path(__file__).resolve().parent.parent.parent


def doctor(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "isothink.cli.main", "doctor", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_this_machine_trains_a_tiny_student_and_no_secret_is_shown(tmp_path):
    pytest.importorskip("transformers", reason="training needs the [train] extra")
    pytest.importorskip("math_verify")
    (tmp_path / "study.yaml").write_text(
        (ROOT / "studies/gsm8k-students.yaml")
        .read_text(encoding="utf-8")
        .replace("model: ../runs/smollm2-135m", "model: Qwen/Qwen2.5-0.5B")
        .replace("path: gsm8k/few.jsonl", f"path: {ROOT}/studies/gsm8k/few.jsonl")
        .replace("gsm8k/test.yaml", f"{ROOT}/studies/gsm8k/test.yaml")
        .replace("  requests: {concurrency: 4}\n", "  api_key_variable: MY_TEACHERS_KEY\n")
        + "lengths: {sources: {gsm8k: {prompts: 48, prompt_tokens: 90, ift_tokens: 90, reasoning_tokens: 120}}}\n",
        encoding="utf-8",
    )
    secrets = {"HF_TOKEN": "hf_secret", "MY_TEACHERS_KEY": "sk-secret"}
    done = doctor("study.yaml", "--json", cwd=tmp_path, **secrets)
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["toy_works"] is True
    assert found["variables"]["HF_TOKEN"] is found["variables"]["MY_TEACHERS_KEY"] is True
    works = {trial["name"]: trial["works"] for trial in found["trials"]}
    assert works["training"] is works["mathematics"] is True
    assert found["devices"][0]["torch_name"] == "cpu"
    assert found["hub"] is None
    assert found["training"]["training_flops"] > 0


def test_the_exit_status_is_1_where_the_toy_cannot_run(tmp_path):
    """Libraries that cannot be imported come first on the path."""
    for name in ("torch", "transformers", "datasets", "math_verify", "lm_eval", "peft"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('broken build')", encoding="utf-8")
    done = doctor(cwd=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert done.returncode == 1
    assert "broken build" in done.stdout
    assert "the toy study cannot run" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_hangs_crashes_or_prints_is_a_finding_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "odd_test.py").write_text(
        textwrap.dedent(
            """
            import json, os, sys, time
            for name in sys.argv[1:]:
                print("a library says hello")
                if name == "crashes":
                    print("it went wrong", file=sys.stderr)
                    sys.stdout.flush()
                    os._exit(139)
                if name == "hangs":
                    time.sleep(60)
                print(json.dumps({"name": name, "works": True, "detail": "fine"}), flush=True)
            """
        ),
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = run_self_test(["works", "crashes", "after"], module="odd_test", deadline=30)
    assert found["works"]["works"] is True
    assert found["crashes"]["works"] is found["after"]["works"] is False
    assert "139" in found["crashes"]["detail"] and "it went wrong" in found["crashes"]["detail"]
    found = run_self_test(["works", "hangs"], module="odd_test", deadline=1)
    assert found["works"]["works"] is True
    assert found["hangs"]["detail"].startswith("no answer within 1 s")


@pytest.mark.parametrize(
    ("name", "entry"),
    [("NVIDIA H100 80GB HBM3", "H100 SXM"), ("NVIDIA H200", "H200"), ("NVIDIA H100 PCIe", None), ("Some GPU", None)],
)
def test_a_device_is_known_by_its_whole_name_or_unknown(name, entry):
    found = device_found("cuda:0", name, 80_000_000_000)
    assert found.table_name == entry
    assert (found.peak_flops is None) == (found.bandwidth is None) == (entry is None)


def test_the_machine_has_cores_memory_and_a_disk():
    machine = this_machine()
    assert (machine.cores or 0) >= 1
    assert (machine.memory_bytes or 0) > 1e8
    assert machine.disk_free_bytes is not None


def test_every_extra_is_the_one_that_brings_the_library():
    """As pyproject.toml says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for library, extra in LIBRARIES.items():
        brought = project["dependencies"] if extra is None else extras[extra]
        assert any(requirement.startswith(library) for requirement in brought), library
    assert all(trial.extra in extras for trial in TRIALS)
