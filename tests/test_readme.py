"""Every command that the pages show is run, those of the quickstart on a study shrunk to seconds.

Light blocks are run by `make test`, heavy ones by `make docs-full`; console_blocks.py says how a page marks them.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from isothink.cli.main import main

from .backends.chat_server import ChatServer
from .console_blocks import blocks_of, console_blocks, text_of, written_files

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
STARTS_WORKERS = {"run", "generate", "train", "evaluate", "step"}
BLOCKS = console_blocks()
LIGHT = list(dict.fromkeys(command for block in BLOCKS if block.kind == "light" for command in block.commands))
HEAVY = [block for block in BLOCKS if block.kind == "heavy"]
NOT_RUN = [block for block in BLOCKS if block.kind == "not run"]


def run(command, cwd, server=None):
    words = shlex.split(command)
    if words[1:3] == ["generate", "studies/gsm8k.yaml"]:
        words.append(f"teacher.base_urls=[{server.url}]")  # the page's server is the reader's own
    elif words[1] in {"run", "generate", "train", "evaluate"} and words[2] == "studies/quickstart.yaml":
        words += SHRINK  # the full study takes minutes
    elif words[1:3] == ["run", "my-study.yaml"]:
        words += [
            "budgets.training_flops=[5.0e+8, 1.0e+9]",
            "evaluation.items_per_task=6",
        ]  # seconds, not half a minute
    elif words[1:3] == ["plan", "studies/quickstart.yaml"]:
        words.append("prompts.per_task=1000")  # the full one makes all 54,000 pairs to know their lengths
    return in_a_process(words, cwd) if words[1] in STARTS_WORKERS else in_this_process(words, cwd)


def in_a_process(words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "isothink", *words[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )


def in_this_process(words, cwd):
    """The same entry point, without the seconds of processor time that importing everything again takes."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", words),
    ):
        try:
            main()
        except SystemExit as ending:
            status = ending.code or 0
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the studies, the files that pages have the reader write, and a finished, shrunken quickstart."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "studies", folder / "studies")
    for name, text in written_files().items():
        (folder / name).write_text(text, encoding="utf-8")
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
    shown = {command.split()[1] for command in LIGHT}
    assert {
        "generate",
        "export",
        "plan",
        "run",
        "analyze",
        "report",
        "verdict",
        "ask",
        "import",
        "predict",
        "validate",
        "price",
        "sql",
        "list",
        "step",
    } <= shown


@pytest.mark.parametrize("command", LIGHT)
def test_the_command_does_what_the_page_says(place, server, command):
    if command.startswith("isothink step "):
        segment = sorted((place / "runs/quickstart/segments").iterdir())[0].name
        command = f"isothink step runs/quickstart {segment}"  # the page's id is that of the full study
    done = run(command, place, server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_run_or_says_why_not(block):
    """A comment that is no mark, a block without a command, and a light block of something else are mistakes."""
    assert block.kind in {"light", "heavy", "not run"}
    assert block.commands
    if block.kind == "light":
        assert all(command.startswith("isothink ") for command in block.commands), "not isothink's: mark the block"


def test_marks_are_read():
    page = "\n".join(
        [
            *("<!-- heavy: minutes -->", "```console", "$ make demo", "$ isothink list \\", "    models", "```"),
            *("text", "", "```console", "$ isothink plan", "```", "<!-- slow -->", "", "```console", "$ a", "```", ""),
        ]
    )
    heavy, light, wrong = blocks_of("page", page)
    assert (heavy.kind, heavy.why, heavy.line) == ("heavy", "minutes", 2)
    assert heavy.commands == ("make demo", "isothink list models")
    assert (light.kind, light.commands) == ("light", ("isothink plan",))
    assert wrong.kind == "slow"


@pytest.mark.parametrize("block", NOT_RUN, ids=str)
def test_a_block_that_is_not_run(block):
    """Each stands in the summary of skipped tests."""
    pytest.skip(f"{block} is not run: {block.why}: {'; '.join(block.commands)}")


def test_no_more_blocks_are_left_out_than_are_known():
    assert [(block.page, *block.commands) for block in NOT_RUN] == [
        ("README.md", "make test", "make check"),
        ("docs/students.md", "torchrun --nproc-per-node 8 -m isothink run study.yaml"),
        ("CONTRIBUTING.md", "make test", "make check"),
    ]


def test_blocks_that_continuous_integration_runs_are_what_it_runs():
    steps = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    left_to_it = [command for block in NOT_RUN if ".ci/run" in block.why for command in block.commands]
    assert left_to_it
    assert set(left_to_it) <= set(steps)


@pytest.fixture(scope="module")
def fresh_copy(tmp_path_factory):
    """What git tracks and nothing else, as a newcomer has it: no environment, no run folder."""
    folder = tmp_path_factory.mktemp("fresh")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.mark.docs_full
@pytest.mark.parametrize("block", HEAVY, ids=str)
def test_the_heavy_block_does_what_the_page_says(block, fresh_copy):
    """Word for word, in the order of the pages; after `make demo` the commands are those of `.venv/bin`."""
    inherited = {"VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "VENV", "TORCH"}
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    environment["PATH"] = f"{fresh_copy / '.venv/bin'}{os.pathsep}{environment['PATH']}"
    for command in block.commands:
        done = subprocess.run(
            command, shell=True, cwd=fresh_copy, capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = [command.split() for block in BLOCKS for command in block.commands]
    shown = {words[1] for words in commands if words[0] == "make"}
    assert shown and shown <= targets


def test_the_python_block_runs(place):
    [block] = re.findall(r"^```python\n(.*?)^```", text_of("README.md"), re.MULTILINE | re.DOTALL)
    shrink = ", ".join(map(repr, SHRINK))
    code = block.replace('"budgets.training_flops=[1.25e11]"', shrink)
    assert code != block
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] in {"ift", "reasoning", "curriculum", "unresolved"}
