"""A whole study with a real model: pairs from a real server, two students trained on them, a verdict. `make demo-real`.

    python scripts/demo_real.py [--limit 24]

It starts small_server.py on a free port, has `isothink generate studies/gsm8k-students.yaml` ask it every question
twice, prints one of the pairs and stops the server. Then small_student.py writes the model as a Hugging Face folder,
once, and `isothink run` trains it in two arms at equal compute, asks the students questions of GSM8K's test split, and
writes the report. What is there already is not done again. With `--limit` it makes that many pairs and stops.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"
STUDY = Path("studies") / "gsm8k-students.yaml"
RUN = Path("runs") / "gsm8k"
STUDENT = Path("runs") / "smollm2-135m"
ANSWERS = """
SELECT arm, budget_flops, count(*) AS answers, sum(score) AS right_answers,
       sum((stop_reason = 'length')::INT) AS cut_off, sum((think_state <> 'none')::INT) AS with_a_trace
FROM samples JOIN cells USING (cell) GROUP BY ALL ORDER BY ALL
"""


@contextmanager
def small_server() -> Iterator[str]:
    """The base URL of the small server, on all cores, since nothing else runs meanwhile.

    Raises:
        SystemExit: it does not start; it has said why.
    """
    command = [sys.executable, str(SCRIPTS / "small_server.py"), "--threads", str(os.cpu_count() or 1)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit(process.wait())
        try:
            yield url
        finally:
            process.stdin.close()


def isothink(*arguments: str) -> None:
    """Runs a command of isothink and shows it.

    Raises:
        SystemExit: it fails; it has said why.
    """
    print(f"\n$ isothink {' '.join(arguments)}\n", flush=True)
    status = subprocess.run([sys.executable, "-m", "isothink", *arguments], cwd=ROOT, check=False).returncode
    if status:
        raise SystemExit(status)


def best_pair(places: str) -> dict[str, Any] | None:
    """A pair of the newest table: one that is right in both modes, else with reasoning, else any; None if none is."""
    files = sorted((ROOT / RUN).glob(f"{places}/pairs.parquet"), key=lambda file: file.stat().st_mtime)
    pairs = pq.read_table(files[-1]).to_pylist() if files else []
    return max(pairs, key=lambda pair: (bool(pair["on_correct"]), bool(pair["off_correct"])), default=None)


def show(pair: dict[str, Any]) -> None:
    """Prints one pair."""
    parts = {
        "prompt": pair["prompt"],
        "answer without reasoning": pair["ift_answer"],
        "trace": pair["trace"],
        "answer after the trace": pair["reasoning_answer"],
        "reference": pair["reference"],
    }
    print("\nOne of the pairs:")
    for name, text in parts.items():
        indented = text.replace("\n", "\n    ")
        print(f"  {name}\n    {indented}")


def make_pairs(options: Sequence[str], places: str) -> None:
    """Has a server that lives as long as this asked for the pairs, and shows one."""
    with small_server() as url:
        print(f"SmolLM2-135M-Instruct on llama.cpp, at {url}")
        isothink("generate", str(STUDY), f"teacher.base_urls=[{url}]", *options)
    pair = best_pair(places)
    if pair is not None:
        show(pair)


def write_student() -> None:
    """Writes the students' weights where the study looks for them, unless they are there.

    Raises:
        SystemExit: a package is missing; it has said which.
    """
    print(f"\n$ python scripts/small_student.py {STUDENT}", flush=True)
    command = [sys.executable, str(SCRIPTS / "small_student.py"), str(ROOT / STUDENT)]
    status = subprocess.run(command, check=False).returncode
    if status:
        raise SystemExit(status)


def main() -> int:
    """Pairs, students, verdict; says what it took and what it shows."""
    parser = argparse.ArgumentParser(description="Makes pairs from GSM8K with a real server, and students of them.")
    parser.add_argument("--limit", type=int, help="ask only so many prompts, and stop with the pairs")
    limit = parser.parse_args().limit
    started = time.perf_counter()
    write_student()  # the study names its folder, so it is there before anything is read
    if limit is not None:
        make_pairs(["--limit", str(limit)], f"pilots/pilot{limit}-*")
        return 0
    make_pairs([], "pairs/*")
    paired = time.perf_counter()
    isothink("run", str(STUDY))
    isothink("sql", str(RUN), " ".join(ANSWERS.split()))
    print(
        f"\nPairs took {(paired - started) / 60:.1f} minutes, training, answers and report"
        f" {(time.perf_counter() - paired) / 60:.1f}."
        "\nThis shows that the machinery works and nothing more: the teacher is hardly ever right, a student sees a few"
        "\ndozen of its answers once, and there are sixteen questions and one seed. No difference here means anything."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
