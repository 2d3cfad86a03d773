"""What a planned study can resolve: closed forms, what more of each brings, and answers that are no number."""

from dataclasses import replace

import pytest
from scipy.special import ndtri
from small_plans import plan_with, study_with

from isothink.plan.power import family_powers
from isothink.plan.resolution import ENDLESS, BenchmarkItems, Chance, Design, Side, smallest_resolvable

CHANCE = Chance(
    accuracy=0.5,
    item_correlation=0.4,
    seed_correlation=0.6,
    repeat_correlation=0.8,
    cluster_correlation=1.0,
    seed_deviation=0.0,
)
SIDE = Side(seeds=4, repeats=1, is_greedy=True)
DESIGN = Design(
    benchmarks=(BenchmarkItems(name="b", items=10_000, clusters=10_000),),
    arm=SIDE,
    baseline=SIDE,
    freedom=10_000,
    comparisons=5,
    chance=CHANCE,
    significance=0.10,
    power=0.80,
)
QUANTILES = -ndtri(0.10 / 10) + ndtri(0.80)  # two-sided, five comparisons


def test_items_alone_by_hand():
    # per item: twice 1/4 (0.6 - 0.4), and 1/4 (1 - 0.6) of each of four seeds on both sides
    variance = (2 * 0.25 * 0.2 + 2 * 0.25 * 0.4 / 4) / 10_000
    assert DESIGN.item_variance == pytest.approx(variance)
    assert smallest_resolvable(DESIGN) == pytest.approx(QUANTILES * variance**0.5, rel=0.01)


def test_seeds_alone_by_hand():
    endless = replace(DESIGN.benchmarks[0], items=ENDLESS, clusters=ENDLESS)
    design = replace(DESIGN, benchmarks=(endless,), chance=replace(CHANCE, seed_deviation=0.02))
    assert smallest_resolvable(design) == pytest.approx(QUANTILES * 0.02 * (2 / 4) ** 0.5, rel=0.01)


def test_items_of_a_passage_that_are_all_alike_count_once():
    grouped = BenchmarkItems(name="b", items=10_000, clusters=2_500, cluster_size=4.0)
    alone = BenchmarkItems(name="b", items=2_500, clusters=2_500)
    results = [smallest_resolvable(replace(DESIGN, benchmarks=(one,))) for one in (grouped, alone)]
    assert results[0] == pytest.approx(results[1], rel=0.01)


def test_two_benchmarks_are_averaged():
    half = BenchmarkItems(name="b", items=5_000, clusters=5_000)
    design = replace(DESIGN, benchmarks=(half, replace(half, name="c")))
    assert smallest_resolvable(design) == pytest.approx(smallest_resolvable(DESIGN), rel=1e-3)


def test_repeats_lower_what_a_single_draw_adds_and_no_more():
    drawn = replace(SIDE, is_greedy=False)
    one, many = (replace(DESIGN, arm=side, baseline=side) for side in (drawn, replace(drawn, repeats=ENDLESS)))
    assert one.item_variance == pytest.approx(DESIGN.item_variance)
    assert many.item_variance == pytest.approx((2 * 0.25 * 0.2 + 2 * 0.25 * 0.2 / 4) / 10_000)
    assert smallest_resolvable(many) < smallest_resolvable(one)
    greedy = replace(SIDE, repeats=100)
    assert smallest_resolvable(replace(DESIGN, arm=greedy, baseline=greedy)) == smallest_resolvable(DESIGN)


@pytest.mark.parametrize("deviation", [0.0, 0.01, 0.1])
def test_more_of_anything_resolves_less_and_more_comparisons_more(deviation):
    base = replace(DESIGN, freedom=4, chance=replace(CHANCE, seed_deviation=deviation))
    found = smallest_resolvable(base)
    assert smallest_resolvable(replace(base, benchmarks=(base.benchmarks[0].with_items(20_000),))) < found
    more = replace(SIDE, seeds=6)
    assert smallest_resolvable(replace(base, arm=more, baseline=more, freedom=8)) < found
    assert smallest_resolvable(replace(base, comparisons=20)) > found
    assert smallest_resolvable(replace(base, power=0.9)) > found


def test_few_degrees_of_freedom_cost_much():
    base = replace(DESIGN, chance=replace(CHANCE, seed_deviation=0.02))
    found = [smallest_resolvable(replace(base, freedom=freedom)) for freedom in (1, 2, 8, 100)]
    assert found == sorted(found, reverse=True) and found[0] > 3 * found[3]


def test_one_seed_everywhere_and_no_comparison_resolve_nothing():
    assert smallest_resolvable(replace(DESIGN, freedom=0)) is None
    assert smallest_resolvable(replace(DESIGN, comparisons=0)) is None


FAMILIES = {
    "a": [BenchmarkItems(name="b", items=50, clusters=50), BenchmarkItems(name="c", items=30, clusters=30, most=30)],
    "d": [BenchmarkItems(name="d", items=50, clusters=50)],
}


def powers(*changes, families=FAMILIES, **options):
    return family_powers(study_with(*changes), plan_with(*changes), families, **options)


def test_one_seed_says_what_two_and_three_would_give():
    for power in powers(wanted=0.3):
        assert power.smallest_resolvable is None and power.degrees_of_freedom == 0
        assert power.needed.items is None and power.needed.seeds >= 2
        assert 1 > power.by_seeds[2] > power.by_seeds[3] > power.by_seeds[5]
        assert any("One seed everywhere" in note and "3 seeds" in note for note in power.notes)


def test_what_is_needed_is_enough_and_one_less_is_not():
    changes = ("seeds.default", 4)
    given = {"seed_deviation": 0.005, "item_correlation": 0.4}
    power = powers(changes, wanted=0.05, given=given)[1]
    assert power.needed.items_per_task == power.needed.items > power.items

    def resolved(items):
        family = {"d": [BenchmarkItems(name="d", items=items, clusters=items)]}
        study = {"a": FAMILIES["a"], **family}  # equally many comparisons
        return powers(changes, families=study, wanted=0.05, given=given)[1].smallest_resolvable

    assert resolved(power.needed.items) <= 0.05 < resolved(power.needed.items - 1)


def test_seeds_that_are_needed_are_enough():
    given = {"seed_deviation": 0.02}
    many = {"d": [BenchmarkItems(name="d", items=20_000, clusters=20_000)]}
    [power] = powers(("seeds.default", 2), families=many, wanted=0.02, given=given)
    assert power.needed.seeds > 2 and power.needed.items is None
    assert any("Not reachable by items alone: the seeds' part alone leaves" in note for note in power.notes)
    for seeds, enough in ((power.needed.seeds, True), (power.needed.seeds - 1, False)):
        [planned] = powers(("seeds.default", seeds), families=many, wanted=0.02, given=given)
        assert (planned.smallest_resolvable <= 0.02) == enough


def test_items_end_where_there_are_no_more():
    pool = {"d": [BenchmarkItems(name="d", items=30, clusters=30, most=30)]}
    [power] = powers(("seeds.default", 3), families=pool, wanted=0.01, given={"seed_deviation": 0.0})
    assert power.needed.items is None
    assert any("all 30 items that there are resolve" in note for note in power.notes)


def test_repeats_help_only_where_answers_are_drawn():
    many = {"d": [BenchmarkItems(name="d", items=400, clusters=400)]}
    seeds = ("seeds.default", 4)
    [greedy] = powers(seeds, families=many)
    assert greedy.needed.repeats is None and any("greedy" in note for note in greedy.notes)
    drawn = (seeds, ("evaluation.sampling", {"temperature": 0.6}))
    given = {"seed_deviation": 0.0, "item_correlation": 0.5, "seed_correlation": 0.5}
    [first] = powers(*drawn, families=many, given=given)
    [power] = powers(*drawn, families=many, given=given, wanted=0.95 * first.smallest_resolvable)
    assert power.needed.repeats is not None and power.needed.repeats > 1


def test_comparisons_are_those_of_the_whole_report_and_sources_are_said():
    [first, second] = powers(("seeds.default", 2), given={"accuracy": 0.8})
    budgets, arms = 2, len(first.arms)
    assert first.comparisons == second.comparisons == 2 * budgets * arms
    assert first.assumptions.accuracy.source == "given" and first.assumptions.accuracy.value == 0.8
    assert first.assumptions.seed_deviation.source == "assumed" and first.assumptions.seed_deviation.basis


def test_arms_with_other_seeds_stand_apart():
    changes = (("arms", ["ift", "reasoning", "mixed(0.5)"]), ("seeds", {"default": 3, "arms": {"mixed(0.5)": 1}}))
    found = powers(*changes, families={"d": FAMILIES["d"]})
    assert [(power.arms, power.seeds, power.baseline_seeds) for power in found] == [
        (("reasoning",), 3, 3),
        (("mixed(0.5)",), 1, 3),
    ]
    assert found[0].smallest_resolvable < found[1].smallest_resolvable


def test_without_a_baseline_there_is_nothing_to_resolve():
    assert powers(("arms", ["reasoning", "mixed(0.5)"])) == ()
