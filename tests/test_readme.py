"""Every command that README.md and the generated reference show is run, on a study shrunk to seconds."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .backends.chat_server import ChatServer

pytest.importorskip("transformers", reason="training needs the [train] extra")

ROOT = Path(__file__).resolve().parent.parent
SHRINK = (
    "budgets.training_flops=[1.0e+9, 2.0e+9]",
    "prompts.per_task=40",
    "evaluation.items_per_task=4",
    "evaluation.max_new_tokens=12",
    "training.batch.size=64",
    "training.warmup_steps=2",
    "training.max_epochs=100000",
    "seeds={default: 1}",
)
BLOCKS = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands_of(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return [line[2:] for block in BLOCKS.findall(text) for line in block.splitlines() if line.startswith("$ ")]


README, REFERENCE = commands_of("README.md"), commands_of("docs/cli.md")
ISOTHINK = sorted({command for command in README + REFERENCE if command.startswith("isothink ")})


def run(command, cwd, server=None):
    words = shlex.split(command)
    if words[1:3] == ["generate", "studies/gsm8k.yaml"]:
        words.append(f"teacher.base_urls=[{server.url}]")  # the page's server is the reader's own
    elif words[1] in {"run", "generate", "train", "evaluate"} and words[2].endswith(".yaml"):
        words += SHRINK  # the only thing that is not word for word: the full study takes minutes
    elif words[1] == "plan":
        words.append("prompts.per_task=1000")  # the full one makes all 54,000 pairs to know their lengths
    return subprocess.run(
        [sys.executable, "-m", "isothink", *words[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the studies and a finished run of the shrunken quickstart."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "studies", folder / "studies")
    done = run("isothink run studies/quickstart.yaml", folder)
    assert done.returncode == 0, done.stderr
    assert "runs/quickstart/report.html" in done.stdout
    return folder


@pytest.fixture(scope="module")
def server(place):
    """A chat server that answers like the reader's, and the pairs that it made."""
    with ChatServer() as running:
        done = run("isothink generate studies/gsm8k.yaml", place, running)
        assert done.returncode == 0, done.stderr
        yield running


def test_the_documents_show_commands_of_every_kind():
    shown = {command.split()[1] for command in ISOTHINK}
    assert {
        "generate",
        "export",
        "plan",
        "run",
        "analyze",
        "report",
        "verdict",
        "price",
        "sql",
        "list",
        "step",
    } <= shown


@pytest.mark.parametrize("command", ISOTHINK)
def test_the_command_does_what_the_page_says(place, server, command):
    if command.startswith("isothink step "):
        segment = sorted((place / "runs/quickstart/segments").iterdir())[0].name
        command = f"isothink step runs/quickstart {segment}"  # the page's id is that of the full study
    done = run(command, place, server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {command.split()[1] for command in README if command.startswith("make ")}
    assert shown and shown <= targets


def test_the_python_block_runs(place):
    [block] = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    shrink = ", ".join(map(repr, SHRINK))
    code = block.replace('"budgets.training_flops=[1.25e11]"', shrink)
    assert code != block
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] in {"ift", "reasoning", "curriculum", "unresolved"}
