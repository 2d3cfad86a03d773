"""Studies with a known truth, and how often the analysis is right about them.

`python tests/evidence/simulation.py [STUDIES]` prints the table; test_coverage.py runs a small version.

Truth is a probit model: an answer is right when  location + item + item-by-configuration + seed + noise > 0,
all normal, so the expected accuracy over items and training runs is known exactly. The noise is drawn per seed and
item: that is the seed-by-item interaction, which the analysis must not count twice.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from isothink.evidence.comparison import compare
from isothink.evidence.draws import draw_family
from isothink.evidence.family import build_family
from isothink.evidence.observations import CellFacts, ItemFacts, Observations
from isothink.evidence.settings import AnalysisSettings
from isothink.plan.resolution import BenchmarkItems, Chance, Design, Side, smallest_resolvable

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
    """Coverage of accuracies and same-student differences, and the share of studies with a false outcome."""
    covered, covered_difference, false, widths = [], [], [], []
    for number in range(studies):
        generator = np.random.default_rng([start, number])
        data = simulate(world, truth, generator)
        own = settings.model_copy(update={"random_seed": number})
        family, _ = build_family(data, "f", students=world.students, arms=world.arms, convention="exact")
        drawn = draw(family, own)
        names = [item.name for item in family.configurations]
        actual = np.array([truth[name] for name in names])
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
        best = [item for item in found if item.kind == "best_student"]
        false.append(any(_false(item, truth, world) for item in best))
    return {
        "accuracy": float(np.mean(covered)),
        "difference": float(np.mean(covered_difference)),
        "false_outcomes": float(np.mean(false)),
        "width": float(np.mean(widths)),
    }


def _false(item, truth, world):
    def best(arm):
        return max(truth[configuration_name(student, arm, item.budget_flops)] for student in world.students)

    difference = best(item.arm) - best("ift")
    return (item.outcome == "better" and difference <= 0) or (item.outcome == "worse" and difference >= 0)


def both_right(accuracy, correlation):
    """How often two answers are right whose latent values are normal with that correlation, each with that accuracy."""
    common = np.linspace(-9, 9, 4001)
    density = np.exp(-(common**2) / 2) / np.sqrt(2 * np.pi) * (common[1] - common[0])
    right = ndtr((ndtri(accuracy) - np.sqrt(correlation) * common) / np.sqrt(1 - correlation))
    return float(right**2 @ density)


def chance_of(world, accuracy):
    """What `plan.resolution` has to be told of a world, worked out and not measured."""
    total = 1 + world.item_deviation**2 + world.pair_deviation**2 + world.seed_deviation**2

    def correlation(latent):
        together = both_right(accuracy, latent / total)
        return (together - accuracy**2) / (accuracy * (1 - accuracy))

    seeds = both_right(accuracy, world.seed_deviation**2 / total) - accuracy**2
    return Chance(
        accuracy=accuracy,
        item_correlation=correlation(world.item_deviation**2),
        seed_correlation=correlation(world.item_deviation**2 + world.pair_deviation**2),
        repeat_correlation=1.0,
        cluster_correlation=0.0,
        seed_deviation=float(np.sqrt(max(0.0, seeds))),
    )


def design_of(world, accuracy, settings):
    """A world as a plan would see it: one student of each arm decides."""
    each = world.items // world.benchmarks
    side = Side(seeds=world.seeds, repeats=1, is_greedy=True)
    runs = len(world.students) * len(world.arms) * (1 if world.share_trunks else len(world.budgets))
    return Design(
        benchmarks=tuple(
            BenchmarkItems(name=f"b{number}", items=each, clusters=each) for number in range(world.benchmarks)
        ),
        arm=side,
        baseline=side,
        freedom=runs * (world.seeds - 1),
        comparisons=len(world.budgets) * (len(world.arms) - 1),
        chance=chance_of(world, accuracy),
        significance=settings.significance,
        power=settings.power,
    )


def assess_power(world, accuracy, studies, *, settings, start=0):
    """The smallest difference that a plan promises, how often it is resolved, and what the analyses of it state.

    Resolved as the first of Holm's steps demands it, which is what the promise is about.
    """
    promised = smallest_resolvable(design_of(world, accuracy, settings))
    resolved, stated = [], []
    truth = {name: accuracy + promised / 2 * (-1 if "/ift/" in name else 1) for name in uniform_truth(world, accuracy)}
    for number in range(studies):
        data = simulate(world, truth, np.random.default_rng([start, number]))
        own = settings.model_copy(update={"random_seed": number})
        family, _ = build_family(data, "f", students=world.students, arms=world.arms, convention="exact")
        found = compare([draw_family(family, own)], budgets_flops=world.budgets, arms=world.arms, settings=own)
        best = [item for item in found if item.kind == "best_student"]
        resolved += [item.difference > 0 and item.p_value * len(best) < settings.significance for item in best]
        stated += [item.smallest_resolvable for item in best]
    return {"promised": promised, "resolved": float(np.mean(resolved)), "stated": float(np.mean(stated))}


def print_power(studies):
    """The promises of `isothink plan --power`, kept or not."""
    settings, one = AnalysisSettings(draws=2000), ("s",)
    scenes = [
        ("2 seeds, sd 0, 150 items", World(seeds=2, students=one, budgets=BUDGETS[:1]), 0.5),
        ("2 seeds, sd 0.15, 150 items", World(seeds=2, seed_deviation=0.15, students=one, budgets=BUDGETS[:1]), 0.5),
        ("3 seeds, sd 0.3, 150 items", World(seed_deviation=0.3, students=one, budgets=BUDGETS[:1]), 0.5),
        ("5 seeds, sd 0.15, 400 items", World(seeds=5, seed_deviation=0.15, items=400, students=one), 0.6),
        ("3 seeds, sd 0.15, 3 benchmarks", World(seed_deviation=0.15, benchmarks=3, students=one), 0.6),
        ("3 seeds, sd 0.15, 40 items", World(seed_deviation=0.15, items=40, students=one), 0.6),
        ("3 seeds, sd 0.15, accuracy 0.9", World(seed_deviation=0.15, items=400, students=one), 0.9),
        ("3 seeds, sd 0.15, shared trunks", World(seed_deviation=0.15, share_trunks=True, students=one), 0.6),
        ("3 seeds, sd 0.15, 3 equal students", World(seed_deviation=0.15), 0.6),
    ]
    print(f"{studies} studies a row; a promised difference is meant to be resolved in 0.80 of them")
    print(f"{'':58s} promised  resolved  stated by the analyses")
    for label, world, accuracy in scenes:
        found = assess_power(world, accuracy, studies, settings=settings)
        print(f"{label:58s} {found['promised']:8.3f}  {found['resolved']:8.3f}  {found['stated']:6.3f}", flush=True)


def main():
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    settings = AnalysisSettings(draws=1000)
    one = ("s",)
    scenes = [
        (
            f"{seeds} seeds, sd {spread}, {items} items, {len(students)} students, {len(budgets)} budgets",
            World(seeds=seeds, items=items, seed_deviation=spread, students=students, budgets=budgets),
            accuracy,
        )
        for students, budgets in ((one, BUDGETS[:1]), (STUDENTS, BUDGETS))
        for items in (30, 150)
        for spread in (0.0, 0.15, 0.6)
        for seeds in (2, 3, 5)
        for accuracy in (0.6,)
    ]
    lonely = tuple(configuration_name(s, "reasoning", budget) for s in ("s", "m") for budget in BUDGETS)
    scenes += [
        ("3 seeds, sd 0.3, IFT has 3 students, reasoning 1", World(seed_deviation=0.3, untrained=lonely), 0.6),
        ("3 seeds, sd 0.3, 4 arms", World(seed_deviation=0.3, arms=(*ARMS, "mixed(0.5)", "sequential(0.5)")), 0.6),
        ("2 seeds, sd 0.3, shared trunks", World(seeds=2, seed_deviation=0.3, share_trunks=True), 0.6),
        ("2 seeds, sd 0.3, 3 benchmarks", World(seeds=2, seed_deviation=0.3, benchmarks=3), 0.6),
        ("3 seeds, sd 0.3, near the ceiling", World(seeds=3, seed_deviation=0.3), 0.97),
        ("3 seeds, sd 0, near the ceiling, 30 items", World(seeds=3, items=30), 0.97),
        ("3 seeds, sd 0.3, near the floor", World(seeds=3, seed_deviation=0.3), 0.05),
    ]
    print(f"{studies} studies a row; nominal coverage 0.90, false outcomes at most 0.10")
    print(f"{'':58s} accuracy  difference  false outcomes  width")
    for label, world, accuracy in scenes:
        found = assess(world, uniform_truth(world, accuracy), studies, settings=settings)
        print(
            f"{label:58s} {found['accuracy']:8.3f}  {found['difference']:10.3f}  {found['false_outcomes']:14.3f}"
            f"  {found['width']:5.3f}",
            flush=True,
        )
    print_power(studies)


if __name__ == "__main__":
    main()
