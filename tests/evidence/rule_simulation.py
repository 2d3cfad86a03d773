"""Studies of known truth for the rule within a run: how often its intervals hold the truth, and what it refuses.

`python tests/evidence/rule_simulation.py [STUDIES]` prints the figures of docs/prediction.md; the tests run a few.
"""

import sys
from dataclasses import dataclass

import numpy as np

from isothink.evidence.record import ConfigurationResult, Evidence, Interval
from isothink.evidence.rule import fit_rules
from isothink.evidence.rule_configuration import predicted_configuration

ITEMS = 1000
SEED_DEVIATION = 0.05
"""In logits, of one training run."""
SMALLEST = 1_000_000
STEP = 4
"""Between neighbouring sizes."""
BUDGETS = (1e18, 1e19)


@dataclass(frozen=True)
class Line:
    """Expected accuracy = cap x logistic(level + slope x ln(size / smallest) + bend x its square)."""

    level: float
    slope: float
    bend: float = 0.0
    cap: float = 1.0

    def __call__(self, size):
        logs = np.log(size / SMALLEST)
        return self.cap / (1.0 + np.exp(-(self.level + self.slope * logs + self.bend * logs**2)))


def lines(generator, *, families=3, arms=("ift", "reasoning"), crossing=None):
    """Lines of every series: slopes are alike within a family; reasoning crosses ift at a size where one is given."""
    found = {}
    for family in range(families):
        for budget, extra in zip(BUDGETS, (0.0, 0.4), strict=True):
            level, slope = generator.normal(-0.8, 0.4) + extra, generator.uniform(0.15, 0.45)
            for arm in arms:
                if arm == "ift":
                    found[f"family {family}", arm, budget] = Line(level, slope)
                    continue
                steeper = generator.uniform(0.1, 0.25)
                offset = generator.normal(0, 0.4) if crossing is None else -steeper * np.log(crossing / SMALLEST)
                found[f"family {family}", arm, budget] = Line(level + offset, slope + steeper)
    return found


def ladder(count):
    return [SMALLEST * STEP**number for number in range(count)]


def study(truth, sizes, generator, *, items=ITEMS, seed_deviation=SEED_DEVIATION):
    """The evidence of a study that ran these sizes: accuracies with the noise of items and of training runs."""
    configurations = []
    for (family, arm, budget), line in truth.items():
        for size in sizes:
            seen = measured(line(size), generator, items, seed_deviation)
            deviation = np.sqrt((seen * (1 - seen) + 0.25 / items) / items)
            draws = np.clip(seen + deviation * generator.standard_normal(400), 0, 1)
            configurations.append(configuration(family, arm, budget, size, seen, draws))
    return evidence(configurations)


def measured(accuracy, generator, items=ITEMS, seed_deviation=SEED_DEVIATION):
    """What one training run and its answers to the items show of an expected accuracy."""
    logit = np.log(accuracy / (1 - accuracy)) + seed_deviation * generator.standard_normal()
    return generator.binomial(items, 1 / (1 + np.exp(-logit))) / items


def configuration(family, arm, budget, size, accuracy, draws=(), **changes):
    tokens = 200.0 if arm == "ift" else 1500.0 * (size / SMALLEST) ** -0.1
    cost = 2.0 * size * (tokens + 50)
    facts = {
        "configuration": f"{size}-{arm}-{budget:g}",
        "student": f"{size}",
        "parameters": size,
        "arm": arm,
        "arm_kind": arm,
        "budget_flops": budget,
        "family": family,
        "seeds": 1,
        "items": ITEMS,
        "training_flops": budget,
        "fixed_flops": 1e17,
        "inference_flops_per_query": cost,
        "lifetime_flops": budget + 1e17 + 1e6 * cost,
        "accuracy": accuracy,
        "expected_accuracy": accuracy,
        "interval": Interval(low=0.0, high=1.0),
        "accuracy_by_benchmark": {},
        "completion_rate": 1.0,
        "accuracy_of_completed": None,
        "looping_rate": 0.0,
        "truncation_bounds": Interval(low=0.0, high=1.0),
        "thinking_rate": 0.0,
        "mean_prompt_tokens": 50.0,
        "mean_trace_tokens": tokens - 200.0 if arm != "ift" else 0.0,
        "mean_answer_tokens": 200.0,
        "unscored": 0,
        "edge": False,
        "source": "trained",
        "inference_draws": (),
        "conventions": {},
        "serving": None,
        "accuracy_draws": tuple(int(value) for value in np.rint(1e4 * np.array(draws))),
    }
    return ConfigurationResult(**(facts | changes))


def evidence(configurations):
    return Evidence(
        study="simulated",
        students=tuple(dict.fromkeys(item.student for item in configurations)),
        arms=tuple(dict.fromkeys(item.arm for item in configurations)),
        families=tuple(dict.fromkeys(item.family for item in configurations)),
        budgets_flops=tuple(sorted({item.budget_flops for item in configurations})),
        queries=1e6,
        convention="exact",
        draws=400,
        level=0.9,
        significance=0.1,
        cost_tolerance=0.05,
        configurations=tuple(configurations),
        frontiers=(),
        comparisons=(),
        verdicts=(),
        seed_variance=(),
        missing=(),
        caveats=(),
        family_caveats={},
    )


@dataclass(frozen=True)
class Figures:
    accuracy_covered: float
    """Of the expected accuracy."""
    measured_covered: float
    """Of what a run of that size would show."""
    gain_covered: float
    accuracy_width: float
    gain_width: float
    sign_right: float
    drawn_covered: float
    refused: float
    count: int


def assess(sizes, studies, *, at, seed=1, items=ITEMS, **world):
    """Coverage of the expected accuracies and gains at a size that was not run, over all series of many studies."""
    generator = np.random.default_rng(seed)
    covered, shown, gains, widths, gain_widths, signs, drawn, refused = [], [], [], [], [], [], [], 0
    luck = np.random.default_rng([seed, 1])
    for _ in range(studies):
        truth = lines(generator, **world)
        found = study(truth, sizes, generator, items=items)
        for rule in fit_rules(found):
            for point in rule.points:
                if abs(point.parameters - at) > 1:
                    continue
                actual = truth[rule.family, point.arm, point.budget_flops](at)
                if point.refused:
                    refused += 1
                    continue
                covered.append(point.interval[0] <= actual <= point.interval[1])
                shown.append(point.interval[0] <= measured(actual, luck, items) <= point.interval[1])
                widths.append(point.interval[1] - point.interval[0])
                if point.gain is not None:
                    gain = actual - truth[rule.family, "ift", point.budget_flops](at)
                    gains.append(point.gain_interval[0] <= gain <= point.gain_interval[1])
                    gain_widths.append(point.gain_interval[1] - point.gain_interval[0])
                    signs.append(np.sign(point.gain) == np.sign(gain))
        item = predicted_configuration(found, "family 0", "reasoning", BUDGETS[0], round(at))
        low, high = np.quantile(np.array(item.accuracy_draws) / 1e4, [0.05, 0.95])
        drawn.append(low <= truth["family 0", "reasoning", BUDGETS[0]](at) <= high)
    return Figures(
        accuracy_covered=float(np.mean(covered)),
        measured_covered=float(np.mean(shown)),
        gain_covered=float(np.mean(gains)),
        accuracy_width=100 * float(np.mean(widths)),
        gain_width=100 * float(np.mean(gain_widths)),
        sign_right=float(np.mean(signs)),
        drawn_covered=float(np.mean(drawn)),
        refused=refused / (refused + len(covered)),
        count=len(covered),
    )


@dataclass(frozen=True)
class CrossoverFigures:
    found: float
    covered: float
    median_factor: float
    """Of those found, how far off as a factor, in the median."""


def assess_crossover(sizes, studies, *, crossing, seed=1, items=ITEMS):
    generator = np.random.default_rng(seed)
    found, covered, factors = [], [], []
    for _ in range(studies):
        truth = lines(generator, crossing=crossing)
        for rule in fit_rules(study(truth, sizes, generator, items=items)):
            for item in rule.crossovers:
                found.append(item.parameters is not None)
                if item.parameters is not None:
                    low, high = (item.interval[0] or 0.0), (item.interval[1] or np.inf)
                    covered.append(low <= crossing <= high)
                    factors.append(max(item.parameters / crossing, crossing / item.parameters))
    return CrossoverFigures(
        found=float(np.mean(found)), covered=float(np.mean(covered)), median_factor=float(np.median(factors))
    )


def main():
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print(
        "| ladder | size asked for | predictions | expected accuracy covered | as measured | mean width"
        " | gain covered | mean width | sign right | draws covered | refused |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for count in (3, 5):
        sizes = ladder(count)
        middle = np.sqrt(sizes[-2] * sizes[-1])
        grid = np.geomspace(0.5 * sizes[0], 4 * sizes[-1], 13)
        beyond = round(grid[np.argmin(np.abs(np.log(grid / (2 * sizes[-1]))))])
        for name, at in ((f"{beyond / sizes[-1]:.1f} x the largest", beyond), ("between the two largest", middle)):
            got = assess(sizes, studies, at=at)
            print(
                f"| {count} sizes | {name} | {got.count:,} | {100 * got.accuracy_covered:.0f}%"
                f" | {100 * got.measured_covered:.0f}%"
                f" | {got.accuracy_width:.1f} | {100 * got.gain_covered:.0f}% | {got.gain_width:.1f}"
                f" | {100 * got.sign_right:.0f}% | {100 * got.drawn_covered:.0f}% | {100 * got.refused:.0f}% |"
            )
    print("\n| ladder | items | crossover found | its interval holds the truth | off by a factor of |")
    print("|---|---|---|---|---|")
    for count in (3, 5):
        for items in (ITEMS, 10 * ITEMS):
            sizes = ladder(count)
            got = assess_crossover(sizes, studies, crossing=sizes[0] * (sizes[-1] / sizes[0]) ** 0.4, items=items)
            print(
                f"| {count} sizes | {items:,} | {100 * got.found:.0f}% | {100 * got.covered:.0f}%"
                f" | {got.median_factor:.2f} |"
            )


if __name__ == "__main__":
    main()
