"""Recovery: intervals cover a known truth as often as they say, and methods that are wrong do not."""

import dataclasses

import numpy as np
import pytest
from simulation import (
    STUDENTS,
    World,
    assess,
    cell_facts,
    frontier_reliability,
    observations,
    uniform_truth,
    untrained,
)

from isothink.evidence.draws import draw_family
from isothink.evidence.family import build_family
from isothink.evidence.settings import AnalysisSettings

FAST = AnalysisSettings(draws=600)
STUDIES = 150
# 150 studies of 12 configurations: the standard error of a coverage of 0.90 is at most 0.025 (0.010 if independent).
LOWEST, HIGHEST = 0.86, 0.965


def ignoring_seeds(family, settings):
    """The wrong method: items alone."""
    drawn = draw_family(family, settings)
    single = tuple(
        dataclasses.replace(item, rows=item.rows[:1], trunks=item.trunks[:1]) for item in family.configurations
    )
    alone = draw_family(dataclasses.replace(family, configurations=single), settings)
    return dataclasses.replace(drawn, accuracy_draws=drawn.accuracy + alone.errors, errors=alone.errors)


def unpaired(family, settings):
    """The wrong method: every configuration's items resampled on their own."""
    drawn = draw_family(family, settings)
    generator = np.random.default_rng(settings.random_seed)
    shuffled = np.array([generator.permutation(column) for column in drawn.errors.T]).T
    return dataclasses.replace(drawn, errors=shuffled)


def subtracting_first(family, settings):
    """The wrong method: normal quantiles around an estimated seed variance, as if two seeds told it exactly."""
    drawn = draw_family(family, settings)
    component = drawn.seed_component
    known = dataclasses.replace(component, degrees_of_freedom=10_000)
    generator = np.random.default_rng(settings.random_seed)
    luck = generator.standard_normal(drawn.errors.shape) / np.sqrt(len(family.configurations[0].rows))
    noise = known.draw_standard_deviations(generator, settings.draws)[:, None] * luck
    errors = ignoring_seeds(family, settings).errors + noise
    return dataclasses.replace(drawn, accuracy_draws=drawn.accuracy + errors, errors=errors)


@pytest.mark.parametrize(
    "world",
    [
        World(seeds=2, seed_deviation=0.15),
        World(seeds=3, seed_deviation=0.6),
        World(seeds=5, seed_deviation=0.3, items=60),
        World(seeds=2, seed_deviation=0.3, share_trunks=True),
        World(seeds=3, seed_deviation=0.3, benchmarks=3),
    ],
    ids=["two seeds", "large seed variance", "few items", "shared trunks", "three benchmarks"],
)
def test_intervals_cover_as_often_as_they_say_and_equality_is_seldom_resolved(world):
    found = assess(world, uniform_truth(world, 0.6), STUDIES, settings=FAST)
    assert LOWEST <= found["accuracy"] <= HIGHEST
    assert LOWEST <= found["difference"] <= HIGHEST
    assert found["false_outcomes"] <= 0.17  # at most 0.10 is meant; 0.10 + 2.9 standard errors


def test_without_seed_variance_coverage_is_at_least_nominal():
    world = World(seeds=2, seed_deviation=0.0, items=30)
    found = assess(world, uniform_truth(world, 0.6), STUDIES, settings=FAST)
    assert found["accuracy"] >= 0.88
    assert found["difference"] >= 0.88
    assert found["false_outcomes"] <= 0.17


@pytest.mark.parametrize("accuracy", [0.05, 0.97])
def test_near_floor_and_ceiling_coverage_is_at_least_nominal(accuracy):
    world = World(seeds=3, items=40)
    found = assess(world, uniform_truth(world, accuracy), STUDIES // 2, settings=FAST)
    assert found["accuracy"] >= 0.88
    assert found["difference"] >= 0.88


@pytest.mark.long
def test_one_pair_of_two_seeds_is_covered_where_a_known_variance_is_assumed_it_is_not():
    world = World(seeds=2, seed_deviation=0.6, students=("s",), budgets=(1e11,))
    truth = uniform_truth(world, 0.6)
    assert assess(world, truth, 300, settings=FAST)["accuracy"] >= 0.85
    assert assess(world, truth, 300, settings=FAST, draw=subtracting_first)["accuracy"] < 0.85


@pytest.mark.long
def test_ignoring_seeds_fails_these_bounds():
    world = World(seeds=3, seed_deviation=0.6)
    found = assess(world, uniform_truth(world, 0.6), STUDIES // 2, settings=FAST, draw=ignoring_seeds)
    assert found["accuracy"] < LOWEST
    assert found["false_outcomes"] > 0.17


@pytest.mark.long
def test_an_unpaired_test_fails_these_bounds():
    world = World(seeds=3, seed_deviation=0.1, item_deviation=2.0)
    truth = uniform_truth(world, 0.6)
    assert LOWEST <= assess(world, truth, STUDIES // 2, settings=FAST)["difference"] <= HIGHEST
    assert assess(world, truth, STUDIES // 2, settings=FAST, draw=unpaired)["difference"] > HIGHEST


def test_clusters_are_covered_and_ignoring_them_is_not():
    def coverage(clustered):
        hits = []
        for number in range(200):
            generator = np.random.default_rng([7, number])
            passages = np.repeat(generator.standard_normal(25), 8)
            scores = (passages + generator.standard_normal(200) > 0).astype(float)
            clusters = [index // 8 for index in range(200)] if clustered else None
            data = observations([cell_facts("s", "ift", 1e11)], scores, clusters=clusters)
            family, _ = build_family(data, "f", students=STUDENTS, arms=["ift"], convention="exact")
            drawn = draw_family(family, FAST.model_copy(update={"random_seed": number}))
            low, high = np.quantile(drawn.accuracy_draws[:, 0], [0.05, 0.95])
            hits.append(low <= 0.5 <= high)
        return np.mean(hits)

    assert 0.84 <= coverage(True) <= 0.96
    assert coverage(False) < 0.75


def test_one_student_against_several_equal_ones_is_seldom_resolved():
    untrained_cells = untrained("reasoning", STUDENTS[:-1])
    world = World(seeds=3, seed_deviation=0.3, items=100, untrained=untrained_cells)
    assert assess(world, uniform_truth(world, 0.6), STUDIES, settings=FAST)["false_outcomes"] <= 0.17


def test_probabilities_of_being_on_the_frontier_come_true():
    world = World(seeds=3, seed_deviation=0.15, items=100)
    settings = AnalysisSettings(draws=600, frontier_draws=400)
    stated, true, tied = frontier_reliability(world, 80, settings=settings)
    assert stated.size == 80 * 12 * 3
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
        own = ~tied & (stated >= low) & (stated < high)
        assert own.sum() > 100
        assert true[own].mean() == pytest.approx(stated[own].mean(), abs=0.09)  # 0.05 is meant; 80 studies
