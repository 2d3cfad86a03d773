"""Choosing by hand: what is resolvably worse is out, ties of cost go to the higher accuracy."""

import numpy as np
import pytest

from isothink.evidence.choice import choose, tied

ACCURACY = np.array([0.90, 0.89, 0.50])
UNSURE = np.random.default_rng(0).normal(ACCURACY, 0.05, (2000, 3))


def chosen(lifetime, tolerance=0.05):
    return choose([0, 1, 2], ACCURACY, UNSURE, np.array(lifetime), level=0.9, tolerance=tolerance)


def test_the_cheaper_of_two_that_cannot_be_told_apart_is_chosen():
    assert chosen([100.0, 50.0, 1.0]) == 1


def test_a_cost_within_the_tolerance_does_not_outweigh_accuracy():
    assert chosen([100.0, 99.985, 1.0]) == 0
    assert chosen([100.0, 99.985, 1.0], tolerance=0.0) == 1


def test_what_is_resolvably_worse_is_never_chosen_for_its_cost():
    assert chosen([100.0, 100.0, 1e-9]) == 0


def test_costs_within_the_tolerance_of_a_lower_one_are_equal_to_it():
    costs = np.array([100.0, 104.9, 106.0, 50.0, 110.0, 112.0])
    assert tied(costs, 0.05).tolist() == [100.0, 100.0, 106.0, 50.0, 106.0, 112.0]
    assert tied(costs, 0.0).tolist() == costs.tolist()
    assert tied(np.array([0.0, 0.0, 3.0]), 0.05).tolist() == [0.0, 0.0, 3.0]


@pytest.mark.parametrize("seed", range(5))
def test_ties_do_not_depend_on_the_order(seed):
    costs = np.random.default_rng(seed).uniform(1, 3, 30)
    order = np.random.default_rng(seed + 100).permutation(30)
    assert np.array_equal(tied(costs, 0.05)[order], tied(costs[order], 0.05))
