"""`isothink plan --power` from outside: before anything ran, after a run, and with mistakes."""

import json

import pytest

from .tiny import isothink, write_tiny


def test_before_a_run_numbers_are_assumed_and_after_it_measured(finished, tmp_path):
    write_tiny(tmp_path)
    fresh = isothink("plan", "tiny.yaml", "--power", "--difference", "0.1", "--json", cwd=tmp_path)
    assert fresh.returncode == 0, fresh.stderr
    done = isothink("plan", "tiny.yaml", "--power", "--accuracy", "0.4", "--json", cwd=finished[0])
    assert done.returncode == 0, done.stderr
    before, after = (json.loads(shown.stdout)["power"] for shown in (fresh, done))
    assert len(before) == len(after) == 6  # three families, and a curriculum with one seed beside reasoning with two
    assert {entry["items"] for entry in before} == {8}
    assert before[0]["wanted"] == 0.1 and after[0]["wanted"] == 0.03
    assert before[0]["comparisons"] == 3 * 2 * 2
    for entry in before:
        assert {value["source"] for value in entry["assumptions"].values()} == {"assumed"}
    sources = {name: value["source"] for name, value in after[0]["assumptions"].items()}
    assert sources["accuracy"] == "given"
    assert sources["item_correlation"] == sources["seed_deviation"] == "measured"
    assert "finished cells" in after[0]["assumptions"]["seed_deviation"]["basis"]


def test_the_text_names_families_sources_and_limits(finished):
    shown = isothink("plan", "tiny.yaml", "--power", cwd=finished[0])
    assert shown.returncode == 0, shown.stderr
    assert "recall-oe" in shown.stdout and "(measured)" in shown.stdout and "(assumed)" in shown.stdout
    assert "Answers are greedy" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--power", "--difference", "3"), "0.03 is a difference of 3 points"),
        (("--power", "--accuracy", "50"), "--accuracy: found 50"),
        (("--power", "--seed-deviation", "1"), "--seed-deviation: found 1"),
        (("--difference", "0.03"), "--difference: found without --power"),
    ],
)
def test_mistakes_are_one_line(tmp_path, arguments, said):
    write_tiny(tmp_path)
    shown = isothink("plan", "tiny.yaml", *arguments, cwd=tmp_path)
    assert shown.returncode == 2 and said in shown.stderr and "Traceback" not in shown.stderr


def test_analyze_prints_the_patterns_and_evidence_holds_them(finished):
    shown = isothink("analyze", "tiny.yaml", cwd=finished[0])
    assert shown.returncode == 0, shown.stderr
    assert "rank correlation" in shown.stdout and "form of the answer" in shown.stdout
    patterns = json.loads((finished[1] / "evidence.json").read_text())["patterns"]
    assert len(patterns["trace_lengths"]) == 3 * 12 and len(patterns["curricula"]) == 3 * 4
