"""Comparisons at equal inference and whole-life cost: hand calculations, the ends of the ladder, coverage."""

import math

import numpy as np
import pytest
from scipy.special import expit
from simulation import STUDENTS, World, cell_facts, observations, simulate, uniform_truth

from isothink.evidence.analysis import analyze
from isothink.evidence.draws import draw_family
from isothink.evidence.equal_cost import compare_at_equal_cost
from isothink.evidence.family import build_family
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.standing import standing_at

FAST = AnalysisSettings(draws=1000, frontier_draws=200)
BUDGET = 1e12
PER_QUERY = {"s": 1e7, "m": 1e8, "l": 1e9}
"""Of IFT; reasoning costs five times as much."""


def study(accuracies, *, items=1000, queries=1000.0, seeds=2, **changes):
    """`accuracies` maps (student, arm) to the share of right answers, alike in all seeds."""
    cells, rows = [], []
    for (student, arm), accuracy in accuracies.items():
        for seed in range(seeds):
            cells.append(cell_facts(student, arm, BUDGET, seed))
            right = round(accuracy * items)
            rows.append(np.roll([1.0] * right + [0.0] * (items - right), 7 * seed))
    arguments = {"budgets_flops": [BUDGET], "students": STUDENTS, "arms": ("ift", "reasoning"), "settings": FAST}
    return analyze(observations(cells, rows), study="test", queries=queries, **(arguments | changes))


def found(evidence, axis, kind="one_student"):
    return {item.student: item for item in evidence.comparisons if item.axis == axis and item.kind == kind}


def test_between_two_students_ift_is_read_from_a_line_over_log_cost():
    evidence = study({("s", "ift"): 0.4, ("m", "ift"): 0.6, ("l", "ift"): 0.7, ("s", "reasoning"): 0.7})
    small = found(evidence, "inference_flops_per_query")["s"]
    share = math.log(5e7 / 1e7) / math.log(1e8 / 1e7)
    assert small.cost == pytest.approx(5e7)
    assert small.difference == pytest.approx(0.7 - (0.4 + 0.2 * share), abs=1e-9)
    assert small.baseline_student == "s and m"
    assert not small.extrapolated
    assert small.interval.low < small.difference < small.interval.high
    best = found(evidence, "inference_flops_per_query", "best_student")["s"]
    assert best.difference == pytest.approx(small.difference, abs=0.003)
    assert best.adjusted_p_value is not None
    assert best.outcome == "better"


def test_past_the_end_of_the_ladder_it_is_marked_and_never_resolved():
    level, slope = -0.4, 0.25
    truth = {student: float(expit(level + slope * math.log(cost / 1e8))) for student, cost in PER_QUERY.items()}
    accuracies = {(student, "ift"): value for student, value in truth.items()} | {("l", "reasoning"): 0.95}
    evidence = study(accuracies)
    large = found(evidence, "inference_flops_per_query")["l"]
    assert large.extrapolated
    assert large.outcome == "unresolved"
    expected = float(expit(level + slope * math.log(5e9 / 1e8)))
    assert large.difference == pytest.approx(0.95 - expected, abs=0.002)
    assert any("extrapolated: no IFT cell costs as much" in text for text in evidence.verdicts[0].at_equal_cost)


def test_scatter_around_the_line_widens_what_lies_beyond_it():
    straight = {("s", "ift"): 0.4, ("m", "ift"): 0.5, ("l", "ift"): 0.6, ("l", "reasoning"): 0.8}
    bent = straight | {("m", "ift"): 0.6}
    widths = [
        one.interval.high - one.interval.low
        for one in (found(study(each), "inference_flops_per_query")["l"] for each in (straight, bent))
    ]
    assert widths[1] > 2 * widths[0]


def test_one_ift_student_gives_a_comparison_only_at_its_own_cost():
    evidence = study({("m", "ift"): 0.5, ("s", "reasoning"): 0.5, ("l", "reasoning"): 0.5})
    assert found(evidence, "inference_flops_per_query") == {}
    alike = study({("m", "ift"): 0.5, ("m", "reasoning"): 0.7}, items=100)
    assert found(alike, "inference_flops_per_query") == {}


def test_at_equal_whole_life_cost_the_baseline_is_the_best_ift_cell_that_costs_no_more():
    accuracies = {("s", "ift"): 0.3, ("m", "ift"): 0.5, ("l", "ift"): 0.7, ("s", "reasoning"): 0.6}
    few = found(study(accuracies, queries=1.0), "lifetime_flops")["s"]
    assert (few.baseline_student, few.difference) == ("l", pytest.approx(-0.1, abs=0.005))
    many = found(study(accuracies, queries=1e6), "lifetime_flops")["s"]
    assert (many.baseline_student, many.difference) == ("s", pytest.approx(0.3, abs=0.005))  # 5e13, m costs 1e14
    assert many.cost == pytest.approx(0.99e12 + 1e6 * 5e7)
    assert not many.extrapolated
    dearest = study({("s", "ift"): 0.3, ("l", "reasoning"): 0.6}, queries=1e6)
    assert found(dearest, "lifetime_flops")["l"].extrapolated


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_seed_resolves_nothing_at_any_cost(seeds):
    evidence = study({("s", "ift"): 0.1, ("m", "ift"): 0.2, ("s", "reasoning"): 0.9}, seeds=seeds)
    outcomes = {item.outcome for item in evidence.comparisons}
    assert outcomes == ({"unresolved"} if seeds == 1 else {"better"})


def test_intervals_at_equal_inference_cost_cover_a_known_difference():
    world = World(seeds=3, items=100, seed_deviation=0.1, budgets=(BUDGET,))
    truth = uniform_truth(world, 0.5) | {f"s/reasoning/{BUDGET:g}": 0.6}
    hits = []
    for number in range(60):
        settings = AnalysisSettings(draws=400, random_seed=number)
        data = simulate(world, truth, np.random.default_rng([4, number]))
        family, _ = build_family(data, "f", students=STUDENTS, arms=("ift", "reasoning"), convention="exact")
        compared = compare_at_equal_cost(
            [draw_family(family, settings)],
            budgets_flops=[BUDGET],
            arms=("ift", "reasoning"),
            queries=1.0,
            settings=settings,
        )
        small = next(item for item in compared if item.kind == "one_student" and item.student == "s")
        assert small.baseline_student == "s and m"  # two rungs of equal accuracy
        hits.append(small.interval.low <= 0.1 <= small.interval.high)
    assert 0.8 <= np.mean(hits) <= 0.99


def test_a_line_needs_two_costs_that_differ():
    cells = [cell_facts(student, "ift", BUDGET, seed) for student in ("s", "m") for seed in (0, 1)]
    cells += [cell_facts("l", "reasoning", BUDGET, seed) for seed in (0, 1)]
    data = observations(cells, np.tile([1.0, 0.0], (6, 50)), costs=[1e7, 1e7, 1.01e7, 1.01e7, 1e9, 1e9])
    evidence = analyze(
        data, study="t", budgets_flops=[BUDGET], queries=1.0, students=STUDENTS, arms=("ift", "reasoning")
    )
    assert found(evidence, "inference_flops_per_query") == {}


def test_students_with_budgets_of_their_own_are_compared_with_what_the_cap_allows_each():
    costs = {"s": 1e11, "l": 1e12}
    cells = [
        cell_facts(student, arm, costs[student], seed)
        for student in "sl"
        for arm in ("ift", "reasoning")
        for seed in (0, 1)
    ]
    accuracy = {("s", "ift"): 30, ("s", "reasoning"): 70, ("l", "ift"): 50, ("l", "reasoning"): 60}
    rows = [
        np.roll([1.0] * accuracy[c.student, c.arm] + [0.0] * (100 - accuracy[c.student, c.arm]), c.seed) for c in cells
    ]
    evidence = analyze(
        observations(cells, rows),
        study="t",
        budgets_flops=costs.values(),
        queries=1.0,
        students=STUDENTS,
        arms=("ift", "reasoning"),
        settings=FAST,
    )
    best = [x for x in evidence.comparisons if x.kind == "best_student" and x.axis == "training_flops"]
    assert [(x.budget_flops, x.student, x.baseline_student) for x in best] == [(1e11, "s", "s"), (1e12, "s", "l")]
    same = [x for x in evidence.comparisons if x.kind == "same_student"]
    assert [(x.budget_flops, x.student) for x in same] == [(1e11, "s"), (1e12, "l")]
    standing = standing_at(evidence.comparisons, evidence.configurations, family="f", budget_flops=1e12)
    assert {(x.kind, x.student) for x in standing} == {
        ("best_student", "s"),
        ("same_student", "s"),
        ("same_student", "l"),
    }


def test_a_lower_budget_does_not_stand_in_for_an_arm_that_failed_at_the_budget_asked_about():
    cells = [cell_facts("s", "ift", budget, seed) for budget in (1e11, 1e12) for seed in (0, 1)]
    cells += [cell_facts("s", "reasoning", 1e11, seed) for seed in (0, 1)]
    evidence = analyze(
        observations(cells, np.tile([1.0, 0.0], (6, 50))),
        study="t",
        budgets_flops=[1e11, 1e12],
        queries=1.0,
        students=STUDENTS,
        arms=("ift", "reasoning"),
        settings=FAST,
    )
    assert standing_at(evidence.comparisons, evidence.configurations, family="f", budget_flops=1e12) == ()
    assert any("no arm can be compared" in text for text in evidence.verdicts[0].reasons)
