"""How long scoring takes: recorded answers, answers that need algebra, and expressions that hang the checker.

    python benchmarks/scoring.py example_model_solutions.jsonl

The file is GSM8K's `example_model_solutions.jsonl` (github.com/openai/grade-school-math, MIT): the solutions of four
systems to its test questions. They are scored as often as makes 10,000 answers with the others. A twentieth of them are
fractions and roots that math-verify has to compare; ten are expressions whose values no computer holds. Printed are the
seconds for all of it, the start of the processes included, and how long single comparisons take a checker.
"""

import argparse
import json
import os
import resource
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

from isothink.backends.math_checker import DEADLINE_SECONDS, MathVerifyChecker
from isothink.run.backends import Verification
from isothink.scoring.verification import Check

ANSWERS = 10_000
ALGEBRA = 500
HANGING = ("10!!!!", "9!!!!!", "2^{10!!!}+1", "12!!!!", "11!!!!-1", "13!!!!", "8!!!!!", "14!!!!", "15!!!!", "16!!!!")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("solutions", type=Path, help="GSM8K's example_model_solutions.jsonl")
    parser.add_argument("--single", action="store_true", help="also time single comparisons")
    options = parser.parse_args()
    checks = all_checks(options.solutions)
    print(f"{len(checks)} answers, {ALGEBRA} of them for algebra, {len(HANGING)} hanging; {os.cpu_count()} cores")
    with Verification() as verification:
        start, used = time.perf_counter(), time.process_time()
        results = verification.verify(checks)
        seconds, here = time.perf_counter() - start, time.process_time() - used
    children = resource.getrusage(resource.RUSAGE_CHILDREN)  # known once they have ended
    processor = here + children.ru_utime + children.ru_stime
    print(f"{seconds:.1f} s, and {processor:.1f} s of processor time, {here:.1f} s of it in this process")
    scores = Counter("none" if result.score is None else f"{result.score:g}" for result in results)
    print("scores: " + ", ".join(f"{score}: {count}" for score, count in sorted(scores.items())))
    for reason, count in Counter(result.error for result in results if result.error is not None).items():
        print(f"  no score for {count}: {reason}")
    if options.single:
        time_single_comparisons()


def all_checks(path: Path) -> list[Check]:
    """10,000 checks: hanging ones spread among recorded ones and ones for algebra."""
    recorded = list(islice(cycle(recorded_checks(path)), ANSWERS - ALGEBRA - len(HANGING)))
    others = [check(answer, reference) for reference, answer in algebra()]
    others += [check(answer, "5") for answer in HANGING]
    step = len(recorded) // len(others)
    for number, other in enumerate(others):
        recorded.insert(number * (step + 1), other)
    return recorded


def recorded_checks(path: Path) -> list[Check]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    systems = [key for key in rows[0] if key not in ("question", "ground_truth")]
    return [
        Check(answer=row[system]["solution"], reference=row["ground_truth"], answer_format="math")
        for row in rows
        for system in systems
    ]


def algebra() -> list[tuple[str, str]]:
    """Pairs that differ from each other, in five kinds; every second is equal."""
    pairs = []
    for number in range(2, 2 + ALGEBRA // 5):
        right = number if number % 2 else number + 1
        pairs += [
            (rf"\frac{{{number}}}{{{number + 1}}}", f"{2 * right}/{2 * number + 2}"),
            (rf"{number}\sqrt{{2}}", rf"\sqrt{{{2 * right * right}}}"),
            (f"(x+{number})^2", f"x^2+{2 * right}x+{number * number}"),
            (rf"\{{1, {number}\}}", rf"\{{{right}, 1\}}"),
            (rf"\frac{{{number}\pi}}{{6}}", rf"{number / 6 if number == right else number}\pi"),
        ]
    return pairs


def check(answer: str, reference: str) -> Check:
    return Check(answer=rf"\boxed{{{answer}}}", reference=reference, answer_format="math")


def time_single_comparisons() -> None:
    """One by one, so that each time is that of one comparison."""
    times = []
    with MathVerifyChecker(processes=1) as checker:
        checker.check([("1/2", "0.5")])
        for pair in algebra():
            start = time.perf_counter()
            checker.check([pair])
            times.append((time.perf_counter() - start, pair))
    times.sort()
    middle, slow, slowest = times[len(times) // 2], times[int(len(times) * 0.99)], times[-1]
    print(f"one comparison: median {middle[0] * 1000:.1f} ms, 99% within {slow[0] * 1000:.0f} ms,", end=" ")
    print(f"longest {slowest[0] * 1000:.0f} ms ({slowest[1]}); the deadline is {DEADLINE_SECONDS:g} s")


if __name__ == "__main__":
    main()
