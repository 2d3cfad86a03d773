"""The differences that `isothink plan --power` promises, against simulated studies with that true difference."""

import numpy as np
import pytest
from power_simulation import assess_power, chance_of
from simulation import BUDGETS, World, simulate, uniform_truth

from isothink.evidence.family import build_family
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.variance_parts import measure_parts

FAST = AnalysisSettings(draws=500)
ONE = ("s",)


@pytest.mark.parametrize(
    ("world", "accuracy"),
    [
        (World(seeds=2, seed_deviation=0.15, students=ONE, budgets=BUDGETS), 0.5),
        (World(seeds=3, seed_deviation=0.3, students=ONE, budgets=BUDGETS, benchmarks=3), 0.6),
        (World(seeds=3, seed_deviation=0.1, students=ONE, budgets=BUDGETS, items=60), 0.8),
    ],
    ids=["two seeds", "three benchmarks, large seed variance", "few items"],
)
def test_a_promised_difference_is_resolved_in_about_four_of_five_studies(world, accuracy):
    found = assess_power(world, accuracy, 60, settings=FAST)
    assert 0.66 <= found["resolved"] <= 0.94  # 120 comparisons in 60 studies: a standard error of 0.04 to 0.05
    assert found["promised"] == pytest.approx(found["stated"], rel=0.15)


def test_measured_parts_recover_those_of_the_world():
    world = World(seeds=6, seed_deviation=0.3, pair_deviation=0.8, items=3000, students=ONE, budgets=tuple(range(1, 7)))
    data = simulate(world, uniform_truth(world, 0.6), np.random.default_rng(4))
    family, _ = build_family(data, "f", students=ONE, arms=world.arms, convention="exact")
    found, truth = measure_parts(family), chance_of(world, 0.6)
    assert found.accuracy == pytest.approx(0.6, abs=0.03)
    assert found.item_correlation == pytest.approx(truth.item_correlation, abs=0.03)
    assert found.seed_correlation == pytest.approx(truth.seed_correlation, abs=0.03)
    assert found.seed_deviation == pytest.approx(truth.seed_deviation, rel=0.2)
    assert (found.repeat_correlation, found.cluster_correlation) == (None, None)
    assert (found.cells, found.seed_freedom) == (72, 60)
