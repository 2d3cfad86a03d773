"""The seed component: its degrees of freedom, and that the interaction with items is taken off."""

import numpy as np
import pytest
from simulation import World, cell_facts, observations, simulate, uniform_truth

from isothink.evidence.draws import draw_family
from isothink.evidence.family import build_family
from isothink.evidence.seed_variance import estimate_seed_component
from isothink.evidence.settings import AnalysisSettings


def family_of(data, world):
    return build_family(data, "f", students=world.students, arms=world.arms, convention="exact")[0]


def component(world, number=0, accuracy=0.5):
    data = simulate(world, uniform_truth(world, accuracy), np.random.default_rng([11, number]))
    return estimate_seed_component(family_of(data, world))


def test_cells_of_one_trunk_count_once_in_the_degrees_of_freedom():
    assert component(World(seeds=3)).degrees_of_freedom == 2 * 12
    assert component(World(seeds=3, share_trunks=True)).degrees_of_freedom == 2 * 6
    assert component(World(seeds=1)).degrees_of_freedom == 0


def test_two_seeds_by_hand():
    # Seeds differ by 0.2, so s^2 = 0.02; the two items where they differ make up the interaction.
    rows = [[1, 1, 1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]]
    world = World(students=("s",), arms=("ift",), budgets=(1e11,))
    data = observations([cell_facts("s", "ift", 1e11, seed) for seed in (0, 1)], rows)
    found = estimate_seed_component(family_of(data, world))
    assert found.between == pytest.approx(0.02)
    # What is left of the difference item by item, once the seeds' own difference is off, is the interaction.
    difference = (np.array(rows[0]) - np.array(rows[1]) - 0.2) / 10
    assert found.interaction == pytest.approx(2 * ((difference / 2) ** 2).sum() * 10 / 9)


def test_the_interaction_is_taken_off_and_the_seed_effect_recovered():
    none = [component(World(seeds=3, items=100), number) for number in range(60)]
    assert np.mean([item.between for item in none]) == pytest.approx(
        np.mean([item.interaction for item in none]), rel=0.1
    )
    some = [component(World(seeds=3, items=100, seed_deviation=0.5), number) for number in range(60)]
    # d accuracy / d latent at one half = density(0) / total deviation
    expected = (0.5 * 0.3989 / np.sqrt(1 + 1 + 0.09 + 0.25)) ** 2
    assert np.mean([item.between - item.interaction for item in some]) == pytest.approx(expected, rel=0.15)


def test_configurations_of_one_trunk_share_their_noise_within_an_arm_only():
    world = World(seeds=2, items=400, seed_deviation=1.0, item_deviation=0.1, share_trunks=True)
    data = simulate(world, uniform_truth(world, 0.5), np.random.default_rng(0))
    drawn = draw_family(family_of(data, world), AnalysisSettings(draws=4000))
    names = [item.name for item in drawn.family.configurations]
    correlation = np.corrcoef(np.clip(drawn.errors, -0.5, 0.5).T)
    first, second = names.index("s/ift/1e+11"), names.index("s/ift/1e+12")
    assert correlation[first, second] > 0.9
    assert abs(correlation[first, names.index("s/reasoning/1e+11")]) < 0.15
