"""The hypervolume and Pareto membership: staircases by hand, invariants, and an independent library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import World, configuration_name, simulate, uniform_truth

from isothink.evidence.draws import draw_family
from isothink.evidence.family import build_family
from isothink.evidence.frontier import Tolerances, dominators, frontiers
from isothink.evidence.hypervolume import hypervolume, hypervolumes
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.shrinkage import shrink

EXACT = Tolerances(accuracy=0.0, cost=0.0)
SETS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), min_size=1, max_size=12)


def arrays(points):
    """Accuracies in eighths and whole costs, so that ties are frequent and exact."""
    accuracy, cost = np.array(points, dtype=float).T
    return accuracy / 8, cost


def test_a_staircase_of_three_by_hand():
    # 0.3 from 1 to 10, 0.5 from 10 to 100, 0.8 from 100 to 10,000: one, one and two of four decades
    value = hypervolume(np.array([0.3, 0.5, 0.8, 0.1]), np.array([1.0, 10.0, 100.0, 10_000.0]))
    assert value == pytest.approx((0.3 + 0.5 + 2 * 0.8) / 4)


def test_the_dearest_configuration_adds_nothing_but_its_cost():
    assert hypervolume(np.array([0.4, 0.9]), np.array([1.0, 10.0])) == pytest.approx(0.4)


def test_an_arm_has_nothing_where_none_of_it_is_that_cheap():
    accuracy, cost = np.array([0.6, 0.5, 0.9]), np.array([1.0, 10.0, 100.0])
    assert hypervolume(accuracy, cost, np.array([False, True, True])) == pytest.approx(0.25)
    assert hypervolume(accuracy, cost, np.array([True, False, False])) == pytest.approx(0.6)
    assert hypervolume(accuracy, cost, np.array([False, False, True])) == 0.0


def test_one_cost_alone_has_the_best_accuracy_at_it():
    assert hypervolume(np.array([0.4, 0.7]), np.array([5.0, 5.0])) == pytest.approx(0.7)
    assert hypervolume(np.array([0.4]), np.array([5.0])) == pytest.approx(0.4)


@given(SETS, st.floats(1e-9, 1e25))
def test_scaling_all_costs_changes_nothing(points, factor):
    accuracy, cost = arrays(points)
    assert hypervolume(accuracy, cost * factor) == pytest.approx(float(hypervolume(accuracy, cost)), abs=1e-9)


@given(SETS, st.integers(0, 11), st.floats(0, 1), st.floats(0, 1))
def test_a_dominated_configuration_changes_nothing(points, chosen, less, dearer):
    accuracy, cost = arrays(points)
    index = chosen % accuracy.size
    worse = accuracy[index] * less
    more = cost[index] + dearer * (cost.max() - cost[index])  # within the range that is averaged over
    both = hypervolume(np.append(accuracy, worse), np.append(cost, more))
    assert both == pytest.approx(float(hypervolume(accuracy, cost)), abs=1e-12)


@given(SETS)
def test_it_is_the_mean_of_the_best_affordable_accuracy(points):
    accuracy, cost = arrays(points)
    edges = np.linspace(np.log(cost.min()), np.log(cost.max()), 4001)
    middles = np.exp((edges[1:] + edges[:-1]) / 2)
    best = [accuracy[cost <= budget].max() for budget in middles] if edges[-1] > edges[0] else [accuracy.max()]
    assert hypervolume(accuracy, cost) == pytest.approx(np.mean(best), abs=2e-3)  # each step may be off by an interval


@given(SETS)
def test_membership_without_tolerances_is_that_of_every_pair_by_hand(points):
    accuracy, cost = arrays(points)
    for index, (own, price) in enumerate(points):
        beaten = any(a >= own and c <= price and (a, c) != (own, price) for a, c in points)
        assert dominators(accuracy[None], cost[None], index, EXACT).any() == beaten


def test_hypervolume_and_membership_are_those_of_a_library():
    moocore = pytest.importorskip("moocore", reason="the [test] extra has the library that this is held against")
    generator = np.random.default_rng(1)
    for number in range(300):
        size = int(generator.integers(2, 30))
        accuracy = generator.integers(0, 12, size) / 12 if number % 2 else generator.random(size)
        cost = generator.integers(1, 9, size).astype(float) if number % 3 else 10 ** generator.uniform(5, 25, size)
        cost[0] = cost.max() * 2
        points = np.column_stack([np.log(cost), -accuracy])
        area = moocore.hypervolume(points, ref=[np.log(cost.max()), 0.0])
        assert hypervolume(accuracy, cost) == pytest.approx(area / np.log(cost.max() / cost.min()))
        beaten = [dominators(accuracy[None], cost[None], index, EXACT).any() for index in range(size)]
        assert np.array_equal(~np.array(beaten), moocore.is_nondominated(points, keep_weakly=True))


def test_every_axis_has_that_of_all_and_of_each_arm_with_an_interval():
    world = World(seeds=2, items=100)
    truth = {name: 0.7 if "reasoning" in name else 0.5 for name in uniform_truth(world, 0.5)}
    family, _ = build_family(
        simulate(world, truth, np.random.default_rng(2)),
        "f",
        students=world.students,
        arms=world.arms,
        convention="exact",
    )
    settings = AnalysisSettings(draws=500, frontier_draws=400)
    drawn = draw_family(family, settings)
    found = {item.axis: item for item in frontiers(drawn, shrink(drawn, settings), queries=1e3, settings=settings)}
    assert len(found) == 3
    for frontier in found.values():
        everything, ift, reasoning = frontier.hypervolumes
        assert [item.arm for item in frontier.hypervolumes] == [None, "ift", "reasoning"]
        for item in frontier.hypervolumes:
            assert 0 <= item.interval.low < item.interval.high <= 1
            assert item.interval.low <= item.value <= item.interval.high
            assert (item.cheapest, item.dearest) == (
                pytest.approx(min(member.cost for member in frontier.members)),
                pytest.approx(max(member.cost for member in frontier.members)),
            )
        assert everything.value >= max(ift.value, reasoning.value)
    training = found["training_flops"]
    best = max(drawn.accuracy[index] for index, item in enumerate(family.configurations) if item.budget_flops == 1e11)
    assert training.hypervolumes[0].value == pytest.approx(best)  # of two budgets the lower one spans the whole range
    assert training.hypervolumes[2].value - training.hypervolumes[1].value == pytest.approx(0.2, abs=0.1)
    assert configuration_name("s", "ift", 1e11) in {item.configuration for item in training.members}


def test_a_cost_of_zero_has_no_logarithm_and_so_no_hypervolume():
    one = np.array([0.5])
    nothing = {"accuracy_draws": one[None], "cost_draws": np.zeros((1, 1)), "level": 0.9}
    assert hypervolumes(["ift"], accuracy=one, cost=np.zeros(1), **nothing) == ()
    assert hypervolumes([], accuracy=one[:0], cost=one[:0], **nothing) == ()
