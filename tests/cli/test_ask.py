"""`isothink ask` from outside: data, one paragraph, one-line errors, and no library that takes long to load."""

import json
import math
import subprocess
import sys

import pytest

from isothink import api
from isothink.errors import UsageError

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
    assert (found["basis"], found["outcome"], found["recommended"]["source"]) == (
        "published",
        "unresolved",
        "published",
    )
    assert found["recommended"]["interval"]["low"] < found["recommended"]["accuracy"]


def test_the_paragraph_begins_with_what_it_rests_on():
    done = run(*QUESTION)
    assert done.stdout.startswith("math-oe, 5e19 training FLOPs, 1,000,000 queries: From published figures alone")
    assert "prior evidence, not a run of yours" in done.stdout
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
        ({"corpus": "maths"}, "corpus: found 'maths', allowed are general, math", "did you mean math?"),
        ({"corpus": "x\ny"}, "corpus: found 'x", ""),
        ({"family": "math"}, "family: found 'math', allowed are general-mc, general-oe, math-mc, math-oe", ""),
        ({"budget": 0}, "budget: found 0, allowed is a number above 0 to 1e+40", ""),
        ({"budget": math.nan}, "budget: found nan", ""),
        ({"budget": 1e60}, "budget: found 1e+60", ""),
        ({"queries": -1}, "queries: found -1, allowed is a number from 0 to 1e+40", ""),
        ({"inference_budget": -2}, "inference-budget: found -2", ""),
        ({"lifetime_budget": math.inf}, "lifetime-budget: found inf", ""),
        ({"pairs": "no/such.csv"}, "no/such.csv: no such file", ""),
    ],
)
def test_what_cannot_be_asked_is_one_line(changed, message, hint):
    with pytest.raises(UsageError) as failed:
        api.ask(**{"corpus": "math", "family": "math-oe", "budget": 5e19, **changed})
    assert message in failed.value.message and "\n" not in failed.value.message
    assert hint in failed.value.hint


def test_a_mistake_ends_with_status_2():
    done = run(*QUESTION, "--corpus", "maths")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.splitlines() == [
        "error: corpus: found 'maths', allowed are general, math",
        "hint: did you mean math?",
    ]


def test_own_pairs_replace_the_published_lengths(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("prompt,ift,reasoning\n100,500,3000\n", encoding="utf-8")
    done = run(*QUESTION, "--pairs", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert any("your 1 pairs" in text for text in json.loads(done.stdout)["caveats"])
