"""Makes a few dozen pairs with a real model behind a real server, and shows what came. Run by `make demo-real`.

    python scripts/demo_real.py [--limit 24]

It starts small_server.py on a free port, has `isothink generate studies/gsm8k.yaml` ask it a pilot of the prompts,
prints one of the pairs, and stops the server.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
STUDY = Path("studies") / "gsm8k.yaml"
RUN = Path("runs") / "gsm8k"


@contextmanager
def small_server() -> Iterator[str]:
    """The base URL of the small server, on all cores, since nothing else runs meanwhile.

    Raises:
        SystemExit: it does not start; it has said why.
    """
    command = [sys.executable, str(ROOT / "scripts" / "small_server.py"), "--threads", str(os.cpu_count() or 1)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit(process.wait())
        try:
            yield url
        finally:
            process.stdin.close()


def generate(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """`isothink generate` of the study with the server at `url`."""
    command = [sys.executable, "-m", "isothink", "generate", str(STUDY), f"teacher.base_urls=[{url}]", *options]
    print(f"$ {' '.join(['isothink', *command[3:]])}\n", flush=True)
    return subprocess.run(command, cwd=ROOT, text=True, check=False)


def best_pair(limit: int) -> dict[str, Any] | None:
    """A pair of the pilot: one that is right in both modes, else with reasoning, else any; None if there is none."""
    files = sorted((ROOT / RUN).glob(f"pilots/pilot{limit}-*/pairs.parquet"), key=lambda file: file.stat().st_mtime)
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


def main() -> int:
    """Starts the server, generates, shows a pair."""
    parser = argparse.ArgumentParser(description="Makes a few dozen pairs from GSM8K with a real server.")
    parser.add_argument("--limit", type=int, default=24, help="how many prompts are asked")
    arguments = parser.parse_args()
    with small_server() as url:
        print(f"SmolLM2-135M-Instruct on llama.cpp, at {url}\n")
        done = generate(url, "--limit", str(arguments.limit))
    if done.returncode == 0:
        pair = best_pair(arguments.limit)
        if pair is not None:
            show(pair)
        print("\nAll 200 prompts, of which only the missing are asked; in two terminals:")
        print("  python scripts/small_server.py --port 8080")
        print(f"  isothink generate {STUDY}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
