"""`isothink validate` from outside: what it proves, what it lists, and how it ends."""

import json
import subprocess
import sys

import pytest

BENCHMARK = """
schema_version: 1
name: mine
family: sums
rows: {kind: file, path: rows.jsonl}
prompt: "{question}"
reference: {column: answer}
answer_format: FORMAT
suffix: " Answer in \\\\boxed{}."
"""


def validate(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "isothink", "validate", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def write(folder, rows, answer_format="exact", text=BENCHMARK):
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    (folder / "mine.yaml").write_text(text.replace("FORMAT", answer_format), encoding="utf-8")


def test_a_sound_benchmark_is_proven_in_every_form(tmp_path):
    rows = [{"question": f"{n}?\x1b[31m[bold]", "answer": f"a {n}"} for n in range(5)]
    write(tmp_path, [*rows, {"question": "6?", "answer": ""}])
    shown = validate(tmp_path, "mine.yaml")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "mine: 5 items (6 rows), family sums, answers: exact" in shown.stdout
    assert "no item: 1 through bad_reference, the first: row 6: column 'answer' holds no reference" in shown.stdout
    assert "  | 0? [31m[bold] Answer in \\boxed{}." in shown.stdout and "\x1b" not in shown.stdout
    assert "<think> Let me think about it. </think> \\boxed{a 0}" in shown.stdout
    assert shown.stdout.count("5 of 5") == 5 and "every proof holds" in shown.stdout


def test_the_record_holds_what_was_tried(tmp_path):
    write(tmp_path, [{"question": f"{n}?", "answer": str(n)} for n in range(1, 9)], "number")
    found = json.loads(validate(tmp_path, "mine.yaml", "--limit", "3", "--json").stdout)
    assert (found["items"], found["checked"], found["holds"], found["unproven"]) == (8, 3, True, None)
    assert [(proof["expected"], proof["held"]) for proof in found["proofs"]] == [(1, 3), (1, 3), (0, 3), (0, 3), (0, 3)]
    assert [answer["think_state"] for answer in found["answers"]] == ["none", "closed"]
    assert "<think>" not in found["prompt"]


def test_items_whose_gold_answer_is_not_right_are_listed(tmp_path):
    write(tmp_path, [{"question": "1?", "answer": "fine"}, {"question": "2?", "answer": "a } b"}])
    shown = validate(tmp_path, "mine.yaml")
    assert shown.returncode == 1 and shown.stderr == ""
    assert "the gold answer does not score 1 for 1 items:" in shown.stdout
    assert '0; of the answer "\\boxed{a } b}" is taken: "a"' in shown.stdout
    assert "not every proof holds" in shown.stdout


def test_what_a_jury_would_say_is_not_proven(tmp_path):
    write(tmp_path, [{"question": "1?", "answer": "A text."}], "jury")
    found = json.loads(validate(tmp_path, "mine.yaml", "--json").stdout)
    assert found["unproven"] == "any score: judges are not asked here"
    assert [(proof["form"], proof["held"]) for proof in found["proofs"]] == [
        ("the gold answer in a trace that is not closed", 1)
    ]
    assert found["answers"][1]["error"] == "needs a jury"


def test_a_procedural_task_needs_no_file(tmp_path):
    shown = validate(tmp_path, "chain", "--limit", "20")
    assert shown.returncode == 0 and shown.stdout.count("20 of 20") == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gsm9k", 'error: found "gsm9k", allowed are'),
        ("none.yaml", "error: none.yaml: no such file"),
        ("mine.yaml", "found no column 'question' in"),
    ],
)
def test_bad_input_is_one_line_and_a_hint(tmp_path, name, message):
    write(tmp_path, [{"questions": "1?", "answer": "1"}])
    shown = validate(tmp_path, name)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert message in shown.stderr and len(shown.stderr.splitlines()) <= 2
