"""Gains by tokens, size and form, curriculum curves, lengths: by hand, recovered where planted, absent with reasons."""

import dataclasses

import numpy as np
import pytest
from simulation import World, cell_facts, configuration_name, observations, simulate, uniform_truth

from isothink.evidence.gain_patterns import mean_ranks
from isothink.evidence.observations import ItemFacts
from isothink.evidence.patterns import find_patterns
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.workings import work_out

FAST = AnalysisSettings(draws=1000)
BUDGET = 1e11
SIZES = {"s": 10**6, "m": 2 * 10**6, "l": 4 * 10**6}


def patterns_of(data, students=("s", "m", "l"), arms=("ift", "reasoning")):
    budgets = sorted({cell.budget_flops for cell in data.cells})
    return find_patterns(
        work_out(data, study="test", budgets_flops=budgets, queries=1e3, students=students, arms=arms, settings=FAST)
    )


def cell(student, arm, seed=0):
    return cell_facts(student, arm, BUDGET, seed, parameters=SIZES[student])


def row(accuracy, items=100):
    return [1.0] * round(accuracy * items) + [0.0] * (items - round(accuracy * items))


def study(accuracies, *, tokens=None, seeds=1, truncated=None, items=100):
    """Cells by (student, arm), every seed alike; `tokens` is one number for a cell or one for each item."""
    cells = [cell(student, arm, seed) for student, arm in accuracies for seed in range(seeds)]
    scores = [row(value, items) for value in accuracies.values() for _ in range(seeds)]
    data = observations(cells, scores)
    if truncated is not None:
        data = dataclasses.replace(data, truncated=np.repeat(np.asarray(truncated, dtype=float), seeds, axis=0))
    if tokens is not None:
        rows = [np.broadcast_to(np.asarray(tokens[key], dtype=float), (items,)) for key in accuracies]
        data = dataclasses.replace(data, trace_tokens=np.repeat(np.array(rows), seeds, axis=0))
    return data


def in_families(*named):
    """Studies of the same cells side by side, each a family of its own."""
    first = named[0][1]
    items = tuple(
        ItemFacts(item=f"{name}{item.item}", benchmark=name, family=name, cluster=f"{name}{item.cluster}")
        for name, data in named
        for item in data.items
    )
    arrays = ("correct", "truncated", "looping", "thinking", "prompt_tokens", "trace_tokens", "answer_tokens")
    return dataclasses.replace(
        first,
        items=items,
        inference_flops={"exact": np.hstack([data.inference_flops["exact"] for _, data in named])},
        **{name: np.hstack([getattr(data, name) for _, data in named]) for name in arrays},
    )


LADDER = {
    ("s", "ift"): 0.2,
    ("m", "ift"): 0.3,
    ("l", "ift"): 0.4,
    ("s", "reasoning"): 0.2,
    ("m", "reasoning"): 0.4,
    ("l", "reasoning"): 0.6,
}


def test_gain_by_size_by_hand():
    [found] = patterns_of(study(LADDER)).gain_by_size
    assert [gain.gain for gain in found.gains] == pytest.approx([0.0, 0.1, 0.2])
    assert found.slope_per_doubling == pytest.approx(0.1) and found.reason is None
    assert found.interval.low < 0.1 < found.interval.high


def test_one_student_has_a_gain_and_no_slope():
    found = patterns_of(study({key: value for key, value in LADDER.items() if key[0] == "s"}), students=("s",))
    [size] = found.gain_by_size
    assert len(size.gains) == 1 and size.slope_per_doubling is None and "one size" in size.reason
    [tokens] = found.gain_by_tokens
    assert tokens.rank_correlation is None and "1 points" in tokens.reason


def test_gains_are_those_of_the_comparisons():
    data = study(LADDER, seeds=2)
    work = work_out(
        data,
        study="t",
        budgets_flops=[BUDGET],
        queries=1,
        students=list(SIZES),
        arms=["ift", "reasoning"],
        settings=FAST,
    )
    same = [item for item in work.comparisons if item.kind == "same_student"]
    points = find_patterns(work).gain_by_tokens[0].points
    assert [(point.gain, point.interval) for point in points] == [(item.difference, item.interval) for item in same]


def test_equal_values_share_a_rank():
    assert mean_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_link_between_tokens_and_gain_is_recovered(sign):
    arms = ("ift", "reasoning", "mixed(0.5)")
    world = World(seeds=3, items=300, arms=arms, seed_deviation=0.1, pair_deviation=0.2)
    truth, gains = uniform_truth(world, 0.4), iter((0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.3, 0.2))
    for student in world.students:
        for arm in arms[1:]:
            for budget in world.budgets:
                truth[configuration_name(student, arm, budget)] += next(gains)
    data = simulate(world, truth, np.random.default_rng(3))
    factor = [5 * np.exp(sign * (truth[cell.configuration] - 0.4)) for cell in data.cells]
    data = dataclasses.replace(data, trace_tokens=np.ones_like(data.correct) * np.array(factor)[:, None])
    [found] = patterns_of(data, arms=arms).gain_by_tokens
    assert len(found.points) == 12
    assert sign * found.rank_correlation > 0.8
    assert found.interval.low <= found.rank_correlation <= found.interval.high
    assert found.interval.low * found.interval.high > 0


def test_unlinked_tokens_and_gains_mostly_have_zero_in_the_interval():
    arms, hits = ("ift", "reasoning", "mixed(0.5)"), []
    world = World(seeds=2, items=60, arms=arms, seed_deviation=0.2)
    for number in range(25):
        generator = np.random.default_rng([9, number])
        data = simulate(world, uniform_truth(world, 0.5), generator)
        by_configuration = {cell.configuration: generator.uniform(1, 9) for cell in data.cells}
        tokens = np.array([by_configuration[cell.configuration] for cell in data.cells])
        data = dataclasses.replace(data, trace_tokens=np.ones_like(data.correct) * tokens[:, None])
        interval = patterns_of(data, arms=arms).gain_by_tokens[0].interval
        hits.append(interval.low <= 0 <= interval.high)
    assert np.mean(hits) >= 0.76  # 0.90 is meant, standard error 0.06


CURVE = {
    ("s", "ift"): 0.1,
    ("s", "sequential(0.25)"): 0.3,
    ("s", "sequential(0.5)"): 0.5,
    ("s", "mixed(0.5)"): 0.9,
    ("s", "reasoning"): 0.9,
}
CURVE_ARMS = ("ift", "reasoning", "sequential(0.25)", "sequential(0.5)", "mixed(0.5)")


def test_curriculum_curves_by_hand():
    tokens = dict(zip(CURVE, (0.0, 20.0, 30.0, 60.0, 95.0), strict=True))
    found = patterns_of(study(CURVE, tokens=tokens, seeds=2), students=("s",), arms=CURVE_ARMS).curricula
    sequential, mixed = found
    assert (sequential.schedule, mixed.schedule) == ("sequential", "mixed")
    assert [point.rho for point in sequential.points] == [0.0, 0.25, 0.5, 1.0]
    assert [point.accuracy for point in sequential.points] == pytest.approx([0.1, 0.3, 0.5, 0.9])
    assert [point.gain_share for point in sequential.points] == pytest.approx([0.0, 0.25, 0.5, 1.0])
    assert [point.output_tokens for point in sequential.points] == pytest.approx([5.0, 25.0, 35.0, 100.0])
    assert [point.gain_share for point in mixed.points] == pytest.approx([0.0, 1.0, 1.0])
    share = sequential.points[2].gain_share_interval
    assert 0.3 < share.low < 0.5 < share.high < 0.7
    assert sequential.points[0].training_flops == 0.99 * BUDGET
    assert sequential.full_gain == pytest.approx(0.8) and sequential.reason is None


def test_no_share_of_a_gain_that_may_be_none():
    for curve in patterns_of(study(dict.fromkeys(CURVE, 0.5)), students=("s",), arms=CURVE_ARMS).curricula:
        assert all(point.gain_share is None for point in curve.points)
        assert "contains zero" in curve.reason


def test_without_one_end_there_are_accuracies_and_no_share():
    half = {key: value for key, value in CURVE.items() if key[1] != "reasoning"}
    found = patterns_of(study(half), students=("s",), arms=CURVE_ARMS)
    assert [point.rho for point in found.curricula[0].points] == [0.0, 0.25, 0.5]
    assert found.curricula[0].full_gain is None and "no result" in found.curricula[0].reason


def test_forms_of_answers_by_hand():
    choice = study(LADDER)
    opened = study({key: value + (0.3 if key[1] == "reasoning" else 0.0) for key, value in LADDER.items()})
    [found] = patterns_of(in_families(("x-mc", choice), ("y-oe", opened))).answer_forms
    assert found.multiple_choice_gain == pytest.approx(0.1)
    assert found.open_ended_gain == pytest.approx(0.4)
    assert found.difference == pytest.approx(-0.3)
    assert found.interval.low < -0.3 < found.interval.high < 0
    assert (found.multiple_choice, found.open_ended, found.students) == (("x-mc",), ("y-oe",), ("s", "m", "l"))


def test_forms_take_only_students_that_both_have():
    opened = study(LADDER)
    choice = study(LADDER)
    for place, one in enumerate(choice.cells):
        if one.student == "l":
            choice.correct[place] = np.nan
    found = patterns_of(in_families(("x-mc", choice), ("y-oe", opened)))
    assert found.answer_forms[0].students == ("s", "m")


def test_what_a_study_has_no_cells_for_is_absent_with_a_reason():
    found = patterns_of(study({("s", "ift"): 0.5}), students=("s",), arms=("ift",))
    assert {item.pattern for item in found.absent} == {"gain_by_tokens", "gain_by_size", "curricula", "answer_forms"}
    assert all(item.reason for item in found.absent)
    assert len(found.trace_lengths) == 1


def test_lengths_by_hand():
    lengths = np.array([10.0] * 50 + [20.0] * 50) - 5  # answers hold 5 more
    [found] = patterns_of(study({("s", "ift"): 0.5}, tokens={("s", "ift"): lengths}), students=("s",)).trace_lengths
    assert (found.all_answers.right, found.all_answers.wrong) == (50, 50)
    assert (found.all_answers.right_tokens, found.all_answers.wrong_tokens) == pytest.approx((10.0, 20.0))
    assert found.all_answers.ratio == pytest.approx(0.5) and found.completed == found.all_answers
    assert found.same_item.ratio is None and "no benchmark" in found.same_item.reason


def test_answers_that_were_cut_off_are_told_apart():
    lengths = np.array([10.0] * 50 + [10.0] * 30 + [100.0] * 20) - 5
    cut = [[0.0] * 80 + [1.0] * 20]
    data = study({("s", "ift"): 0.5}, tokens={("s", "ift"): lengths}, truncated=cut)
    [found] = patterns_of(data, students=("s",)).trace_lengths
    assert found.truncated == pytest.approx(0.2)
    assert found.all_answers.ratio == pytest.approx(10 / 46)
    assert found.completed.ratio == pytest.approx(1.0)
    assert (found.completed.right, found.completed.wrong) == (50, 30)


def test_hard_items_that_are_long_make_a_ratio_but_none_within_items():
    generator = np.random.default_rng(5)
    hard = generator.standard_normal(400)
    lengths = 100 * np.exp(0.5 * hard + 0.1 * generator.standard_normal((4, 400)))
    scores = (generator.standard_normal((4, 400)) > hard).astype(float)
    data = observations([cell("s", "reasoning", seed) for seed in range(4)], scores)
    data = dataclasses.replace(data, trace_tokens=lengths)
    [found] = patterns_of(data, students=("s",)).trace_lengths
    assert found.completed.interval.high < 0.85
    assert found.same_item.ratio == pytest.approx(1.0, abs=0.02)


def test_a_planted_ratio_is_covered():
    hits = []
    for number in range(60):
        generator = np.random.default_rng([6, number])
        scores = (generator.uniform(size=(2, 120)) < 0.6).astype(float)
        lengths = np.where(scores == 1, 80.0, 100.0) * np.exp(0.5 * generator.standard_normal(scores.shape))
        data = observations([cell("s", "reasoning", seed) for seed in range(2)], scores)
        data = dataclasses.replace(data, trace_tokens=lengths, answer_tokens=0.0 * lengths)
        [found] = patterns_of(data, students=("s",)).trace_lengths
        hits.append(found.completed.interval.low <= 0.8 <= found.completed.interval.high)
    assert 0.78 <= np.mean(hits) <= 0.98  # 0.90 is meant, standard error 0.04


def test_all_right_has_no_ratio_and_two_wrong_answers_no_interval():
    everything = patterns_of(study({("s", "ift"): 1.0, ("s", "reasoning"): 0.98}, tokens=None), students=("s",))
    right, nearly = everything.trace_lengths
    assert right.completed.ratio is None and right.completed.wrong_tokens is None and right.completed.right_tokens == 5
    assert nearly.completed.ratio == pytest.approx(1.0) and nearly.completed.interval is None
    assert "5 right and 5 wrong" in nearly.completed.reason
    assert everything.gain_by_size[0].gains[0].gain == pytest.approx(-0.02)
