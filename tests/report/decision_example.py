"""Analysed studies and questions about them, for comparing the page's decisions with those of evidence/verdict.py."""

import dataclasses
import itertools
import math

import numpy as np
from simulation import BUDGETS, World, configuration_name, simulate, uniform_truth

from isothink.evidence.analysis import analyze
from isothink.evidence.candidates import candidates, family_results
from isothink.evidence.money import money
from isothink.evidence.settings import AnalysisSettings
from isothink.report.sentences import verdict_sentence

STUDENTS = ("s", "m", "l")
ARMS = ("ift", "reasoning", "sequential(0.5)")
SETTINGS = AnalysisSettings(draws=400, frontier_draws=100, stored_draws=100)
SHARE = {"ift": 1.0, "reasoning": 6.0}
NUMBERED = {"student", "arm"}  # numbers of names in the page
PRICED = {"training_cost", "inference_cost_per_query", "lifetime_cost"}  # null in the terminal on the axis of FLOPs


def studies():
    """Evidence by name: several seeds, one seed, a budget for each student, draws at the ceiling that leave [0, 1]."""
    grid = (*BUDGETS, 4e12)
    others = itertools.product(STUDENTS, ARMS, grid)
    untrained = tuple(
        configuration_name(student, arm, budget)
        for student, arm, budget in others
        if STUDENTS.index(student) != grid.index(budget)
    )
    wide = World(seeds=3, items=120, seed_deviation=0.2, arms=ARMS, budgets=grid, benchmarks=2)
    return {
        "wide": evidence(wide, 0.02, random=1),
        "one seed": evidence(dataclasses.replace(wide, seeds=1), 0.05, random=2),
        "ceiling": evidence(World(seeds=2, items=30, arms=ARMS[:2]), 0.0, base=0.97, random=3),
        "own budgets": evidence(dataclasses.replace(wide, seeds=2, untrained=untrained), 0.1, random=5),
        "reasoning wins": evidence(World(seeds=3, items=400, students=("s", "m")), 0.2, random=4),
    }


def large_evidence(world, *, settings):
    """An analysed study whose items are spread over four families, all of them scored, every shape known."""
    return evidence(
        world, 0.05, random=9, settings=settings, families=lambda count: ["abcd"[n % 4] for n in range(count)]
    )


def two_and_an_empty_one(count):
    """The family of each item: f and g, and e, which `with_costs` leaves without scores."""
    return ["e" if number >= count - 4 else "gf"[number % 4 == 0] for number in range(count)]


def evidence(world, gain, *, random, base=0.5, settings=SETTINGS, families=two_and_an_empty_one):
    """An analysed study with costs that differ from item to item."""
    generator = np.random.default_rng(random)
    truth = uniform_truth(world, base)
    for student, arm, budget in itertools.product(world.students, world.arms, world.budgets):
        lift = 0.06 * world.students.index(student) + 0.05 * np.log10(budget / 1e11) + gain * (arm != "ift")
        name = configuration_name(student, arm, budget)
        truth[name] = min(0.985, truth[name] + lift * (base < 0.9))
    data = with_costs(simulate(world, truth, generator), generator, families(world.items))
    return analyze(
        data,
        study="compared",
        budgets_flops=world.budgets,
        queries=1e5,
        students=world.students,
        arms=world.arms,
        settings=settings,
    )


def with_costs(data, generator, names):
    """Items in the named families, e without scores; conventions, of which 6nd prices no query; serving but of `l`."""
    count = len(data.items)
    items = tuple(
        item.model_copy(update={"family": name, "benchmark": f"{name}-{item.benchmark}"})
        for item, name in zip(data.items, names, strict=True)
    )
    correct = data.correct.copy()
    correct[:, [number for number, name in enumerate(names) if name == "e"]] = np.nan
    cells = tuple(
        cell.model_copy(
            update={
                "training_flops": {
                    "exact": cell.training_flops["exact"] * (1 - 0.01 * (cell.student == "m")),
                    "paper": cell.training_flops["exact"] * (1.2 + 0.05 * (cell.arm != "ift")),
                    "6nd": cell.training_flops["exact"] * 0.8,
                    "hf": cell.training_flops["exact"] * {"s": 0.6, "m": 0.9}.get(cell.student, 1.4),
                },
                "fixed_flops": 0.0 if cell.arm == "ift" else 3e10,
            }
        )
        for cell in data.cells
    )
    each = np.array([10.0 * cell.parameters * SHARE.get(cell.arm, 3.0) for cell in cells])[:, None]
    exact = each * generator.lognormal(0.0, 0.5, (1, count)) * generator.lognormal(0.0, 0.2, correct.shape)
    known = np.array([cell.student != "l" or "e" not in names for cell in cells])[:, None]
    serving = {
        "prefill_flops": 0.2 * exact,
        "decode_flops": 0.8 * exact,
        "weight_bytes": np.array([2.0 * cell.parameters for cell in cells])[:, None] * 6.0 + 0.0 * exact,
        "cache_bytes": 0.3 * exact,
    }
    return dataclasses.replace(
        data,
        cells=cells,
        items=items,
        correct=correct,
        inference_flops={"exact": exact, "paper": 1.3 * exact, "hf": 0.9 * exact},
        serving={name: np.where(known, values, np.nan) for name, values in serving.items()},
    )


def questions(evidence, *, sample=60, random=0):
    """A fixed choice of all combinations of families, budgets, queries, caps, targets and axes."""
    low, *_, high = evidence.budgets_flops
    budgets = (0.5 * low, *evidence.budgets_flops, 0.5 * (low + high), 2.0 * high, 1.1 * low)
    queries = (0.0, 1.0, 1e4, 1e6, 1e9, 1e12)
    terms = (
        *(None,) * 4,
        money("seconds", device_name="h100", price_per_hour=None),
        money("usd", device_name="rtx 4090", price_per_hour=0.7, batch_size=4, utilisation=0.3),
        money("usd", device_name="l4", price_per_hour=1e3, batch_size=1, utilisation=1.0),
    )
    # As shares of the family's costs: no cap, one of each, both, and one that nothing meets.
    caps = (*((None, None),) * 3, (0.5, None), (None, 0.5), (0.7, 0.7), (0.0, None))
    families = [name for name in evidence.families if name != "e"]
    everything = list(itertools.product(families, budgets, queries, caps, (None, 0.55), terms))
    chosen = np.random.default_rng(random).choice(len(everything), size=min(sample, len(everything)), replace=False)
    for number in chosen:
        family, budget, served, (per_query, life), target, axis = everything[number]
        among = candidates(family_results(evidence, family), axis)
        yield {
            "family": family,
            "budget_flops": budget,
            "queries": served,
            "inference_budget": None if per_query is None else _share(among.per_query, per_query),
            "lifetime_budget": None if life is None else _share(among.lifetime(served), life),
            "target_accuracy": target,
            "money": axis,
        }
    if "e" in evidence.families:
        yield dict.fromkeys(("inference_budget", "lifetime_budget", "target_accuracy", "money")) | {
            "family": "e",
            "budget_flops": high,
            "queries": 1.0,
        }


def _share(costs, share):
    return float(np.quantile(costs, share)) if share else 0.0


def asked(evidence, question, **changes):
    """A question as the page asks it."""
    axis = question["money"]
    return {
        "family": evidence.families.index(question["family"]),
        "budget": question["budget_flops"],
        "queries": question["queries"],
        "inference_budget": question["inference_budget"],
        "lifetime_budget": question["lifetime_budget"],
        "target": question["target_accuracy"],
        "money": axis and axis.model_dump(),
        **changes,
    }


def differences(evidence, verdict, found):
    """Where the page's answer is another than the terminal's; `found` also holds the page's sentence."""
    wrong = []

    def same(name, ours, theirs):
        if isinstance(ours, float) and theirs is not None:
            if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12):
                wrong.append((name, ours, theirs))
        elif ours != theirs:
            wrong.append((name, ours, theirs))

    same("outcome", verdict.outcome, found["outcome"])
    same("sensitivity", verdict.sensitivity, found["sensitivity"])
    same("reasons", list(verdict.reasons), found["reasons"])
    same("equal cost", list(verdict.at_equal_cost), found["at_equal_cost"])
    same("would change it", list(verdict.would_change_it), found["would_change_it"])
    same("crossover", verdict.crossover_parameters, found["crossover_parameters"])
    same("rescaled", verdict.rescaled_budget_flops, found["rescaled"])
    same("alternatives", [one.cell for one in verdict.alternatives], [one["cell"] for one in found["alternatives"]])
    for part in ("recommended", "break_even"):
        ours, theirs = getattr(verdict, part), found[part]
        same(f"no {part}", ours is None, theirs is None)
        if ours is None or theirs is None:
            continue
        for name, value in ours.model_dump().items():
            if name == "interval":
                same(f"{part} no interval", value is None, theirs[name] is None)
                for end in ("low", "high") if value is not None and theirs[name] is not None else ():
                    same(f"{part} {end}", value[end], theirs[name][end])
            elif name in theirs and name not in NUMBERED and not (name in PRICED and value is None):
                same(f"{part} {name}", value, theirs[name])
    if verdict.recommended is not None:
        same("sentence", verdict_sentence(evidence, verdict), found["sentence"])
    return wrong
