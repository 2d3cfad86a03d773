"""Tables of known truth for `isothink predict`, and how far off and how honest it is on them.

`python tests/evidence/size_simulation.py [TABLES]` prints the figures of docs/prediction.md; the tests run a few.
"""

import sys
from dataclasses import dataclass

import numpy as np

from isothink.evidence.prediction import GainOver, predict
from isothink.evidence.size_series import SizeSeries

KINDS = ("sigmoid", "sigmoid, no cap", "flat", "saturating", "turning", "mixed")
NOISE = 0.015
"""Standard deviation of an accuracy of one half: about 1,100 items."""


@dataclass(frozen=True)
class Outcome:
    error: float
    plain_error: float
    covered: float
    refused: float
    width: float
    cells: int
    gain_covered: float
    gain_width: float
    sign_right: float


def table(kind, generator, *, families=4, arms=2, sizes=None, noise=NOISE):
    """Series of several families and arms with noise, whose slopes are alike within a family and within an arm."""
    count = int(sizes or generator.integers(4, 7))
    steps = np.concatenate([[0.0], generator.uniform(0.5, 1.1, count - 1)])
    logs = np.cumsum(steps)
    levels = generator.normal(0, 0.8, families)[:, None] + generator.normal(0, 0.4, arms)
    slopes = 0.55 + generator.normal(0, 0.15, families)[:, None] + generator.normal(0, 0.15, arms)
    keys, values, caps = [], [], []
    for family in range(families):
        cap = generator.uniform(0.75, 0.97)
        for arm in range(arms):
            shape = kind if kind != "mixed" else str(generator.choice(["sigmoid", "flat", "saturating", "turning"]))
            level = levels[family, arm] + generator.normal(0, 0.3) - 0.5
            slope = max(slopes[family, arm] + generator.normal(0, 0.1), -0.1)
            keys.append((f"family {family}", f"arm {arm}"))
            values.append(curve(shape, logs, cap, level, slope, generator))
            caps.append(np.nan if kind == "sigmoid, no cap" else cap)
    truth = np.array(values)
    observed = truth + generator.normal(0, 1, truth.shape) * 2 * noise * np.sqrt(truth * (1 - truth))
    series = SizeSeries(
        keys=tuple(keys), sizes=0.5 * np.exp(logs), values=np.clip(observed, 0, 1), caps=np.array(caps, dtype=float)
    )
    return series, truth


def curve(shape, logs, cap, level, slope, generator):
    if shape == "flat":
        return np.full(len(logs), cap * logistic(level))
    if shape == "saturating":
        end, start = cap * logistic(level + 0.7), cap * logistic(level - 1.0)
        return end - (end - start) * np.exp(-1.1 * logs)
    if shape == "turning":
        return cap * logistic(level + generator.uniform(0.3, 1.0) * 0.5 * ((logs - 1.0) ** 2 - 1.0))
    return cap * logistic(level + slope * logs)


def logistic(values):
    return 1.0 / (1.0 + np.exp(-values))


def outcome(kind, tables, *, hidden="largest", seed=1, sizes=None):
    """Hides the largest size, a middle one or the smallest of many tables; figures in points, over all cells."""
    generator = np.random.default_rng(seed)
    errors, plain, covered, widths, gains, refused, cells = [], [], [], [], [], 0, 0
    mode = "larger" if hidden == "largest" else "others"
    for _ in range(tables):
        series, _ = table(kind, generator, sizes=sizes)
        size = float(series.sizes[{"largest": -1, "middle": len(series.sizes) // 2, "smallest": 0}[hidden]])
        over = GainOver(column="arm", baseline="arm 0")
        found = predict(series, ("family", "arm"), hold_out=(size,), mode=mode, gain_over=over)
        gains.extend(cell for cell in found.held_out_gains if cell.gain is not None)
        cells += len(found.held_out)
        refused += found.hold_outs[0].refused
        if found.hold_outs[0].plain_guess_error is not None:
            plain.append((found.hold_outs[0].plain_guess_error, found.hold_outs[0].predicted))
        for cell in found.held_out:
            if cell.predicted is not None:
                errors.append(abs(cell.predicted - cell.actual))
                covered.append(cell.interval[0] <= cell.actual <= cell.interval[1])
                widths.append(cell.interval[1] - cell.interval[0])
    guesses = np.array(plain)
    return Outcome(
        error=100 * float(np.mean(errors)),
        plain_error=100 * float(np.average(guesses[:, 0], weights=guesses[:, 1])),
        covered=float(np.mean(covered)),
        refused=refused / cells,
        width=100 * float(np.mean(widths)),
        cells=cells,
        gain_covered=float(np.mean([cell.interval[0] <= cell.actual <= cell.interval[1] for cell in gains])),
        gain_width=100 * float(np.mean([cell.interval[1] - cell.interval[0] for cell in gains])),
        sign_right=float(np.mean([np.sign(cell.gain) == np.sign(cell.actual) for cell in gains])),
    )


if __name__ == "__main__":
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print(
        "| series | hidden | cells | error | plain guess | 90% intervals cover | mean width | refused"
        " | those of gains cover | mean width | sign right |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for hidden, name in (("largest", "the largest"), ("middle", "a middle one"), ("smallest", "the smallest")):
        for kind in KINDS:
            got = outcome(kind, tables, hidden=hidden)
            print(
                f"| {kind} | {name} | {got.cells:,} | {got.error:.1f} | {got.plain_error:.1f}"
                f" | {100 * got.covered:.0f}% | {got.width:.0f} | {100 * got.refused:.0f}%"
                f" | {100 * got.gain_covered:.0f}% | {got.gain_width:.0f} | {100 * got.sign_right:.0f}% |"
            )
