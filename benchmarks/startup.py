"""Seconds that the package and its light commands take to start: medians over fresh processes.

    python benchmarks/startup.py
    python benchmarks/startup.py --runs 21
    python benchmarks/startup.py --run runs/quickstart --family arithmetic-oe    # also `isothink verdict` on that run

Also says whether `import isothink` or a light command loaded torch, which takes seconds by itself.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

MODEL = ["Qwen/Qwen2.5-7B", "--prompt-tokens", "140", "--output-tokens", "435"]
COMMAND = [str(Path(sys.executable).with_name("isothink"))]
"""The installed script beside this interpreter."""
PROGRAMS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import isothink": [sys.executable, "-c", "import isothink"],
    "import isothink.api": [sys.executable, "-c", "import isothink.api"],
    "isothink --help": [*COMMAND, "--help"],
    "isothink price": [*COMMAND, "price", *MODEL],
    "isothink price --json": [*COMMAND, "price", *MODEL, "--json"],
    "isothink list models": [*COMMAND, "list", "models"],
}
HEAVY = ("torch", "transformers", "scipy.special", "altair", "duckdb", "pyarrow")


def seconds(program: list[str]) -> tuple[float, float]:
    """Wall time of one fresh process, and processor time of it."""
    before = _children()
    started = time.perf_counter()
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started, _children() - before


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def loaded_by(module: str) -> list[str]:
    """Which heavy libraries importing a module loads."""
    program = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--run", help="the folder of a finished run")
    parser.add_argument("--family", help="a family of that run's benchmarks")
    options = parser.parse_args()
    programs = dict(PROGRAMS)
    if options.run:
        programs["isothink verdict"] = [*COMMAND, "verdict", options.run, "--family", options.family]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for program in programs.values():
        seconds(program)  # fills the file cache
    for _ in range(options.runs):
        for name, program in programs.items():
            times[name].append(seconds(program))
    print("median seconds of a whole process, wall (smallest to largest) and processor")
    for name, values in times.items():
        walls = [wall for wall, _ in values]
        processor = statistics.median(used for _, used in values)
        print(f"  {name:<22} {statistics.median(walls):.3f} ({min(walls):.3f} to {max(walls):.3f})   {processor:.3f}")
    for module in ("isothink", "isothink.api", "isothink.cli.main"):
        print(f"  import {module} loads: {', '.join(loaded_by(module)) or 'no heavy library'}")


if __name__ == "__main__":
    main()
