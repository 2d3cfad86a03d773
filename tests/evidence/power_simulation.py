"""Whether `isothink plan --power` keeps its promise, by studies in which a difference of the promised size is true.

`python tests/evidence/power_simulation.py [STUDIES]` prints the table; test_power_promise.py runs a small version.
"""

import sys

import numpy as np
from scipy.special import ndtr, ndtri
from simulation import BUDGETS, World, simulate, uniform_truth

from isothink.evidence.comparison import compare
from isothink.evidence.draws import draw_family
from isothink.evidence.family import build_family
from isothink.evidence.settings import AnalysisSettings
from isothink.plan.resolution import BenchmarkItems, Chance, Design, Side, smallest_resolvable


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


if __name__ == "__main__":
    print_power(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
