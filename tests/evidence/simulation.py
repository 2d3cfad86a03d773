"""Studies with a known truth, and how often the analysis is right about them.

`python tests/evidence/simulation.py [STUDIES]` prints the table; test_coverage.py runs a small version.

Truth is a probit model: an answer is right when  location + item + item-by-configuration + seed + noise > 0,
all normal, so the expected accuracy over items and training runs is known exactly. The noise is drawn per seed and
item: that is the seed-by-item interaction, which the analysis must not count twice.

Probabilities of being on the frontier are judged where truths themselves are drawn, from the prior of `draw_truth`.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from isothink.evidence.comparison import compare
from isothink.evidence.draws import draw_family
from isothink.evidence.family import build_family
from isothink.evidence.frontier import Tolerances, axis_costs, dominators, frontiers
from isothink.evidence.observations import CellFacts, ItemFacts, Observations
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.shrinkage import shrink

STUDENTS = ("s", "m", "l")
ARMS = ("ift", "reasoning")
BUDGETS = (1e11, 1e12)


@dataclass(frozen=True, kw_only=True)
class World:
    """What a simulated study is drawn from."""

    seeds: int = 3
    items: int = 150
    seed_deviation: float = 0.0
    item_deviation: float = 1.0
    pair_deviation: float = 0.3
    share_trunks: bool = False
    benchmarks: int = 1
    untrained: tuple[str, ...] = ()
    students: tuple[str, ...] = STUDENTS
    arms: tuple[str, ...] = ARMS
    budgets: tuple[float, ...] = BUDGETS


def configuration_name(student, arm, budget):
    return f"{student}/{arm}/{budget:g}"


def uniform_truth(world, accuracy):
    return {
        configuration_name(student, arm, budget): accuracy
        for student in world.students
        for arm in world.arms
        for budget in world.budgets
    }


def simulate(world, truth, generator):
    """Observations of every configuration of the world, whose expected accuracies are `truth`."""
    total = np.sqrt(1 + world.item_deviation**2 + world.pair_deviation**2 + world.seed_deviation**2)
    item = world.item_deviation * generator.standard_normal(world.items)
    cells, rows, luck = [], [], {}
    for student in world.students:
        for arm in world.arms:
            for budget in world.budgets:
                name = configuration_name(student, arm, budget)
                if name in world.untrained:
                    continue
                pair = world.pair_deviation * generator.standard_normal(world.items)
                for seed in range(world.seeds):
                    trunk = f"{student}/{arm}/{seed}" + ("" if world.share_trunks else f"/{budget:g}")
                    luck.setdefault(trunk, world.seed_deviation * generator.standard_normal())
                    noise = generator.standard_normal(world.items)
                    latent = total * ndtri(truth[name]) + item + pair + luck[trunk] + noise
                    rows.append((latent > 0).astype(float))
                    cells.append(cell_facts(student, arm, budget, seed, trunk))
    return observations(cells, np.array(rows), benchmarks=world.benchmarks)


def cell_facts(student, arm, budget, seed=0, trunk=None, parameters=None, **changes):
    kind = arm if arm in ARMS else "curriculum"
    sizes = {"s": 10**6, "m": 10**7, "l": 10**8}
    facts = {
        "cell": f"{configuration_name(student, arm, budget)}/{seed}",
        "configuration": configuration_name(student, arm, budget),
        "student": student,
        "parameters": parameters or sizes.get(student, 10**6),
        "arm": arm,
        "arm_kind": kind,
        "budget_flops": budget,
        "seed": seed,
        "trunk": trunk or f"{student}/{arm}/{budget:g}/{seed}",
        "training_flops": {"exact": 0.99 * budget},
        "fixed_flops": 0.0,
    }
    return CellFacts(**(facts | changes))


def observations(cells, correct, *, benchmarks=1, family="f", costs=None, truncated=None, clusters=None):
    """Observations with plain costs: 10 FLOPs per parameter and query, five times that for reasoning."""
    correct = np.atleast_2d(np.asarray(correct, dtype=float))
    count = correct.shape[1]
    items = tuple(
        ItemFacts(
            item=f"i{number:05d}",
            benchmark=f"b{number % benchmarks}",
            family=family,
            cluster=f"c{number if clusters is None else clusters[number]:05d}",
        )
        for number in range(count)
    )
    if costs is None:
        costs = [10.0 * cell.parameters * (5 if cell.arm != "ift" else 1) for cell in cells]
    per_answer = np.where(np.isfinite(correct), 1.0, np.nan)
    return Observations(
        cells=tuple(cells),
        items=items,
        correct=correct,
        truncated=0.0 * per_answer if truncated is None else np.asarray(truncated, dtype=float),
        looping=0.0 * per_answer,
        thinking=0.0 * per_answer,
        prompt_tokens=10 * per_answer,
        trace_tokens=0.0 * per_answer,
        answer_tokens=5 * per_answer,
        inference_flops={"exact": per_answer * np.asarray(costs, dtype=float).reshape(len(cells), 1)},
    )


def assess(world, truth, studies, *, settings, start=0, draw=draw_family):
    """Coverage of accuracies and same-student differences, and the shares of studies with a false and a right outcome.

    False is a winner where there is none or the other arm's; right is one where it is.
    """
    covered, covered_difference, false, right, widths = [], [], [], [], []
    for number in range(studies):
        data = simulate(world, truth, np.random.default_rng([start, number]))
        own = settings.model_copy(update={"random_seed": number})
        family, _ = build_family(data, "f", students=world.students, arms=world.arms, convention="exact")
        drawn = draw(family, own)
        actual = np.array([truth[item.name] for item in family.configurations])
        low, high = np.quantile(drawn.accuracy_draws, [0.05, 0.95], axis=0)
        low, high = np.minimum(low, drawn.accuracy), np.maximum(high, drawn.accuracy)
        covered.append(np.mean((low <= actual) & (actual <= high)))
        widths.append(np.mean(high - low))
        found = compare([drawn], budgets_flops=world.budgets, arms=world.arms, settings=own)
        for item in found:
            if item.kind == "same_student":
                ours = truth[configuration_name(item.student, item.arm, item.budget_flops)]
                theirs = truth[configuration_name(item.student, "ift", item.budget_flops)]
                covered_difference.append(item.interval.low <= ours - theirs <= item.interval.high)
        best = [(item, _best_difference(item, truth, world)) for item in found if item.kind == "best_student"]
        winners = [
            (1 if item.outcome == "better" else -1, actual) for item, actual in best if item.outcome != "unresolved"
        ]
        false.append(any(sign * actual <= 0 for sign, actual in winners))
        right.append(any(sign * actual > 0 for sign, actual in winners))
    return {
        "accuracy": float(np.mean(covered)),
        "difference": float(np.mean(covered_difference)) if covered_difference else None,
        "false_outcomes": float(np.mean(false)),
        "right_outcomes": float(np.mean(right)),
        "width": float(np.mean(widths)),
    }


def _best_difference(item, truth, world):
    """The true difference between the arm's best student and that of IFT, among those that were trained."""

    def best(arm):
        names = [configuration_name(student, arm, item.budget_flops) for student in world.students]
        return max(truth[name] for name in names if name not in world.untrained)

    return best(item.arm) - best("ift")


def draw_truth(world, generator):
    """The stated prior: 0.55 plus normal effects of student, arm, budget and configuration, within 0.05 and 0.95."""
    student, arm, budget = (
        dict(zip(names, deviation * generator.standard_normal(len(names)), strict=True))
        for names, deviation in ((world.students, 0.06), (world.arms, 0.03), (world.budgets, 0.05))
    )
    return {
        configuration_name(s, a, b): float(
            np.clip(0.55 + student[s] + arm[a] + budget[b] + 0.03 * generator.standard_normal(), 0.05, 0.95)
        )
        for s in world.students
        for a in world.arms
        for b in world.budgets
    }


def frontier_reliability(world, studies, *, settings, start=0):
    """Stated probabilities, whether they came true, whether the truth has a tie; one entry per configuration and axis.

    A tie is another configuration within the tolerances in both true accuracy and cost.
    """
    tolerances = Tolerances(accuracy=settings.accuracy_tolerance, cost=settings.cost_tolerance)
    stated, true, tied = [], [], []
    for number in range(studies):
        generator = np.random.default_rng([start, number, 1])
        truth = draw_truth(world, generator)
        data = simulate(world, truth, generator)
        own = settings.model_copy(update={"random_seed": number})
        family, _ = build_family(data, "f", students=world.students, arms=world.arms, convention="exact")
        drawn = draw_family(family, own)
        actual = np.array([truth[item.name] for item in family.configurations])
        for frontier in frontiers(drawn, shrink(drawn, own), queries=1e4, settings=own):
            cost, _ = axis_costs(drawn, frontier.axis, 1e4, 1, "exact")  # costs do not differ between items here
            probability = {item.configuration: item.probability for item in frontier.members}
            for index, item in enumerate(family.configurations):
                near = np.abs(actual - actual[index]) <= tolerances.accuracy_step
                alike = np.maximum(cost, cost[index]) <= np.minimum(cost, cost[index]) * tolerances.cost_factor
                stated.append(probability[item.name])
                true.append(not dominators(actual[None], cost[None], index, tolerances).any())
                tied.append((near & alike).sum() > 1)
    return np.array(stated), np.array(true), np.array(tied)


def deciles(stated, true):
    """Per decile of stated probability: how many, the mean stated, the share that came true."""
    number = np.minimum((stated * 10).astype(int), 9)
    groups = [(index, number == index) for index in range(10)]
    return [(index, int(own.sum()), stated[own].mean(), true[own].mean()) for index, own in groups if own.any()]


def scenes():
    """Label, world and truth of every row of the table."""
    one, five = ("s",), tuple("abcde")
    for students, budgets in ((one, BUDGETS[:1]), (STUDENTS, BUDGETS)):
        for items in (30, 150):
            for spread in (0.0, 0.15, 0.6):
                for seeds in (2, 3, 5):
                    label = (
                        f"{seeds} seeds, sd {spread}, {items} items, {len(students)} students, {len(budgets)} budgets"
                    )
                    yield (
                        label,
                        World(seeds=seeds, items=items, seed_deviation=spread, students=students, budgets=budgets),
                        0.6,
                    )
    few = World(seed_deviation=0.3, untrained=untrained("reasoning", STUDENTS[:-1]))
    fewer = World(seed_deviation=0.3, students=five, untrained=untrained("reasoning", five[:-1]))
    yield "3 seeds, sd 0.3, IFT has 3 equal students, reasoning 1", few, 0.6
    yield "3 seeds, sd 0.3, IFT has 5 equal students, reasoning 1", fewer, 0.6
    yield (
        "3 seeds, sd 0.3, reasoning has 3 equal students, IFT 1",
        World(seed_deviation=0.3, untrained=untrained("ift", STUDENTS[:-1])),
        0.6,
    )
    yield "3 seeds, sd 0.3, 4 arms", World(seed_deviation=0.3, arms=(*ARMS, "mixed(0.5)", "sequential(0.5)")), 0.6
    yield "2 seeds, sd 0.3, shared trunks", World(seeds=2, seed_deviation=0.3, share_trunks=True), 0.6
    yield "2 seeds, sd 0.3, 3 benchmarks", World(seeds=2, seed_deviation=0.3, benchmarks=3), 0.6
    yield "3 seeds, sd 0.3, near the ceiling", World(seeds=3, seed_deviation=0.3), 0.97
    yield "3 seeds, sd 0, near the ceiling, 30 items", World(seeds=3, items=30), 0.97
    yield "3 seeds, sd 0.3, near the floor", World(seeds=3, seed_deviation=0.3), 0.05


def untrained(arm, students):
    return tuple(configuration_name(student, arm, budget) for student in students for budget in BUDGETS)


def ladder_truth(world, gain):
    """IFT at 0.50, 0.58 and 0.62 up the ladder of three, reasoning higher by `gain`."""
    steps = dict(zip(STUDENTS, (0.50, 0.58, 0.62), strict=True))
    return {name: steps[name[0]] + gain * ("reasoning" in name) for name in uniform_truth(world, 0.0)}


def print_coverage(studies, settings):
    print(f"{studies} studies a row; nominal coverage 0.90, false outcomes at most 0.10")
    print(f"{'':58s} accuracy  difference  false outcomes  width")
    for label, world, accuracy in scenes():
        found = assess(world, uniform_truth(world, accuracy), studies, settings=settings)
        print(
            f"{label:58s} {found['accuracy']:8.3f}  {found['difference'] or np.nan:10.3f}"
            f"  {found['false_outcomes']:14.3f}  {found['width']:5.3f}",
            flush=True,
        )


def print_power(studies, settings):
    print("\nright outcomes, 3 seeds, sd 0.15, 300 items, a ladder of 0.50, 0.58 and 0.62 and one gain for all")
    world = World(items=300, seed_deviation=0.15)
    for gain in (0.04, 0.08, 0.12):
        found = assess(world, ladder_truth(world, gain), studies, settings=settings)
        print(f"gain {gain}: right {found['right_outcomes']:.3f}, false {found['false_outcomes']:.3f}", flush=True)


def print_reliability(studies, settings):
    print("\nprobability of being on the frontier: cases, mean stated, share true; then the same for ties")
    for seeds, spread in ((2, 0.15), (3, 0.15), (3, 0.6), (5, 0.0)):
        stated, true, tied = frontier_reliability(World(seeds=seeds, seed_deviation=spread), studies, settings=settings)
        print(f"{seeds} seeds, sd {spread}, 150 items, 3 students, 2 budgets, 3 axes; {tied.mean():.0%} are ties")
        apart, among = deciles(stated[~tied], true[~tied]), deciles(stated[tied], true[tied])
        ties = {index: rest for index, *rest in among}
        for index, count, mean, share in apart:
            other = ties.get(index, (0, np.nan, np.nan))
            print(
                f"  {index / 10:.1f} to {index / 10 + 0.1:.1f} {count:6d}  {mean:.3f}  {share:.3f}"
                f"  {other[0]:6d}  {other[1]:.3f}  {other[2]:.3f}",
                flush=True,
            )


def main():
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    settings = AnalysisSettings(draws=1000, frontier_draws=500)
    print_reliability(studies, settings)
    print_power(studies, settings)
    print_coverage(studies, settings)


if __name__ == "__main__":
    main()
