"""Every command of docs/your-own-results.md does what the page says."""

import re
import shlex
import shutil
from pathlib import Path

from typer.testing import CliRunner

from isothink import api
from isothink.cli.main import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/your-own-results.md").read_text(encoding="utf-8")


def test_the_page_runs_and_imports_of_three_kinds_are_one_evidence(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "studies/made-up", tmp_path / "studies/made-up")
    monkeypatch.chdir(tmp_path)
    found = re.findall(r"^\$ isothink (.*)$", PAGE, re.MULTILINE)
    # those of the quickstart's export are run by tests/test_readme.py, and looked at in test_import_logs.py
    commands = [command for command in found if not re.search(r"runs/quickstart|exported", command)]
    assert len(commands) == 7 and len(found) == 9
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command))
        assert done.exit_code == 0, (command, done.output, done.exception)
        assert done.stdout.strip()
    evidence = api.analyze("runs/imported")
    seeds = {item.configuration: item.seeds for item in evidence.configurations}
    assert seeds == {
        "small-ift-2e18": 3,
        "small-reasoning-2e18": 2,
        "large-ift-2e18": 3,
        "large-reasoning-2e18": 2,
    }
    assert {item.items for item in evidence.configurations} == {40}
    [verdict] = evidence.verdicts
    assert verdict.outcome == "reasoning" and verdict.recommended.source == "imported"


def test_what_is_imported_is_printed_as_json(tmp_path):
    table = ROOT / "studies/made-up/answers.csv"
    words = ["import", "table", str(table), "--into", str(tmp_path / "run"), "--map", "student=model", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and '"benchmark": "made-up-sums"' in done.stdout
    wrong = CliRunner().invoke(app, [*words[:-2], "student"])
    assert wrong.exit_code != 0 and "allowed is NAME=VALUE" in str(wrong.exception)
