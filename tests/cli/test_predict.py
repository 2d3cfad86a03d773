"""`isothink predict` from outside: JSON of the promised form, tables, refusals (status 0), mistakes (status 2)."""

import json
import subprocess
import sys

import pytest

HEADER = "family,arm,size,accuracy_percent\n"
TABLE = HEADER + "".join(
    f"{family},{arm},{size},{level + gain + 8 * step}\n"
    for family, level in (("a", 30), ("b", 45))
    for arm, gain in (("ift", 0), ("reasoning", 5))
    for step, size in enumerate((1, 3, 7, 14))
)
COLUMNS = ("--size", "size", "--value", "accuracy_percent", "--by", "family,arm")


def predict(tmp_path, *arguments, table=TABLE):
    path = tmp_path / "table.csv"
    path.write_text(table, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "isothink.cli.main", "predict", str(path), *COLUMNS, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_json_has_fits_predictions_and_what_was_held_out(tmp_path):
    shown = predict(tmp_path, "--at", "32,72", "--hold-out", "14", "--json")
    assert (shown.returncode, shown.stderr) == (0, "")
    data = json.loads(shown.stdout)
    assert [len(data[name]) for name in ("fits", "predictions", "held_out")] == [4, 8, 4]
    cell = data["held_out"][0]
    assert cell["series"] == {"family": "a", "arm": "ift"} and (cell["size"], cell["actual"]) == (14, 54)
    assert cell["interval"][0] < cell["predicted"] < cell["interval"][1]


def test_gains_are_those_over_ift_or_over_what_is_asked(tmp_path):
    data = json.loads(predict(tmp_path, "--at", "32", "--hold-out", "14", "--json").stdout)
    assert [(item["series"], item["arm"], item["baseline"]) for item in data["gains"]] == [
        ({"family": "a"}, "reasoning", "ift"),
        ({"family": "b"}, "reasoning", "ift"),
    ]
    assert [item["actual"] for item in data["held_out_gains"]] == pytest.approx([5, 5])
    data = json.loads(predict(tmp_path, "--at", "32", "--gain", "family=b", "--json").stdout)
    assert [item["series"] for item in data["gains"]] == [{"arm": "ift"}, {"arm": "reasoning"}]
    shown = predict(tmp_path, "--at", "32", "--hold-out", "14").stdout
    assert "gain of" in shown and "2 of 2 of the right sign" in shown


def test_text_has_the_equations(tmp_path):
    shown = predict(tmp_path, "--at", "32", "--hold-out", "7", "--hold-out-mode", "others")
    assert shown.returncode == 0
    assert "100 / (1 + exp(-(" in shown.stdout and "mean absolute error" in shown.stdout


def test_what_is_refused_has_a_reason_no_number_and_status_0(tmp_path):
    shown = predict(tmp_path, "--at", "32", "--json", table=HEADER + "a,ift,1,30\nb,ift,1,40\nb,ift,3,50\n")
    assert shown.returncode == 0
    for cell in json.loads(shown.stdout)["predictions"]:
        assert cell["predicted"] is None and cell["interval"] is None and cell["refused"]


def test_what_a_table_says_cannot_steer_the_terminal(tmp_path):
    shown = predict(tmp_path, "--at", "32", table=TABLE.replace("a,ift", "\x1b]0;owned\x07[red],ift"))
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout and "\x07" not in shown.stdout and "[red]" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--at", "big"), "--at"),
        (("--hold-out", "8"), "--hold-out"),
        (("--hold-out", "14", "--hold-out-mode", "some"), "--hold-out-mode"),
        (("--where", "x ~ 1"), "--where"),
        (("--gain", "arm"), "--gain"),
        (("--gain", "mode=off"), "--gain"),
        (("--gain", "arm=off"), "--gain"),
    ],
)
def test_a_mistake_gives_one_line_and_status_2(tmp_path, arguments, names):
    shown = predict(tmp_path, *arguments)
    lines = shown.stderr.strip().splitlines()
    assert (shown.returncode, shown.stdout) == (2, "")
    assert lines[0].startswith("error: ") and names in lines[0]
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: "))
