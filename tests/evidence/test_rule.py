"""The rule within a run: exact on exact data, honest with noise, silent where a study says nothing."""

import numpy as np
import pytest
from rule_simulation import (
    BUDGETS,
    ITEMS,
    SMALLEST,
    Line,
    assess,
    assess_crossover,
    configuration,
    evidence,
    ladder,
    lines,
    study,
)
from simulation import World, simulate, uniform_truth

from isothink.evidence.analysis import analyze
from isothink.evidence.crossover import crossover_at, crossover_of
from isothink.evidence.record import ConfigurationResult, Evidence
from isothink.evidence.rule import fit_rules
from isothink.evidence.rule_configuration import NotPredicted, predicted_configuration, predicted_configurations

STUDIES = 3


def exact(truth, sizes, **changes):
    """A study without noise."""
    return evidence(
        [
            configuration(family, arm, budget, size, float(line(size)), **changes)
            for (family, arm, budget), line in truth.items()
            for size in sizes
        ]
    )


def two_arms(gain=0.15, level=-1.0, budgets=BUDGETS):
    """Lines whose difference is zero at four times the smallest size and grows with size."""
    found = {}
    for budget in budgets:
        found["f", "ift", budget] = Line(level, 0.3)
        found["f", "reasoning", budget] = Line(level - gain * np.log(4), 0.3 + gain)
    return found


def points(found, **wanted):
    return [item for item in found.points if all(getattr(item, name) == value for name, value in wanted.items())]


def test_lines_without_noise_are_recovered_at_every_size_with_their_gains_tokens_and_costs():
    truth = two_arms()
    (rule,) = fit_rules(exact(truth, ladder(3)))
    assert rule.sizes == tuple(ladder(3)) and len(rule.fits) == 4
    for point in rule.points:
        at = point.parameters
        actual = truth["f", point.arm, point.budget_flops](at)
        assert point.accuracy == pytest.approx(actual, abs=1e-6)
        assert point.interval[0] < actual < point.interval[1]
        tokens = 200.0 if point.arm == "ift" else 1500.0 * (at / SMALLEST) ** -0.1
        assert point.output_tokens == pytest.approx(tokens, rel=0.02)  # slopes of both arms are pooled
        assert point.inference_flops_per_query == pytest.approx(2.0 * at * (tokens + 50), rel=0.02)
        assert point.extrapolated == (not SMALLEST <= at <= ladder(3)[-1])
        if point.arm == "reasoning":
            gain = actual - truth["f", "ift", point.budget_flops](at)
            assert point.gain == pytest.approx(gain, abs=1e-6)
            assert point.gain_interval[0] < gain < point.gain_interval[1]
        else:
            assert point.gain is None and point.gain_refused is None


def test_points_go_from_half_the_smallest_size_to_four_times_the_largest():
    (rule,) = fit_rules(exact(two_arms(), ladder(3)))
    sizes = [item.parameters for item in points(rule, arm="ift", budget_flops=BUDGETS[0])]
    assert sizes == sorted(set(sizes))
    assert (sizes[0], sizes[-1]) == (SMALLEST // 2, 4 * ladder(3)[-1])
    assert {2 * SMALLEST, 8 * SMALLEST} <= set(sizes)


def test_a_crossover_without_noise_is_where_the_lines_cross():
    rules = fit_rules(exact(two_arms(), ladder(5)))
    found = crossover_at(rules, "f", "reasoning", BUDGETS[0])
    assert found.parameters == pytest.approx(4 * SMALLEST, rel=0.02) and found.reason == ""
    assert found.interval[0] < found.parameters < found.interval[1]
    assert crossover_at(rules, "f", "sequential", BUDGETS[0]) is None


def test_without_a_crossing_in_the_ladder_the_reason_says_what_the_gain_is():
    truth = {("f", "ift", 1e18): Line(-1.0, 0.3), ("f", "reasoning", 1e18): Line(-0.5, 0.3)}
    (found,) = fit_rules(exact(truth, ladder(4)))[0].crossovers
    assert found.parameters is None and found.interval is None and "positive over the whole ladder" in found.reason
    sizes = [size * 6 for size in ladder(4)]
    (found,) = fit_rules(exact(two_arms(budgets=(1e18,)), sizes))[0].crossovers
    assert found.parameters is None and "beyond it" in found.reason and "e6" in found.reason


def curve(*gains, width=0.05):
    return np.array([(10.0**place, gain, gain - width, gain + width) for place, gain in enumerate(gains)])


def test_crossover_of_known_curves():
    at, ends, reason = crossover_of(curve(-0.1, -0.1, 0.1, 0.1), 1.0, 1000.0)
    assert at == pytest.approx(10**1.5) and reason == ""
    assert ends == pytest.approx((10**1.25, 10**1.75))
    assert crossover_of(curve(-0.1, -0.1, 0.1, 0.1, width=0.2), 1.0, 1000.0)[1] == (None, None)
    assert "3.16e0 and 3.16e1" in crossover_of(curve(-0.1, 0.1, -0.1), 1.0, 100.0)[2]
    assert crossover_of(curve(-0.1, 0.1, -0.1), 1.0, 100.0)[0] is None
    assert "negative" in crossover_of(curve(-0.1, -0.2), 1.0, 10.0)[2]
    assert "zero" in crossover_of(curve(0.0, 0.0), 1.0, 10.0)[2]
    assert crossover_of(curve(-0.1, 0.0, 0.1), 1.0, 100.0)[0] == pytest.approx(10.0)


@pytest.mark.parametrize("count", [3, 5])
def test_intervals_hold_the_truth_beyond_the_ladder_and_between_its_sizes(count):
    sizes = ladder(count)
    beyond = round(np.geomspace(0.5 * sizes[0], 4 * sizes[-1], 13)[{3: 10, 5: 11}[count]])
    assert 1.7 < beyond / sizes[-1] < 2.2
    for at in (beyond, np.sqrt(sizes[-2] * sizes[-1])):
        got = assess(sizes, STUDIES, at=at)
        assert got.refused == 0 and got.count == 12 * STUDIES
        assert got.accuracy_covered >= 0.85 and got.gain_covered >= 0.85
        assert got.sign_right >= 0.8


def test_a_hidden_crossover_is_recovered():
    got = assess_crossover(ladder(5), STUDIES, crossing=3 * SMALLEST, items=10 * ITEMS)
    assert got.found >= 0.9 and got.covered >= 0.85 and got.median_factor < 1.5


def test_a_study_of_one_size_has_no_rule_and_says_so():
    found = study(two_arms(), ladder(1), np.random.default_rng(1))
    (rule,) = fit_rules(found)
    assert rule.points == () and all("one size only" in fit.refused for fit in rule.fits)
    refused = predicted_configuration(found, "f", "ift", BUDGETS[0], 2 * SMALLEST)
    assert isinstance(refused, NotPredicted) and "one size" in refused.reason


def test_two_sizes_alone_are_refused_everywhere():
    found = study(two_arms(), ladder(2), np.random.default_rng(1))
    (rule,) = fit_rules(found)
    assert rule.points and all(point.refused and point.accuracy is None for point in rule.points)
    assert all(point.gain is None and point.gain_refused for point in points(rule, arm="reasoning"))
    assert all(item.parameters is None and "three sizes" in item.reason for item in rule.crossovers)
    assert predicted_configurations(found, "f", [10**7])[0] == ()


def test_series_that_turn_are_refused_beyond_the_ladder_and_not_within_it():
    truth = two_arms() | {("f", "mixed", budget): Line(1.0, -1.6, 0.3) for budget in BUDGETS}
    (rule,) = fit_rules(study(truth, ladder(5), np.random.default_rng(1)))
    for point in points(rule, arm="mixed"):
        assert (point.refused is not None) == point.extrapolated
    assert all(point.refused is None for point in points(rule, arm="reasoning"))


def test_intervals_are_no_narrower_than_the_noise_of_the_accuracies_themselves():
    truth, generator = two_arms(), np.random.default_rng(1)
    widths = []
    for deviation in (0.0, 0.01, 0.05):
        draws = 0.5 + deviation * generator.standard_normal(400)
        (rule,) = fit_rules(exact(truth, ladder(4), accuracy_draws=tuple(int(1e4 * value) for value in draws)))
        point = points(rule, arm="ift", budget_flops=BUDGETS[0])[-1]
        widths.append(point.interval[1] - point.interval[0])
    assert widths[0] <= widths[1] < widths[2]


def test_the_teachers_accuracy_caps_its_students():
    found = study(two_arms(level=0.0), ladder(4), np.random.default_rng(1))
    (rule,) = fit_rules(found, {"f": 0.97})
    assert rule.cap == 0.97 and {fit.cap for fit in rule.fits} == {0.97}
    assert all(point.interval[1] <= 0.97 for point in rule.points)


def test_a_predicted_configuration_is_a_candidate_like_any_other():
    found = study(two_arms(), ladder(4), np.random.default_rng(1))
    found = found.model_copy(update={"rules": fit_rules(found)})
    largest = ladder(4)[-1]
    item = predicted_configuration(found, "f", "reasoning", BUDGETS[1], 2 * largest)
    assert isinstance(item, ConfigurationResult)
    assert (item.source, item.training_flops, item.fixed_flops) == ("predicted", BUDGETS[1], 1e17)
    assert item.edge and item.serving is None and list(item.conventions) == ["exact"]
    assert item.lifetime_flops == pytest.approx(BUDGETS[1] + 1e17 + 1e6 * item.inference_flops_per_query)
    assert len(item.accuracy_draws) == len(item.inference_draws) == 400
    draws = np.array(item.accuracy_draws) / 1e4
    assert item.expected_accuracy == pytest.approx(draws.mean(), abs=1e-4)
    assert np.quantile(draws, [0.05, 0.95]) == pytest.approx([item.interval.low, item.interval.high], abs=0.02)
    assert np.median(item.inference_draws) == pytest.approx(1e4, rel=0.02)
    assert not predicted_configuration(found, "f", "ift", BUDGETS[1], largest // 2).edge


def test_what_was_run_or_is_unknown_is_not_predicted():
    found = study(two_arms(), ladder(4), np.random.default_rng(1))
    results, refused = predicted_configurations(found, "f", [SMALLEST, 2 * SMALLEST, 10**15])
    assert len(results) == 4 and {item.parameters for item in results} == {2 * SMALLEST}
    reasons = {item.parameters: item.reason for item in refused}
    assert reasons[SMALLEST] == "it was run" and "factor of 100" in reasons[10**15]
    assert "was not run" in predicted_configuration(found, "f", "sequential", BUDGETS[0], 10**7).reason
    assert predicted_configurations(found, "g", [10**7]) == ((), ())


def test_predictions_are_no_evidence_for_the_next_rule():
    found = study(two_arms(), ladder(4), np.random.default_rng(1))
    more, _ = predicted_configurations(found, "f", [10**8])
    again = found.model_copy(update={"configurations": (*found.configurations, *more)})
    assert fit_rules(again) == fit_rules(found)


def test_other_families_budgets_and_arms_tell_how_wide_three_sizes_have_to_be():
    generator = np.random.default_rng(2)
    truth = lines(generator, families=3)
    alone = {key: line for key, line in truth.items() if key == ("family 0", "ift", BUDGETS[0])}
    (few,) = fit_rules(exact(alone, ladder(3)))
    many = fit_rules(exact(truth, ladder(3)))[0]
    wide, narrow = few.points[-1].interval, points(many, arm="ift", budget_flops=BUDGETS[0])[-1].interval
    assert wide[1] - wide[0] > narrow[1] - narrow[0] > 0


@pytest.mark.parametrize(("step", "reason"), [(1e15, "one size only"), (0.0, "at most 40")])
def test_many_imported_models_are_refused_one_by_one_or_as_too_many(step, reason):
    models = [
        configuration("f", "imported", 1e18 + step * number, 10**6 + number, 0.5, source="imported")
        for number in range(300)
    ]
    (rule,) = fit_rules(evidence(models))
    assert len(rule.fits) == (300 if step else 1) and rule.points == ()
    assert all(reason in fit.refused for fit in rule.fits)


def test_analysis_stores_the_rules_and_they_are_read_back():
    world = World(seeds=2, items=60)
    found = analyze(
        simulate(world, uniform_truth(world, 0.5), np.random.default_rng(1)),
        study="simulated",
        budgets_flops=world.budgets,
        queries=1e6,
        students=world.students,
        arms=world.arms,
    )
    assert [rule.family for rule in found.rules] == ["f"] and found.rules[0].points
    assert Evidence.model_validate_json(found.model_dump_json()) == found


def test_nothing_at_all_has_no_rule():
    assert fit_rules(evidence([])) == ()
    assert predicted_configurations(evidence([]), "f", [10**7]) == ((), ())


def test_budgets_relative_to_each_student_count_as_one():
    truth = two_arms(budgets=(1e20,))
    absolute = exact(truth, ladder(4))
    relative = absolute.model_copy(
        update={
            "configurations": tuple(
                item.model_copy(
                    update={"budget_flops": 100.0 * item.parameters, "training_flops": 99.0 * item.parameters}
                )
                for item in absolute.configurations
            )
        }
    )
    (rule,), (expected,) = fit_rules(relative), fit_rules(absolute)
    assert {point.budget_flops for point in rule.points} == {100.0 * ladder(4)[-1]}
    assert [point.accuracy for point in rule.points] == [point.accuracy for point in expected.points]
    larger, _ = predicted_configurations(relative, "f", [4 * ladder(4)[-1]])
    assert [one.training_flops for one in larger] == pytest.approx([99.0 * 4 * ladder(4)[-1]] * 2)
