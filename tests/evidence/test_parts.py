"""Known answers of the small parts: Holm, p-values, weights, crossover, break-even, dominance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.evidence.break_even import Offers, solve
from isothink.evidence.comparison import two_sided_p
from isothink.evidence.crossover import crossover_parameters
from isothink.evidence.draws import weight_shape
from isothink.evidence.frontier import Tolerances, dominators, frontier_members
from isothink.evidence.multiplicity import holm
from isothink.evidence.seed_variance import SeedComponent

TIES = Tolerances(accuracy=0.005, cost=0.05)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_lies_between_the_p_value_and_bonferroni(p_values):
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, len(p_values) * p) + 1e-15


def test_a_p_value_is_never_zero_and_never_above_one():
    assert two_sided_p(np.full(99, 1.0)) == pytest.approx(0.02)
    assert two_sided_p(np.zeros(99)) == 1.0
    assert two_sided_p(np.array([-1.0, 1.0, 1.0])) == 1.0


def test_weights_are_as_wide_as_student_t():
    for clusters, t in ((10, 1.833), (30, 1.699), (500, 1.648)):
        variance = 1 / (clusters * weight_shape(clusters) + 1)
        assert variance == pytest.approx((t / 1.645) ** 2 / (clusters - 1), rel=2e-3)
    assert weight_shape(1) == weight_shape(2) == 0.25


def test_seed_draws_are_students_t():
    component = SeedComponent(between=1e-4, interaction=0.0, degrees_of_freedom=2)
    generator = np.random.default_rng(0)
    noise = component.draw_standard_deviations(generator, 40_000) * generator.standard_normal(40_000)
    assert np.quantile(noise, 0.95) == pytest.approx(0.01 * 2.920, rel=0.04)  # t with 2 degrees of freedom
    assert SeedComponent(between=0.0, interaction=0.0, degrees_of_freedom=0).standard_deviation is None
    assert component.standard_deviation == pytest.approx(0.01)


def test_crossover_by_hand():
    # gain = log10(size) - 7: zero at ten million
    assert crossover_parameters([10**6, 10**7, 10**8], [-1.0, 0.0, 1.0])[0] == pytest.approx(1e7)
    value, reason = crossover_parameters([10**6, 10**7, 10**8], [1.0, 2.0, 3.0])
    assert value is None
    assert "positive over the whole ladder" in reason
    assert crossover_parameters([10**6, 10**7], [-1.0, 1.0])[0] is None
    assert crossover_parameters([1, 2, 3], [0.1, 0.1, 0.1])[0] is None


def offers(*lines):
    accuracy, once, per_query = (np.array(column, dtype=float) for column in zip(*lines, strict=True))
    return Offers(accuracy=accuracy, once=once, per_query=per_query)


def test_break_even_by_its_formula():
    reasoning, ift = offers((0.8, 900.0, 2.0)), offers((0.8, 100.0, 10.0))
    assert solve(reasoning, ift, queries=1.0, target=None) == ("at_queries", pytest.approx((900 - 100) / (10 - 2)))


def test_break_even_takes_the_pair_that_is_cheapest_there():
    reasoning = offers((0.8, 900.0, 2.0), (0.8, 100_000.0, 1.0))
    ift = offers((0.8, 100.0, 10.0), (0.9, 150.0, 9.0), (0.5, 1.0, 1.0))  # the last misses the target
    kind, queries = solve(reasoning, ift, queries=1.0, target=0.8)
    assert kind == "at_queries"
    assert queries == pytest.approx((900 - 150) / (9 - 2))  # at 107 queries the second IFT line is the cheaper


@pytest.mark.parametrize(
    ("reasoning", "ift", "target", "kind"),
    [
        ((0.8, 900.0, 10.0), (0.8, 100.0, 2.0), None, "ift_always"),
        ((0.8, 100.0, 2.0), (0.8, 900.0, 10.0), None, "reasoning_always"),
        ((0.8, 900.0, 10.0), (0.7, 100.0, 2.0), 0.75, "no_equal_accuracy"),
        ((0.8, 100.0, 2.0), (0.8, 100.0, 2.0), None, "ift_always"),
    ],
)
def test_where_no_break_even_exists(reasoning, ift, target, kind):
    assert solve(offers(reasoning), offers(ift), queries=10.0, target=target) == (kind, None)


@given(
    *[st.lists(st.tuples(st.just(0.5), st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=4)] * 2,
    st.integers(0, 30),
)
def test_at_a_break_even_both_arms_cost_the_same_and_without_one_the_named_arm_is_never_dearer(ours, theirs, queries):
    reasoning, ift = offers(*ours), offers(*theirs)
    kind, value = solve(reasoning, ift, queries=float(queries), target=None)

    def costs(at):
        return [(arm.once + at * arm.per_query).min() for arm in (reasoning, ift)]

    if kind == "at_queries":
        assert costs(value)[0] == pytest.approx(costs(value)[1])
    else:
        for at in (1e-9, 1.0, 7.3, 1e6):
            r, i = costs(at)
            assert r <= i * (1 + 1e-9) if kind == "reasoning_always" else i <= r * (1 + 1e-9)


def members(accuracy, cost):
    accuracy, cost = np.array(accuracy, dtype=float), np.array(cost, dtype=float)
    names = [chr(ord("a") + index) for index in range(accuracy.size)]
    found = frontier_members(
        names,
        accuracy=accuracy,
        cost=cost,
        accuracy_draws=np.tile(accuracy, (10, 1)),
        cost_draws=np.tile(cost, (10, 1)),
        tolerances=TIES,
    )
    return {item.configuration: item for item in found}


def test_a_staircase_is_its_own_frontier_and_what_lies_under_it_is_not():
    found = members([0.3, 0.5, 0.7, 0.4], [1, 2, 4, 3])
    assert [found[name].on_frontier for name in "abcd"] == [True, True, True, False]
    assert found["d"].dominated_by == "b"
    assert found["a"].dominated_by is None
    assert [found[name].probability for name in "abcd"] == [1.0, 1.0, 1.0, 0.0]
    assert list(found) == ["a", "b", "d", "c"]  # cheapest first


def test_ties_are_reported_as_ties():
    found = members([0.500, 0.505, 0.506], [1.00, 1.05, 1.00])
    assert found["a"].tied_with == ("b",)
    assert found["b"].tied_with == ("a", "c")
    assert found["a"].dominated_by == "c"  # 0.6 points more for the same cost
    assert found["b"].on_frontier


def test_cheaper_beyond_tolerance_and_as_accurate_dominates():
    assert members([0.50, 0.504], [1.0, 1.2])["b"].dominated_by == "a"
    assert members([0.50, 0.506], [1.0, 1.2])["b"].on_frontier


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(90, 130)), min_size=1, max_size=10))
def test_a_frontier_is_never_empty(points):
    accuracy = np.array([[value / 500 for value, _ in points]])
    cost = np.array([[value / 100 for _, value in points]])
    beaten = [dominators(accuracy, cost, index, TIES).any() for index in range(len(points))]
    assert not all(beaten)
    assert not any(dominators(accuracy, cost, index, TIES)[0, index] for index in range(len(points)))


def test_crossover_is_a_number_of_parameters():
    value, reason = crossover_parameters([1000, 10_000, 100_000], [-0.1, 0.05, 0.1])
    assert reason == ""
    assert value is not None
    assert math.log(1000) < math.log(value) < math.log(100_000)
