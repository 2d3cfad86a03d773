"""Completion as bash does it: the installed script is sourced, and asked what it would offer."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """What `isothink --install-completion` writes for bash, and a command `isothink` on the path."""
    folder = tmp_path_factory.mktemp("completion")
    command = folder / "isothink"
    command.write_text(f"#!{sys.executable}\nfrom isothink.cli.main import main\n\nmain()\n", encoding="utf-8")
    command.chmod(0o755)
    environment = {**os.environ, "HOME": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
    install = ["bash", "-c", f"'{command}' --install-completion; exit $?"]  # the parent's shell is the one detected
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [installed] = (folder / ".bash_completions").iterdir()
    return installed, environment


def offered(script, *words, cwd="."):
    installed, environment = script
    lines = [
        f"source '{installed}'",
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))',
        "function=$(complete -p isothink | sed 's/.*-F \\([^ ]*\\).*/\\1/')",
        '"$function" isothink',
        'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines), "bash", *words],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_values_are_completed_in_bash(script, tmp_path):
    assert offered(script, "isothink", "doc") == ["doctor"]
    assert offered(script, "isothink", "list", "") == ["benchmarks", "models", "datasets", "backends", "conventions"]
    assert offered(script, "isothink", "verdict", "runs/x", "--axis", "") == ["flops", "seconds", "usd"]
    assert offered(script, "isothink", "verdict", "runs/x", "--device", "H") == ["H100-sxm", "H200"]
    assert "qwen/qwen3-8B" in offered(script, "isothink", "price", "qwen/qwen3-8")
    assert offered(script, "isothink", "init", "--tasks", "gsm8k,math") == ["gsm8k,math-500"]
    run = tmp_path / "run"
    run.mkdir()
    (run / "evidence.json").write_text(json.dumps({"families": ["math-oe", "math-mc", "other"]}), encoding="utf-8")
    assert offered(script, "isothink", "verdict", str(run), "--family", "math") == ["math-oe", "math-mc"]
    assert offered(script, "isothink", "verdict", "nowhere", "--family", "") == []


def test_what_is_offered_is_what_commands_take():
    from isothink.benchmark.catalogue import published_benchmarks
    from isothink.cli import completions
    from isothink.cli.parts import PARTS
    from isothink.compute.hardware import device, device_names
    from isothink.compute.registry import lookup
    from isothink.procedural.tasks import TASKS

    assert [device(name).name for name in completions.devices("")] == device_names()
    assert lookup(completions.models("QWEN/qwen3-8")[0]).name == "Qwen/Qwen3-8B"
    assert set(completions.benchmarks("")) == {*TASKS, *published_benchmarks()}
    options = (Path(completions.__file__).parent / "options.py").read_text(encoding="utf-8")
    assert "completions.among({})".format(", ".join(f'"{part}"' for part in PARTS)) in options
