"""`analyze` and `decide` on small studies: known answers, invariants, degenerate input."""

import dataclasses
import time

import numpy as np
import pytest
from simulation import BUDGETS, STUDENTS, World, cell_facts, configuration_name, observations, simulate, uniform_truth

from isothink.errors import UsageError
from isothink.evidence.analysis import analyze
from isothink.evidence.draws import draw_family
from isothink.evidence.family import build_family
from isothink.evidence.record import Evidence, MissingCell
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.shrinkage import shrink
from isothink.evidence.verdict import decide

FAST = AnalysisSettings(draws=1000, frontier_draws=500)


def study(data, **changes):
    arguments = {
        "study": "test",
        "budgets_flops": BUDGETS,
        "queries": 1000.0,
        "students": STUDENTS,
        "arms": ("ift", "reasoning"),
        "settings": FAST,
    }
    return analyze(data, **(arguments | changes))


def scores(*accuracies, items=100):
    return [[1.0] * round(value * items) + [0.0] * (items - round(value * items)) for value in accuracies]


def three_cells(seeds=2):
    """Small IFT 0.50, large IFT 0.80, small reasoning 0.80, the two seeds one item apart."""
    kinds = [("s", "ift", 0.50), ("l", "ift", 0.80), ("s", "reasoning", 0.80)]
    cells = [cell_facts(student, arm, 1e12, seed) for student, arm, _ in kinds for seed in range(seeds)]
    rows = [scores(value + 0.01 * seed)[0] for _, _, value in kinds for seed in range(seeds)]
    return observations(cells, rows)


def test_three_cells_by_hand():
    evidence = study(three_cells(), budgets_flops=[1e12])
    found = {item.configuration: item for item in evidence.configurations}
    small = found[configuration_name("s", "reasoning", 1e12)]
    assert small.accuracy == pytest.approx(0.805)
    assert small.seeds == 2
    assert small.items == 100
    assert small.inference_flops_per_query == pytest.approx(5e7)
    assert small.lifetime_flops == pytest.approx(0.99e12 + 1000 * 5e7)
    assert small.interval.low < 0.805 < small.interval.high
    same, best = ([x for x in evidence.comparisons if x.kind == kind] for kind in ("same_student", "best_student"))
    assert [item.student for item in same] == ["s"]
    assert same[0].difference == pytest.approx(0.30)
    assert same[0].adjusted_p_value is None
    assert (best[0].student, best[0].baseline_student) == ("s", "l")
    assert best[0].difference == pytest.approx(0.0, abs=0.01)
    assert best[0].outcome == "unresolved"
    verdict = evidence.verdicts[0]
    assert verdict.outcome == "unresolved"
    assert verdict.recommended is not None
    assert verdict.recommended.cell == configuration_name("s", "reasoning", 1e12)  # 5e7 a query, not 1e9
    assert [item.arm for item in verdict.alternatives] == ["ift"]
    assert verdict.break_even is not None
    assert verdict.break_even.kind == "reasoning_always"  # as dear to train, cheaper to serve
    assert verdict.crossover_parameters is None
    assert any("no crossover size" in reason for reason in verdict.reasons)


def test_a_clear_gain_is_resolved_and_worded_with_its_numbers():
    world = World(seeds=3, items=200, seed_deviation=0.05)
    truth = {name: 0.8 if "reasoning" in name else 0.4 for name in uniform_truth(world, 0.5)}
    verdict = study(simulate(world, truth, np.random.default_rng(0))).verdicts[0]
    assert verdict.outcome == "reasoning"
    assert verdict.reasons[0].startswith("reasoning minus IFT at 1e12 FLOPs: +")
    assert "adjusted p" in verdict.reasons[0]
    swapped = {name: 0.4 if "reasoning" in name else 0.8 for name in truth}
    assert study(simulate(world, swapped, np.random.default_rng(0))).verdicts[0].outcome == "ift"


def test_a_curriculum_can_win_and_the_higher_of_two_winners_is_named():
    world = World(seeds=3, items=200, arms=("ift", "reasoning", "mixed(0.5)"))
    truth = {name: {"i": 0.3, "r": 0.6, "m": 0.8}[name.split("/")[1][0]] for name in uniform_truth(world, 0.5)}
    verdict = study(simulate(world, truth, np.random.default_rng(0)), arms=world.arms).verdicts[0]
    assert verdict.outcome == "curriculum"
    assert any("each resolved better" in reason for reason in verdict.reasons)
    assert {item.arm for item in verdict.alternatives} == {"ift", "reasoning"}


def test_one_seed_everywhere_resolves_nothing_and_says_so():
    evidence = study(three_cells(seeds=1), budgets_flops=[1e12])
    assert {item.outcome for item in evidence.comparisons} == {"unresolved"}
    assert evidence.seed_variance[0].standard_deviation is None
    assert any("one seed everywhere" in text for text in evidence.family_caveats["f"])
    assert any("a second seed" in text for text in evidence.verdicts[0].would_change_it)


def test_draws_are_deterministic_and_the_order_of_cells_and_items_is_irrelevant():
    world = World(seeds=2, items=40, benchmarks=2)
    data = simulate(world, uniform_truth(world, 0.6), np.random.default_rng(3))
    once = study(data)
    assert once == study(data)
    generator = np.random.default_rng(4)
    rows, columns = generator.permutation(len(data.cells)), generator.permutation(len(data.items))

    def mixed(values):
        return values[np.ix_(rows, columns)]

    arrays = ("correct", "truncated", "looping", "thinking", "prompt_tokens", "trace_tokens", "answer_tokens")
    shuffled = dataclasses.replace(
        data,
        cells=tuple(data.cells[row] for row in rows),
        items=tuple(data.items[column] for column in columns),
        inference_flops={"exact": mixed(data.inference_flops["exact"])},
        **{name: mixed(getattr(data, name)) for name in arrays},
    )
    assert _rounded(study(shuffled)) == _rounded(once)


def _rounded(evidence):
    """Sums in another order differ in the last bits."""

    def walk(value):
        if isinstance(value, float):
            return float(f"{value:.9g}") if abs(value) > 1e-9 else 0.0
        if isinstance(value, dict):
            return {key: walk(entry) for key, entry in value.items()}
        return [walk(entry) for entry in value] if isinstance(value, (list, tuple)) else value

    return walk(evidence.model_dump())


def test_pairing_items_that_both_get_right_shrink_the_difference_and_its_error_alike():
    def comparison(extra):
        generator = np.random.default_rng(5)
        base = (generator.random((4, 100)) < np.array([[0.4], [0.4], [0.6], [0.6]])).astype(float)
        rows = np.hstack([base, np.ones((4, extra))])
        cells = [cell_facts("s", arm, 1e12, seed) for arm in ("ift", "reasoning") for seed in (0, 1)]
        return study(observations(cells, rows), budgets_flops=[1e12]).comparisons[0]

    alone, joined = comparison(0), comparison(100)
    assert joined.difference == pytest.approx(alone.difference / 2, abs=0.01)
    ratio = (joined.interval.high - joined.interval.low) / (alone.interval.high - alone.interval.low)
    assert 0.4 < ratio < 0.65


def test_a_configuration_keeps_its_numbers_when_another_joins():
    world = World(seeds=1, items=30)
    data = simulate(world, uniform_truth(world, 0.6), np.random.default_rng(3))
    fewer = dataclasses.replace(
        data,
        cells=data.cells[:-1],
        inference_flops={"exact": data.inference_flops["exact"][:-1]},
        **{
            name: getattr(data, name)[:-1]
            for name in (
                "correct",
                "truncated",
                "looping",
                "thinking",
                "prompt_tokens",
                "trace_tokens",
                "answer_tokens",
            )
        },
    )
    assert [x.interval.low for x in study(fewer).configurations] == pytest.approx(
        [x.interval.low for x in study(data).configurations][:-1]
    )


def test_unscored_answers_are_left_out_and_counted():
    rows = np.array(scores(0.5, 0.5, 0.8, 0.8))
    rows[0, :10] = np.nan  # ten right answers without a score
    cells = [cell_facts("s", arm, 1e12, seed) for arm in ("ift", "reasoning") for seed in (0, 1)]
    evidence = study(observations(cells, rows), budgets_flops=[1e12])
    assert evidence.configurations[0].accuracy == pytest.approx((40 / 90 + 0.5) / 2)
    assert [item.unscored for item in evidence.configurations] == [10, 0]
    assert any("10 of 400 answers have no score" in text for text in evidence.family_caveats["f"])


def test_a_cell_without_any_score_is_missing():
    rows = np.array(scores(0.5, 0.5, 0.8, 0.8))
    rows[1] = np.nan
    cells = [cell_facts("s", arm, 1e12, seed) for arm in ("ift", "reasoning") for seed in (0, 1)]
    planned = MissingCell(cell="x", configuration="y", reason="infeasible: too few prompts")
    evidence = study(observations(cells, rows), budgets_flops=[1e12], missing=[planned])
    assert [item.cell for item in evidence.missing] == ["x", cells[1].cell]
    assert [item.seeds for item in evidence.configurations] == [1, 2]


def test_a_difference_that_the_cap_could_explain_is_said_to_be():
    rows = scores(0.9, 0.9, 0.4, 0.4)
    truncated = np.array(scores(0.0, 0.0, 0.0, 0.0))
    truncated[2:, 40:] = 1.0
    cells = [cell_facts("s", arm, 1e12, seed) for arm in ("ift", "reasoning") for seed in (0, 1)]
    evidence = study(observations(cells, rows, truncated=truncated), budgets_flops=[1e12])
    best = next(item for item in evidence.comparisons if item.kind == "best_student")
    assert (best.truncation_bounds.low, best.truncation_bounds.high) == pytest.approx((-0.5, 0.1))
    assert evidence.configurations[1].completion_rate == pytest.approx(0.4)
    assert any("60% of the answers of reasoning were cut off" in text for text in evidence.family_caveats["f"])
    assert any("could be due to the cap" in text for text in evidence.verdicts[0].caveats)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_wrong_and_all_right_never_give_an_interval_of_zero_width(value):
    cells = [cell_facts("s", arm, 1e12, seed) for arm in ("ift", "reasoning") for seed in (0, 1)]
    evidence = study(observations(cells, np.full((4, 30), value)), budgets_flops=[1e12])
    for item in evidence.configurations:
        assert item.interval.low <= value <= item.interval.high
        assert 0.01 < item.interval.high - item.interval.low < 0.2
    for item in evidence.comparisons:
        assert item.difference == 0
        assert item.interval.low < -0.01
        assert item.interval.high > 0.01
        assert item.outcome == "unresolved"


def _degenerate():
    nothing = observations([], np.zeros((0, 5)))
    yield "no cells", nothing
    yield "no items and no cells", observations([], np.zeros((0, 0)))
    yield "one cell", observations([cell_facts("s", "ift", 1e12)], scores(0.5))
    two = [cell_facts("s", "ift", 1e12, seed) for seed in (0, 1)]
    yield "one arm", observations(two, scores(0.5, 0.6))
    yield "only reasoning", observations([cell_facts("s", "reasoning", 1e12)], scores(0.5))
    yield (
        "one item",
        observations(
            [cell_facts("s", arm, 1e12, n) for arm in ("ift", "reasoning") for n in (0, 1)], [[1], [0], [1], [1]]
        ),
    )
    yield "one item a benchmark", observations(two, [[1, 0, 1], [0, 0, 1]], benchmarks=3)
    yield "all missing", observations(two, np.full((2, 4), np.nan))
    yield "unknown student and arm", observations([cell_facts("x", "mixed(0.5)", 1e12)], scores(0.5))
    yield (
        "ties",
        observations(
            [cell_facts(s, a, 1e12, n) for s in STUDENTS for a in ("ift", "reasoning") for n in (0, 1)],
            scores(*[0.5] * 12),
        ),
    )
    yield "apart", observations([cell_facts("s", "ift", 1e11), cell_facts("l", "reasoning", 1e12)], scores(0.4, 0.6))


DEGENERATE = dict(_degenerate())


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.filterwarnings("error")
def test_degenerate_studies_still_give_evidence(name):
    evidence = study(DEGENERATE[name])
    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence
    for verdict in evidence.verdicts:
        assert verdict.reasons
        assert (verdict.recommended is None) == (name in ("no cells", "all missing"))
    assert study(DEGENERATE[name], budgets_flops=[]).verdicts == ()


def test_decide_follows_the_budget():
    world = World(seeds=2, items=80)
    truth = {name: 0.4 if name.endswith("1e+11") else 0.8 for name in uniform_truth(world, 0.5)}
    evidence = study(simulate(world, truth, np.random.default_rng(1)))
    low = decide(evidence, family="f", budget_flops=5e11, queries=10)
    assert low.recommended.training_flops <= 5e11  # between two budgets the lower one counts
    assert "1e11" in low.reasons[0]
    assert not low.recommended.extrapolated
    high = decide(evidence, family="f", budget_flops=5e12, queries=10)
    assert high.recommended.extrapolated
    assert any(reason.startswith("extrapolated") for reason in high.reasons)
    nothing = decide(evidence, family="f", budget_flops=1e9, queries=10)
    assert nothing.recommended is None
    assert nothing.reasons[0].startswith("no configuration is within the training budget of 1e9 FLOPs; the cheapest, ")
    capped = decide(evidence, family="f", budget_flops=1e12, queries=10, inference_budget=1)
    assert "of those within the training budget is within the inference budget per query of 1e0" in capped.reasons[0]
    short_lived = decide(evidence, family="f", budget_flops=1e12, queries=10, inference_budget=1e15, lifetime_budget=1)
    assert "and the inference budget per query is within the whole-life budget of 1e0" in short_lived.reasons[0]
    small = decide(evidence, family="f", budget_flops=1e12, queries=10, inference_budget=2e7)
    assert small.recommended.cell == configuration_name("s", "ift", 1e12)


def test_a_verdict_on_a_run_that_is_not_done_says_so_first():
    missing = [
        MissingCell(cell=str(number), configuration="c", reason="why", status=status)
        for number, status in enumerate(("not_run", "not_run", "failed", "infeasible"))
    ]
    verdict = decide(study(three_cells(), missing=missing), family="f", budget_flops=1e12, queries=1)
    assert verdict.caveats[0].startswith("planned cells without a result: 2 not run yet and 1 failed")
    done = decide(study(three_cells(), missing=missing[3:]), family="f", budget_flops=1e12, queries=1)
    assert not any("without a result" in text for text in done.caveats)


def test_decide_refuses_what_makes_no_sense():
    evidence = study(three_cells(), budgets_flops=[1e12])
    with pytest.raises(UsageError, match="family"):
        decide(evidence, family="g", budget_flops=1e12, queries=1)
    with pytest.raises(UsageError, match="budget"):
        decide(evidence, family="f", budget_flops=0, queries=1)
    with pytest.raises(UsageError, match="queries"):
        decide(evidence, family="f", budget_flops=1, queries=-1)


def test_queries_move_the_recommendation_to_the_cheaper_to_serve():
    cells = [cell_facts("l", "ift", 1e12, seed, training_flops={"exact": 1e11}) for seed in (0, 1)] + [
        cell_facts("s", "reasoning", 1e12, seed, training_flops={"exact": 9e11}) for seed in (0, 1)
    ]
    evidence = study(observations(cells, scores(0.8, 0.81, 0.8, 0.81)), budgets_flops=[1e12])
    crossing = (9e11 - 1e11) / (1e9 - 5e7)
    few = decide(evidence, family="f", budget_flops=1e12, queries=crossing / 2)
    many = decide(evidence, family="f", budget_flops=1e12, queries=crossing * 2)
    assert (few.recommended.arm, many.recommended.arm) == ("ift", "reasoning")
    assert few.break_even.queries == pytest.approx(crossing)
    assert few.break_even.cheaper_below == "ift"
    assert "more than 842 queries: at equal accuracy reasoning is the cheaper" in few.would_change_it
    unreachable = decide(evidence, family="f", budget_flops=1e12, queries=1, target_accuracy=0.95)
    assert unreachable.break_even.kind == "no_equal_accuracy"


def test_a_break_even_names_the_cheaper_arm_though_it_is_the_recommended_one():
    cells = [cell_facts("s", "ift", 1e12, seed, training_flops={"exact": 9e11}) for seed in (0, 1)] + [
        cell_facts("l", "reasoning", 1e12, seed, training_flops={"exact": 1e11}) for seed in (0, 1)
    ]
    evidence = study(observations(cells, scores(0.3, 0.31, 0.9, 0.91)), budgets_flops=[1e12])
    many = decide(evidence, family="f", budget_flops=1e12, queries=2000)
    assert many.recommended.arm == "reasoning"
    assert many.break_even.cheaper_below == "reasoning"  # cheaper to train, dearer to serve
    assert "fewer than 160 queries: at equal accuracy reasoning is the cheaper" in many.would_change_it


def test_another_convention_confirms_changes_or_cannot_tell():
    def verdict(ratio_large, *, at, with_inference=True):
        cells = [
            cell_facts(
                student,
                "ift",
                budget,
                seed,
                training_flops={"exact": budget, "paper": budget * (ratio_large if student == "l" else 1.0)},
            )
            for student in ("s", "l")
            for budget in BUDGETS
            for seed in (0, 1)
        ]
        data = observations(cells, scores(0.3, 0.3, 0.5, 0.51, 0.6, 0.61, 0.9, 0.91))
        if with_inference:
            data.inference_flops["paper"] = data.inference_flops["exact"] * 2
        return decide(study(data), family="f", budget_flops=at, queries=1)

    large = configuration_name("l", "ift", 1e12)
    assert verdict(1.0, at=1e12).sensitivity == {"paper": large}
    assert verdict(2.0, at=1e12).sensitivity == {"paper": "cannot tell"}  # the small one was never trained that far
    assert verdict(0.5, at=1e12).sensitivity == {"paper": large}
    assert verdict(1.0, at=1e12, with_inference=False).sensitivity == {"paper": "cannot tell"}


def test_a_verdict_in_another_convention_prices_cells_and_rescales_the_budget():
    cells = [
        cell_facts(student, "ift", budget, seed, training_flops={"exact": budget, "paper": budget * 1.5})
        for student in ("s", "l")
        for budget in BUDGETS
        for seed in (0, 1)
    ]
    data = observations(cells, scores(0.3, 0.3, 0.5, 0.51, 0.6, 0.61, 0.9, 0.91))
    data.inference_flops["paper"] = data.inference_flops["exact"] * 2
    evidence = study(data)
    question = {"family": "f", "budget_flops": 1e12, "queries": 10}
    own, asked = decide(evidence, **question), decide(evidence, **question, convention="paper")
    assert decide(evidence, **question, convention="exact") == own
    assert (own.rescaled_budget_flops, asked.rescaled_budget_flops) == (None, pytest.approx(1.5e12))
    assert asked.recommended.cell == own.recommended.cell == own.sensitivity["paper"]
    best = asked.recommended
    assert best.training_flops == own.recommended.training_flops == 1e12
    assert best.training_cost == pytest.approx(1.5e12)
    assert best.inference_cost_per_query == pytest.approx(2 * best.inference_flops_per_query)
    assert best.lifetime_cost == pytest.approx(1.5e12 + 10 * best.inference_cost_per_query)
    assert asked.reasons == own.reasons and asked.sensitivity == own.sensitivity


def test_a_convention_that_cannot_be_asked_for_is_refused():
    evidence = study(three_cells())
    question = {"family": "f", "budget_flops": 1e12, "queries": 1}
    for convention in ("paper", "Exact", "x" * 200):
        with pytest.raises(UsageError, match=r"convention: found '.{1,80}', allowed are exact"):
            decide(evidence, **question, convention=convention)
    with pytest.raises(UsageError, match="target: found 70, allowed is an accuracy from 0 to 1"):
        decide(evidence, **question, target_accuracy=70)


def test_the_recommended_accuracy_is_corrected_for_selection():
    world = World(seeds=2, items=40, pair_deviation=1.0, arms=("ift", "reasoning"), budgets=(1e10, 1e11, 1e12))
    raw, corrected = [], []
    for number in range(40):
        data = simulate(world, uniform_truth(world, 0.5), np.random.default_rng([9, number]))
        family, _ = build_family(data, "f", students=STUDENTS, arms=world.arms, convention="exact")
        drawn = draw_family(family, FAST)
        raw.append(drawn.accuracy.max() - drawn.accuracy.mean())
        corrected.append(shrink(drawn, FAST).accuracy.max() - drawn.accuracy.mean())
    assert np.mean(raw) > 0.08
    assert np.mean(corrected) < 0.7 * np.mean(raw)


def test_a_large_study_is_analysed_in_seconds():
    world = World(seeds=3, items=500, students=tuple("abcdef"), budgets=tuple(10.0**n for n in range(9, 19)))
    data = simulate(world, uniform_truth(world, 0.6), np.random.default_rng(1))
    start = time.process_time()
    evidence = study(data, students=world.students, budgets_flops=world.budgets, settings=AnalysisSettings())
    assert len(evidence.configurations) == 120
    assert time.process_time() - start < 8  # about 1.5 on an idle core


def test_cells_without_inference_flops_are_missing_and_say_so():
    data = dataclasses.replace(three_cells(), inference_flops={})
    evidence = study(data)
    assert evidence.configurations == ()
    assert {item.reason for item in evidence.missing} == {"no inference FLOPs on b0 (f)"}
