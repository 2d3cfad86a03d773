"""`isothink ask` from outside: data, one paragraph, one-line errors, and no library that takes long to load."""

import json
import subprocess
import sys

import pytest

from isothink import api

QUESTION = ("--corpus", "math", "--family", "math-oe", "--budget", "5e19")
SLOW = {"torch", "pandas", "altair", "duckdb", "scipy", "pyarrow", "transformers", "jinja2", "ruamel"}


def run(*arguments, module="isothink"):
    return subprocess.run(
        [sys.executable, "-m", module, "ask", *arguments], capture_output=True, text=True, check=False
    )


def test_json_is_a_verdict_of_published_results():
    done = run(*QUESTION, "--queries", "1e6", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == api.ask(corpus="math", family="math-oe", budget=5e19).model_dump(mode="json")
    assert (found["basis"], found["outcome"], found["recommended"]["source"]) == ("published", "unresolved", "published")
    assert found["recommended"]["interval"]["low"] < found["recommended"]["accuracy"]


def test_the_paragraph_begins_with_what_it_rests_on():
    done = run(*QUESTION)
    assert done.stdout.startswith("From published results, not from a run of yours: math-oe, at 5e19 training FLOPs")
    assert len(done.stdout.splitlines()) == 1 and not done.stderr


def test_nothing_slow_is_loaded():
    code = (
        "import sys; from isothink.cli.main import app\n"
        f"app(['ask', *{QUESTION!r}, '--json'], standalone_mode=False)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not SLOW & set(done.stderr.split())


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        (("--corpus", "maths"), "corpus: found 'maths', allowed are general, math", "did you mean math?"),
        (("--corpus", "x\ny"), "corpus: found 'x", ""),
        (("--family", "math"), "family: found 'math', allowed are general-mc, general-oe, math-mc, math-oe", ""),
        (("--budget", "0"), "budget: found 0, allowed is a number above 0 to 1e+40", ""),
        (("--budget", "nan"), "budget: found nan", ""),
        (("--budget", "1e60"), "budget: found 1e+60", ""),
        (("--queries", "-1"), "queries: found -1, allowed is a number from 0 to 1e+40", ""),
        (("--inference-budget", "-2"), "inference-budget: found -2", ""),
        (("--lifetime-budget", "inf"), "lifetime-budget: found inf", ""),
        (("--pairs", "no/such.csv"), "no/such.csv: no such file", ""),
    ],
)
def test_what_cannot_be_asked_is_one_line(changed, message, hint):
    done = run(*QUESTION, *changed)
    first, *rest = done.stderr.splitlines()
    assert done.returncode == 2 and not done.stdout
    assert message in first and len(rest) <= 1
    assert hint in "".join(rest)


def test_own_pairs_replace_the_published_lengths(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("prompt,ift,reasoning\n100,500,3000\n", encoding="utf-8")
    done = run(*QUESTION, "--pairs", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert any("your 1 pairs" in text for text in json.loads(done.stdout)["caveats"])
