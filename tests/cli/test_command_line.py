"""The command line from outside: exit statuses, one-line errors, clean standard output, light imports."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isothink.cli.main import main

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = (
    "init",
    "doctor",
    "schema",
    "plan",
    "run",
    "generate",
    "train",
    "evaluate",
    "analyze",
    "report",
    "verdict",
    "ask",
    "price",
    "predict",
    "sql",
    "step",
    "list",
    "validate",
)


def isothink(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "isothink.cli.main", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def loaded_by(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import isothink", "import isothink.api", "import isothink.cli.main"])
def test_importing_loads_no_heavy_library(code):
    assert not {"torch", "transformers", "tokenizers", "altair", "duckdb"} & loaded_by(code)


@pytest.mark.parametrize("code", ["import isothink.cli.generate, isothink.run.pipeline", "import isothink.run.worker"])
def test_making_pairs_loads_nothing_that_draws_or_analyses(code):
    assert not {"torch", "transformers", "altair", "duckdb", "scipy"} & loaded_by(code)


def test_help_names_every_command_and_each_has_an_example():
    assert all(command in isothink("--help").stdout for command in COMMANDS)
    for command in COMMANDS:
        shown = isothink(command, "--help")
        assert shown.returncode == 0
        assert f"Example: isothink {command}" in " ".join(shown.stdout.split())


def test_version_is_that_of_the_project():
    assert isothink("--version").stdout.strip() in (ROOT / "pyproject.toml").read_text()


def test_price_prints_json_and_nothing_else_on_standard_output():
    shown = isothink("price", "Qwen/Qwen2.5-7B", "--prompt-tokens", "140", "--output-tokens", "435", "--json")
    data = json.loads(shown.stdout)
    assert set(data["conventions"]) == {"exact", "noncausal", "6nd", "hf", "paper"}
    assert data["parameters"]["total"] == 7_615_616_512
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["plan", "no/such/file.yaml"], "no/such/file.yaml"),
        (["run", "no/such/file.yaml"], "no/such/file.yaml"),
        (["plan", "studies/quickstart.yaml", "training.batch.size=-3"], "training.batch.size"),
        (["run", "studies/quickstart.yaml", "arms=[ift,wrong]"], "wrong"),
        (["train", "studies/quickstart.yaml", "nonsense=1"], "nonsense"),
        (["generate", "studies/quickstart.yaml", "budgets.training_flops=[.nan]"], "budgets.training_flops"),
        (["evaluate", "studies/quickstart.yaml", "evaluation.tasks=[chess]"], "chess"),
        (["analyze", "no/such/run"], "no/such/run"),
        (["report", "no/such/run"], "no/such/run"),
        (["sql", "no/such/run", "SELECT 1"], "no/such/run"),
        (["verdict", "no/such/run", "--family", "x"], "no/such/run"),
        (["price", "no-such-model", "--prompt-tokens", "1", "--output-tokens", "1"], "no-such-model"),
        (["price", "Qwen/Qwen2.5-7B", "--prompt-tokens", "0", "--output-tokens", "1"], "prompt_tokens"),
        (["list", "nonsense"], "nonsense"),
    ],
)
def test_a_mistake_gives_one_line_and_exit_status_2(arguments, names, tmp_path):
    shown = isothink(*arguments)
    lines = shown.stderr.strip().splitlines()
    assert shown.returncode == 2, shown.stderr
    assert shown.stdout == ""
    assert lines[0].startswith("error: ") and names in lines[0]
    assert len(lines) == 2 and lines[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["price", "Qwen/Qwen2.5-7B", "--prompt-tokens", "1", "--output-tokens", "9" * 30], "output_tokens"),
        (["init", "studies/quickstart.yaml"], "already"),
        (["init", "no/such/folder/x.yaml"], "no/such/folder"),
        (["doctor", "--utilisation", "2"], "--utilisation"),
        (["predict", "tests", "--size", "a", "--value", "b", "--by", "c"], "tests"),
        (["ask", "--corpus", "math", "--family", "math-oe", "--budget", "-1"], "budget"),
        (["validate", "no-such-benchmark"], "no-such-benchmark"),
        (["export", "no/such/run"], "no/such/run"),
        (["step", "no/such/run", "x"], "no/such/run"),
        (["plan", "tests"], "tests"),
        (["nonsense"], "nonsense"),
        (["plan"], "STUDY"),
        (["plan", "--nonsense"], "--nonsense"),
        (["verdict", "runs/x"], "--family"),
        (["verdict", "runs/x", "--family", "x", "--budget", "much"], "--budget"),
        (["generate", "studies/quickstart.yaml", "--limit", "0"], "--limit"),
    ],
)
def test_other_mistakes_do_as_well(arguments, names, monkeypatch, capsys):
    """In this process, which is faster."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["isothink", *arguments])
    with pytest.raises(SystemExit) as ending:
        main()
    shown = capsys.readouterr()
    lines = shown.err.strip().splitlines()
    assert ending.value.code == 2
    assert shown.out == ""
    assert lines[0].startswith("error: ") and names in lines[0]
    assert len(lines) == 2 and lines[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["price", "Qwen/Qwen2.5-7B", "--prompt-tokens", "0", "--output-tokens", "1"], "`isothink price --help` shows"),
        (["import", "table", "x.csv", "--into", "runs/x", "--map", "wrong"], "`isothink import table --help` shows"),
        (["import", "table", "x.csv"], "isothink import table --help"),
    ],
)
def test_a_hint_names_the_command(arguments, hint, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["isothink", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.splitlines()[1].startswith(f"hint: {hint}")


def test_an_import_into_a_study_file_names_the_folder_that_it_writes_into(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "studies" / "quickstart.yaml", "mine.yaml")
    table = str(ROOT / "studies" / "made-up" / "answers.csv")
    for into, named in (("mine.yaml", True), ("runs/quickstart", False)):
        words = ["isothink", "import", "table", table, "--into", into, "--map", "student=model", "--json"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ending:
            main()
        shown = capsys.readouterr()
        assert ending.value.code == 0, shown.err
        assert json.loads(shown.out)["run"].endswith("runs/quickstart")
        assert (
            shown.err.startswith("note: mine.yaml is a file: ") is named and ("runs/quickstart" in shown.err) is named
        )


def test_no_command_at_all_shows_the_help():
    shown = isothink()
    assert shown.returncode == 2
    assert all(command in shown.stderr for command in COMMANDS)


WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Runs a command as root without the right to pass by permissions."""


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root needs no permissions")
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["plan", "locked.yaml"], "locked.yaml"),
        (["plan", "locked/study.yaml"], "locked/"),
        (["init", "fixed/x.yaml"], "fixed/x.yaml"),
        (["run", "study.yaml", "output=fixed/run"], "fixed/run"),
    ],
)
def test_missing_permissions_are_one_line_too(arguments, names, tmp_path):
    study = ROOT / "studies" / "quickstart.yaml"
    for place in ("study.yaml", "locked.yaml"):
        shutil.copy(study, tmp_path / place)
    for place in ("locked", "fixed"):
        (tmp_path / place).mkdir()
    for place, mode in (("locked.yaml", 0), ("locked", 0), ("fixed", 0o555)):
        (tmp_path / place).chmod(mode)
    command = [sys.executable, "-m", "isothink.cli.main", *arguments]
    if os.geteuid() == 0:
        command = [*WITHOUT_RIGHTS, *command]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (tmp_path / "locked").chmod(0o755)
    lines = shown.stderr.strip().splitlines()
    assert shown.returncode == 2, shown.stderr
    assert lines[0].startswith("error: ") and names in lines[0]
    assert len(lines) == 2 and lines[1].startswith("hint: ")


def test_what_a_file_says_cannot_steer_the_terminal(tmp_path):
    path = tmp_path / "evil.yaml"
    path.write_text('"\\e]0;owned\\a\\e[31m": 1\n', encoding="utf-8")
    shown = isothink("plan", str(path))
    assert shown.returncode == 2
    assert "\x1b" not in shown.stderr and "\x07" not in shown.stderr
    assert [line.partition(" ")[0] for line in shown.stderr.strip().splitlines()] == ["error:", "hint:"]


def test_list_shows_every_kind():
    for kind, expected in (
        ("benchmarks", "arithmetic-oe"),
        ("models", "Qwen/Qwen3-8B"),
        ("backends", "symbolic"),
        ("conventions", "noncausal"),
    ):
        rows = json.loads(isothink("list", kind, "--json").stdout)
        assert expected in json.dumps(rows)
