"""What is measured of chance on cells that exist: repeats, clusters, cells that tell nothing."""

import dataclasses

import numpy as np
import pytest
from simulation import cell_facts, observations

from isothink.evidence.family import build_family
from isothink.evidence.variance_parts import measure_parts


def parts_of(data):
    family, _ = build_family(data, "f", students=["s"], arms=["ift", "reasoning"], convention="exact")
    return measure_parts(family)


def cells(seeds=1):
    return [cell_facts("s", arm, 1e11, seed) for arm in ("ift", "reasoning") for seed in range(seeds)]


def test_equal_and_opposite_arms():
    row = [1, 0] * 20
    assert parts_of(observations(cells(), [row, row])).item_correlation == pytest.approx(1.0)
    assert parts_of(observations(cells(), [row, [0, 1] * 20])).item_correlation == 0.0  # below zero counts as none


def test_one_seed_says_nothing_of_seeds():
    found = parts_of(observations(cells(), [[1, 0] * 20, [1, 1, 0, 0] * 10]))
    assert (found.seed_correlation, found.seed_deviation, found.seed_freedom) == (None, None, 0)


def test_an_arm_alone_says_nothing():
    assert parts_of(observations(cells()[:1], [[1, 0] * 20])) is None


def test_all_right_is_not_certain():
    found = parts_of(observations(cells(2), np.ones((4, 30))))
    assert found.accuracy == 1.0
    assert (found.item_correlation, found.seed_correlation) == (0.0, 0.0)


def test_repeats_tell_how_much_of_a_score_is_the_draw_of_its_answer():
    generator = np.random.default_rng(1)
    chances = generator.beta(1.0, 1.0, 4000)  # variance 1/12 of 1/4: a third
    scores = np.array([generator.binomial(4, chances) / 4 for _ in cells()])
    data = observations(cells(), scores)
    data = dataclasses.replace(data, answers=np.full(scores.shape, 4.0), unscored=np.zeros(scores.shape))
    found = parts_of(data)
    assert found.repeat_correlation == pytest.approx(1 / 3, abs=0.02)
    assert found.item_correlation == pytest.approx(1 / 3, abs=0.02)


def test_clusters_whose_items_are_alike_and_clusters_whose_are_not():
    generator = np.random.default_rng(2)
    groups = [number // 4 for number in range(2000)]
    alike = np.repeat(generator.integers(0, 2, (2, 500)), 4, axis=1)
    apart = generator.integers(0, 2, (2, 2000))
    assert parts_of(observations(cells(), alike, clusters=groups)).cluster_correlation == pytest.approx(1.0)
    assert parts_of(observations(cells(), apart, clusters=groups)).cluster_correlation < 0.06
