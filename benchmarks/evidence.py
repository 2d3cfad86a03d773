"""How long paired resampling takes, against a loop over `scipy.stats.bootstrap` on the same scores.

    python benchmarks/evidence.py
    python benchmarks/evidence.py --families 4 --rounds 5

Made-up scores of 40 cells (20 configurations with two seeds) on 18 benchmarks of 500 items. isothink draws 10,000
paired resamples of all of it by `draw_family`: accuracies, inference costs, pseudo-items and seeds. The loop calls
`scipy.stats.bootstrap` once for each cell and benchmark, for the mean with 10,000 resamples. It runs on the first cells
of one benchmark, and its time is multiplied up to all 720 calls. It is the smaller job: no costs, no seeds, and its
resamples are not paired across cells. It is timed as SciPy sets it (BCa intervals, all resamples in one array) and as
fast as it goes (percentile intervals, 100 resamples at a time). All run in turn; printed are seconds and ratios.
"""

import argparse
import os
import statistics
import time
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from isothink.evidence.draws import draw_family
from isothink.evidence.family import Family, build_family
from isothink.evidence.observations import CellFacts, ItemFacts, Observations
from isothink.evidence.settings import AnalysisSettings

CONFIGURATIONS, SEEDS, BENCHMARKS, ITEMS = 20, 2, 18, 500
CELLS = CONFIGURATIONS * SEEDS
LOOPS = {"as set by SciPy": {}, "fastest": {"method": "percentile", "batch": 100}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=1, help="families that share the benchmarks")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--calls", type=int, default=4, help="calls of the loop that are timed, for each of its settings"
    )
    options = parser.parse_args()
    data = study(options.families)
    families = [build(data, f"f{number}") for number in range(options.families)]
    settings = AnalysisSettings(draws=options.draws)
    print(
        f"{CELLS} cells, {BENCHMARKS} benchmarks of {ITEMS} items in {options.families} families, {options.draws} draws"
    )
    print(f"{os.cpu_count()} cores", flush=True)
    ours: list[float] = []
    loops: dict[str, list[float]] = {name: [] for name in LOOPS}
    for _ in range(options.rounds):
        start = time.perf_counter()
        for family in families:
            draw_family(family, settings)
        ours.append(time.perf_counter() - start)
        for name, arguments in LOOPS.items():
            seconds = time_call(data.correct[: options.calls, :ITEMS], options.draws, arguments)
            loops[name].append(seconds * CELLS * BENCHMARKS)
    print(f"isothink: {min(ours):.2f} s (median {statistics.median(ours):.2f})")
    for name, times in loops.items():
        ratios = [loop / own for own, loop in zip(ours, times, strict=True)]
        print(f"loop, {name}: {min(times):.1f} s (median {statistics.median(times):.1f})")
        print(f"  loop / isothink: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


def time_call(scores: np.ndarray, draws: int, arguments: dict[str, Any]) -> float:
    """Seconds of one call, on average over these rows."""
    start = time.perf_counter()
    for number, row in enumerate(scores):
        bootstrap((row,), np.mean, n_resamples=draws, rng=number, **arguments)
    return (time.perf_counter() - start) / len(scores)


def build(data: Observations, name: str) -> Family:
    family, missing = build_family(data, name, students=(), arms=(), convention="exact")
    assert not missing, missing
    return family


def study(families: int) -> Observations:
    """Scores right with probability 0.6, answers of 1 to 200 tokens."""
    generator = np.random.default_rng(0)
    cells = [cell(configuration, seed) for configuration in range(CONFIGURATIONS) for seed in range(SEEDS)]
    items = tuple(
        ItemFacts(item=f"i{item}", benchmark=f"b{number:02d}", family=f"f{number % families}", cluster=f"c{item}")
        for number in range(BENCHMARKS)
        for item in range(ITEMS)
    )
    size = (len(cells), len(items))
    tokens = generator.integers(1, 200, size).astype(np.float64)
    none = np.zeros(size)
    return Observations(
        cells=tuple(cells),
        items=items,
        correct=(generator.random(size) < 0.6).astype(np.float64),
        truncated=none,
        looping=none,
        thinking=none,
        prompt_tokens=none + 100,
        trace_tokens=none,
        answer_tokens=tokens,
        inference_flops={"exact": 1e9 * tokens},
    )


def cell(configuration: int, seed: int) -> CellFacts:
    name = f"student{configuration // 2}/{'ift' if configuration % 2 else 'reasoning'}"
    student, arm = name.split("/")
    return CellFacts(
        cell=f"{name}/{seed}",
        configuration=name,
        student=student,
        parameters=10**6,
        arm=arm,
        arm_kind=arm,
        budget_flops=1e12,
        seed=seed,
        trunk=f"{name}/{seed}",
        training_flops={"exact": 1e12},
        fixed_flops=0.0,
    )


if __name__ == "__main__":
    main()
