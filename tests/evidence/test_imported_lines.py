"""Imported lines beside trained ones: where they count, and which comparisons that makes."""

import numpy as np
import pytest
from simulation import World, cell_facts, observations, simulate, uniform_truth

from isothink.evidence.analysis import analyze
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.standing import standing_at
from isothink.evidence.verdict import decide

FAST = AnalysisSettings(draws=1000, frontier_draws=500)
QUESTION = {"study": "test", "queries": 0.0, "settings": FAST}


def scores(accuracy, items=100, start=0):
    return [float((number + start) % 100 < 100 * accuracy) for number in range(items)]


def imported(student, arm, cost, seeds=2, **changes):
    return [
        cell_facts(student, arm, cost, seed, source="imported", training_flops={"exact": cost}, **changes)
        for seed in range(seeds)
    ]


def four_systems(extra=()):
    """Two sizes by two methods at four costs, the seeds one item apart; `extra` are more (student, arm, cost)."""
    systems = [("s", "ift", 1e18), ("s", "checked", 2e18), ("l", "ift", 4e18), ("l", "checked", 8e18), *extra]
    accuracy = {1e18: 0.2, 2e18: 0.4, 4e18: 0.3, 8e18: 0.6}
    cells = [
        cell
        for student, arm, cost in systems
        for cell in imported(student, arm, cost, arm_kind="ift" if arm == "ift" else "other")
    ]
    rows = [scores(0.5 if cell.arm == "third" else accuracy[cell.budget_flops], start=cell.seed) for cell in cells]
    return observations(cells, rows)


def compared(comparisons, kind):
    return [
        (item.arm, item.budget_flops, item.student, item.baseline_student)
        for item in comparisons
        if item.kind == kind and item.axis == "training_flops"
    ]


def test_four_systems_at_four_costs_are_compared_at_each_cap_as_soon_as_both_sides_are_affordable():
    budgets = (1e18, 2e18, 4e18, 8e18)
    evidence = analyze(four_systems(), students=(), arms=("ift",), budgets_flops=budgets, **QUESTION)
    assert compared(evidence.comparisons, "best_student") == [
        ("checked", 2e18, "s", "s"),
        ("checked", 4e18, "s", "l"),  # method against scale
        ("checked", 8e18, "l", "l"),
    ]
    assert compared(evidence.comparisons, "same_student") == [("checked", 2e18, "s", "s"), ("checked", 8e18, "l", "l")]
    assert {item.source for item in evidence.configurations} == {"imported"}


def test_a_comparison_that_nothing_was_added_to_stands_at_dearer_caps():
    data = four_systems(extra=[("s", "third", 8e18)])
    budgets = (1e18, 2e18, 4e18, 8e18, 9e18)
    evidence = analyze(data, students=(), arms=("ift",), budgets_flops=budgets, **QUESTION)
    made = compared(evidence.comparisons, "best_student")
    assert len(made) == len(set(made)) == 4
    standing = standing_at(evidence.comparisons, evidence.configurations, family="f", budget_flops=9e18)
    assert {(item.arm, item.budget_flops) for item in standing if item.kind == "best_student"} == {
        ("checked", 8e18),
        ("third", 8e18),
    }
    at_four = standing_at(evidence.comparisons, evidence.configurations, family="f", budget_flops=4e18)
    assert compared(at_four, "same_student") == [("checked", 2e18, "s", "s")]
    assert standing_at(evidence.comparisons, evidence.configurations, family="f", budget_flops=None) == ()
    verdict = decide(evidence, family="f", budget_flops=9e18, queries=0.0)
    assert verdict.outcome == "other" and verdict.recommended.arm == "checked"
    assert any(text.startswith("checked minus IFT at 8e18") for text in verdict.reasons)


def test_what_was_trained_here_counts_from_its_own_budget_on():
    cells = [
        *[cell_facts("s", "ift", budget, seed) for budget in (1e18, 4e18) for seed in (0, 1)],
        *imported("s", "reasoning", 2e18),
    ]
    data = observations(cells, [scores(0.5, start=cell.seed) for cell in cells])
    evidence = analyze(data, students=("s",), arms=("ift", "reasoning"), budgets_flops=(1e18, 4e18), **QUESTION)
    assert compared(evidence.comparisons, "best_student") == [("reasoning", 4e18, "s", "s")]
    # at 1e18 reasoning is not affordable yet, and nothing that was trained for more replaces what stood at 4e18
    standing = standing_at(evidence.comparisons, evidence.configurations, family="f", budget_flops=8e18)
    assert {item.budget_flops for item in standing} == {4e18}


def test_imported_cells_do_not_change_what_trained_ones_show():
    world = World(seeds=2, seed_deviation=0.3)
    data = simulate(world, uniform_truth(world, 0.6), np.random.default_rng(3))
    settings = {**QUESTION, "students": world.students, "arms": world.arms, "budgets_flops": world.budgets}
    before = analyze(data, **settings)
    renamed = [cell.model_copy(update={"source": "imported"}) for cell in data.cells]
    changed = analyze(observations(renamed, data.correct), **settings)
    assert [item.accuracy for item in changed.configurations] == [item.accuracy for item in before.configurations]
    # each line is complete at both budgets, so the dearest that a cap allows is that of the cap
    assert changed.comparisons == before.comparisons


def test_of_two_costs_of_one_imported_line_the_dearest_counts():
    cells = [*imported("s", "ift", 1e18), *imported("s", "reasoning", 1e18), *imported("s", "reasoning", 2e18)]
    data = observations(cells, [scores(0.4 if cell.arm == "ift" else 0.5, start=cell.seed) for cell in cells])
    evidence = analyze(data, students=(), arms=("ift", "reasoning"), budgets_flops=(1e18, 2e18, 3e18), **QUESTION)
    assert [item.budget_flops for item in evidence.comparisons if item.kind == "same_student"] == [1e18, 2e18]
    assert all(item.difference == pytest.approx(0.1) for item in evidence.comparisons if item.kind == "same_student")
