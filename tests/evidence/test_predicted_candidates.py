"""Students that were not run, as candidates of a verdict."""

import numpy as np
import pytest
from simulation import STUDENTS, World, cell_facts, configuration_name, observations, simulate

from isothink.evidence.analysis import analyze
from isothink.evidence.rule_configuration import predicted_configurations
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.verdict import decide

BUDGETS = (1e12,)


@pytest.fixture(scope="module")
def rising():
    """Accuracy rises steadily with size in both arms, from 0.3 to 0.7."""
    world = World(seeds=3, items=200, budgets=BUDGETS)
    truth = {
        configuration_name(student, arm, 1e12): 0.3 + 0.2 * rung
        for rung, student in enumerate(STUDENTS)
        for arm in world.arms
    }
    return analyze(
        simulate(world, truth, np.random.default_rng(5)),
        study="test",
        budgets_flops=BUDGETS,
        queries=1.0,
        students=STUDENTS,
        arms=world.arms,
        settings=AnalysisSettings(draws=1000),
    )


def test_a_larger_student_than_any_that_was_run_can_be_recommended_and_says_what_it_is(rising):
    predicted, refused = predicted_configurations(rising, "f", [10**9])
    assert refused == ()
    without = decide(rising, family="f", budget_flops=1e12, queries=1.0)
    verdict = decide(rising, family="f", budget_flops=1e12, queries=1.0, predicted=predicted)
    assert without.recommended.source == "trained"
    best = verdict.recommended
    assert (best.source, best.parameters, best.extrapolated) == ("predicted", 10**9, True)
    assert best.accuracy > without.recommended.accuracy
    assert best.interval.high - best.interval.low > without.recommended.interval.high - without.recommended.interval.low
    assert verdict.outcome == without.outcome  # what was not run resolves nothing
    assert verdict.sensitivity == {}


def test_a_size_between_two_that_were_run_is_no_extrapolation(rising):
    predicted, _ = predicted_configurations(rising, "f", [3 * 10**7])
    among = decide(rising, family="f", budget_flops=1e12, queries=1.0, predicted=predicted)
    assert not among.recommended.extrapolated
    assert all(0.5 < one.expected_accuracy < 0.7 for one in predicted)


def test_two_sizes_predict_nothing_and_the_reason_is_told():
    cells = [
        cell_facts(student, arm, 1e12, seed) for student in "sm" for arm in ("ift", "reasoning") for seed in (0, 1)
    ]
    data = observations(cells, np.tile([1.0, 0.0], (8, 40)))
    evidence = analyze(
        data, study="t", budgets_flops=BUDGETS, queries=1.0, students=STUDENTS, arms=("ift", "reasoning")
    )
    found, refused = predicted_configurations(evidence, "f", [10**9])
    assert found == ()
    assert {one.arm for one in refused} == {"ift", "reasoning"}
    assert all("three" in one.reason for one in refused)
