"""Evidence from published figures, held against arithmetic written out by hand."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from isothink.compute.registry import lookup
from isothink.evidence.candidates import candidates
from isothink.evidence.choice import choose
from isothink.evidence.prior_caveats import equal_inference_sizes
from isothink.evidence.prior_costs import StudentPrices, teacher_flops
from isothink.evidence.published_table import TEACHER
from isothink.evidence.setup_variation import SetupVariation, item_luck, setup_variation
from isothink.run.ask import ask, published_evidence
from isothink.run.published_evidence import published_table

SHARED = Path(__file__).resolve().parent.parent.parent / "../shared/data/evidence"
CASES = [(corpus, family) for corpus in ("general", "math") for family in published_table().families]

# Qwen2.5-14B: hidden size, layers, heads, key/value heads, head size, feed-forward size, vocabulary
H, L, NQ, NKV, D, F, V = 5120, 48, 40, 8, 128, 13824, 152064
PER_TOKEN = L * (2 * H * (NQ * D + 2 * NKV * D) + 2 * NQ * D * H + 6 * H * F)
LOGITS = 2 * V * H


def evidence(corpus="general", family="math-oe", budget=5e19, queries=1e6):
    return published_evidence(corpus=corpus, family=family, budget=budget, queries=queries)


def cell(found, name):
    return next(item for item in found.configurations if item.configuration == name)


def logit(share):
    return math.log(share / (1 - share))


@pytest.mark.parametrize(
    ("shipped", "original"),
    [
        ("accuracy.csv", "scale_or_reason_accuracy.csv"),
        ("inference_flops.csv", "scale_or_reason_inference_flops.csv"),
        ("thinking_toggle.csv", "qwen3_thinking_toggle.csv"),
    ],
)
def test_the_shipped_tables_are_the_published_ones(shipped, original):
    if not (SHARED / original).is_file():
        pytest.skip("the originals are not here")
    here = Path(__file__).resolve().parent.parent.parent / "src/isothink/evidence/published" / shipped
    assert list(csv.reader(here.open(encoding="utf-8"))) == list(csv.reader((SHARED / original).open(encoding="utf-8")))


def test_training_14b_on_traces_costs_what_the_hand_finds_and_about_2_4e20():
    mean = (558 + 10365) / 4.0
    squared = mean**2 * (1 + 0.8**2)
    pairs_of_tokens = (squared + mean) / 2
    hand = 990_098 * 3 * (mean * (PER_TOKEN + LOGITS) + pairs_of_tokens * L * 4 * NQ * D)
    found = cell(evidence(), "Qwen2.5-14B-reasoning").training_flops
    assert found == pytest.approx(hand, rel=1e-9)
    assert found == pytest.approx(2.4e20, rel=0.03)


def test_published_inference_flops_are_inverted_in_the_papers_convention():
    """Per decoding step: embedding and logits 4 V h, per layer 8 h^2 + 4 h f, and (4 h + 3 n) for each key."""
    prompt = round(558 / 4.0)
    one = cell(evidence(), "Qwen2.5-14B-reasoning")
    steps = one.mean_trace_tokens - 1
    keys = steps * prompt + steps * (steps + 1) / 2
    per_step = 4 * V * H + L * (8 * H * H + 4 * H * F)
    assert steps * per_step + keys * L * (4 * H + 3 * NQ) == pytest.approx(26.7e12 * 14**0.77, rel=1e-6)


def test_a_query_is_priced_exactly_with_its_prompt():
    prompt = round(558 / 4.0)
    one = cell(evidence(), "Qwen2.5-14B-reasoning")
    tokens = prompt + one.mean_trace_tokens - 1
    hand = tokens * PER_TOKEN + one.mean_trace_tokens * LOGITS + tokens * (tokens + 1) / 2 * L * 4 * NQ * D
    assert one.inference_flops_per_query == pytest.approx(hand, rel=1e-6)
    serving = one.serving
    assert serving.prefill_flops + serving.decode_flops == pytest.approx(hand, rel=1e-6)
    assert serving.weight_bytes == pytest.approx((one.mean_trace_tokens - 1) * 2 * (PER_TOKEN / 2 + V * H), rel=1e-6)
    assert set(one.conventions) == {"exact", "noncausal", "6nd", "hf", "paper"}
    assert one.conventions["exact"].training_flops == one.training_flops


def test_a_fraction_of_a_token_lies_between_its_neighbours_and_inverts():
    prices = StudentPrices(lookup("Qwen/Qwen2.5-0.5B"))
    for tokens in (1.0, 36.4, 9_999.5):
        paid = prices.query(90, tokens)["paper"] - prices.query(90, 1.0)["paper"]
        assert prices.output_tokens(paid, 90) == pytest.approx(tokens)


def test_the_teachers_share_is_that_of_its_active_parameters():
    found = teacher_flops(lookup(TEACHER), pairs=1_000, prompt_tokens=1, answer_tokens=2)
    assert found == pytest.approx(1_000 * 2 * 2 * 22e9, rel=0.05)
    one = cell(evidence(), "Qwen2.5-7B-ift")
    assert one.lifetime_flops == one.training_flops + one.fixed_flops + 1e6 * one.inference_flops_per_query


def test_sizes_of_equal_inference_cost_are_the_published_ones():
    table = published_table()
    assert list(equal_inference_sizes(table, "general-oe").values()) == pytest.approx(
        [3.5, 9.3, 17.5, 38, 70], rel=0.02
    )
    assert list(equal_inference_sizes(table, "math-oe").values()) == pytest.approx([7, 18, 34, 72, 133], rel=0.03)
    for family in ("general-mc", "math-mc"):
        sizes = list(equal_inference_sizes(table, family).values())
        assert sizes[0] > 14 and min(sizes[1:]) > 40


@pytest.mark.parametrize(("family", "first"), [("general-oe", "3B"), ("math-oe", "1.5B"), ("math-mc", "0.5B")])
def test_caveats_say_from_where_equal_inference_is_unknown(family, first):
    caveats = ask(corpus="math", family=family, budget=5e19, queries=1e6).caveats
    assert any(f"at equal inference cost nothing is known from {first} up" in text for text in caveats)


def test_the_crossover_is_where_a_line_through_the_published_gains_is_zero():
    found = evidence("general", "general-mc")
    sizes = np.log([cell(found, f"Qwen2.5-{size}-ift").parameters for size in ("0.5B", "1.5B", "3B", "7B", "14B")])
    gains = [0.435 - 0.496, 0.650 - 0.652, 0.756 - 0.720, 0.842 - 0.791, 0.904 - 0.823]
    slope, level = np.polyfit(sizes, gains, 1)
    for budget in (5e18, 5e19, 3e20):
        verdict = ask(corpus="general", family="general-mc", budget=budget, queries=1e6)
        assert verdict.crossover_parameters == pytest.approx(math.exp(-level / slope))


def equal_cost(corpus, family, budget, axis):
    [found] = [one for one in evidence(corpus, family, budget).comparisons if one.axis == axis]
    return found


def test_at_equal_inference_cost_the_ift_ladder_is_read_between_two_students():
    cells = evidence("general", "general-oe")
    ours = cell(cells, "Qwen2.5-1.5B-reasoning")
    low, high = cell(cells, "Qwen2.5-3B-ift"), cell(cells, "Qwen2.5-7B-ift")
    share = math.log(ours.inference_flops_per_query / low.inference_flops_per_query)
    share /= math.log(high.inference_flops_per_query / low.inference_flops_per_query)
    found = equal_cost("general", "general-oe", 5e19, "inference_flops_per_query")
    assert (found.student, found.baseline_student) == ("Qwen2.5-1.5B", "Qwen2.5-3B and Qwen2.5-7B")
    assert found.difference == pytest.approx(0.605 - (1 - share) * 0.522 - share * 0.564)
    assert not found.extrapolated and found.outcome == "unresolved"


def test_beyond_14b_ift_equal_inference_cost_is_extrapolated_along_a_line():
    found = equal_cost("general", "math-oe", 3e20, "inference_flops_per_query")
    rungs = [one for one in evidence("general", "math-oe").configurations if one.arm == "ift"]
    costs = np.log([one.inference_flops_per_query for one in rungs])
    slope, level = np.polyfit(costs, [logit(one.accuracy) for one in rungs], 1)
    line = 1 / (1 + math.exp(-(level + slope * math.log(found.cost))))
    assert found.extrapolated and found.difference == pytest.approx(0.747 - line)
    assert found.interval.high - found.interval.low > 0.3


def test_at_equal_whole_life_cost_the_baseline_is_the_best_ift_student_that_costs_no_more():
    found = equal_cost("general", "general-oe", 5e19, "lifetime_flops")
    ours = cell(evidence("general", "general-oe"), "Qwen2.5-1.5B-reasoning")
    theirs = cell(evidence("general", "general-oe"), "Qwen2.5-14B-ift")
    assert found.cost == ours.lifetime_flops > theirs.lifetime_flops
    assert found.baseline_student == "Qwen2.5-14B" and found.difference == pytest.approx(0.605 - 0.661)


@pytest.mark.parametrize(("corpus", "family"), CASES)
def test_draws_lie_around_the_published_accuracy(corpus, family):
    for one in evidence(corpus, family).configurations:
        draws = np.array(one.accuracy_draws) / 1e4
        assert len(draws) == len(one.inference_draws) == len(one.conditional_draws) == 400
        assert np.median(draws) == pytest.approx(one.accuracy, abs=2e-3)
        assert one.interval.low < one.accuracy < one.interval.high
        assert draws.min() >= 0 and draws.max() <= 1
        assert np.std(one.conditional_draws) < np.std(one.accuracy_draws)


def test_contrasts_are_differences_of_published_logits():
    found = setup_variation(published_table())
    assert found.ift.shape == (4, 5) and found.gain.shape == (7, 5)
    assert found.ift[0, 0] == pytest.approx(logit(0.496) - logit(0.457))  # general-mc at 0.5B
    gain = logit(0.747) - logit(0.536)
    assert found.gain[3, 4] == pytest.approx(gain - (logit(0.813) - logit(0.663)))  # math-oe at 14B
    toggled = logit((0.968 + 0.704) / 2) - logit((0.900 + 0.233) / 2)
    assert found.gain[4, 4] == pytest.approx(toggled - (logit(0.813) - logit(0.663)))  # MATH-500 and AIME'25


def test_gains_of_small_students_are_known_least():
    spread = np.sqrt((setup_variation(published_table()).gain ** 2).mean(axis=0))
    assert spread[0] == spread.max() and spread[-1] == spread.min()


def test_shifts_have_half_the_contrasts_square_as_variance():
    variation = SetupVariation(
        ift=np.array([[1.0, 2.0], [0.5, 0.0], [0.0, 1.0], [0.3, 0.3]]),
        gain=np.array([[0.2, 0.1]] * 7 + [[1.0, 0.0]]),
    )
    drawn = variation.draw(np.random.default_rng(5), 100_000)
    inflation = 8 / (8 - 2)  # of Student's t with eight degrees of freedom
    assert np.cov(drawn["ift"].T) == pytest.approx(inflation * variation.ift.T @ variation.ift / 8, rel=0.05)
    gain = drawn["reasoning"] - drawn["ift"]
    assert np.cov(gain.T) == pytest.approx(inflation * variation.gain.T @ variation.gain / 16, rel=0.05)
    assert drawn["ift"].mean(axis=0) == pytest.approx([0, 0], abs=1e-12)


def test_luck_with_items_has_the_binomial_variance_and_is_half_shared():
    benchmarks = published_table().benchmarks_of("math-oe")
    drawn = item_luck(np.array([0.5, 0.5]), benchmarks, np.random.default_rng(5), 100_000)
    in_accuracy = 0.25 * drawn  # the slope of the logistic function at one half
    hand = 0.25 * (1 / 1319 + 1 / 500 + 1 / 30) / 9
    assert np.var(in_accuracy, axis=0) == pytest.approx([hand, hand], rel=0.02)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("corpus", "family"), CASES)
def test_nothing_published_once_is_ever_resolved(corpus, family):
    for budget in (1e18, 1e21):
        found = ask(corpus=corpus, family=family, budget=budget, queries=1e6)
        assert (found.basis, found.outcome) == ("published", "unresolved")
        assert found.recommended is None or found.recommended.source == "published"
        assert found.caveats[0].startswith("prior evidence")


@pytest.mark.parametrize(("corpus", "family"), [("general", "general-oe"), ("math", "general-oe"), ("math", "math-oe")])
def test_a_larger_budget_has_no_fewer_cells_and_no_worse_a_best_one(corpus, family):
    best, before = 0.0, 0
    for budget in np.geomspace(1e18, 1e21, 7):
        found = evidence(corpus, family, budget=float(budget))
        affordable = [one for one in found.configurations if one.training_flops <= budget]
        assert len(affordable) >= before
        before = len(affordable)
        verdict = ask(corpus=corpus, family=family, budget=float(budget), queries=1e6)
        named = [one for one in (verdict.recommended, *verdict.alternatives) if one is not None]
        highest = max((one.accuracy for one in named), default=0.0)
        assert highest >= best - 1e-12
        best = highest
    assert before == 10


def test_what_the_paper_found_is_what_is_recommended():
    """IFT at matched training compute up to 5e19 FLOPs; reasoning on open-ended questions from 7B up."""
    for corpus, family in CASES:
        named = ask(corpus=corpus, family=family, budget=5e19, queries=1e6).recommended
        assert (named.student, named.arm) == ("Qwen2.5-14B", "ift")
    for family in ("general-oe", "math-oe"):
        named = ask(corpus="general", family=family, budget=1.5e20, queries=1e6).recommended
        assert (named.student, named.arm) == ("Qwen2.5-7B", "reasoning")
    mismatched = ask(corpus="math", family="general-oe", budget=3e20, queries=1e6)
    assert mismatched.recommended.arm == "ift"
    assert any("does not teach what general-oe asks" in text for text in mismatched.caveats)


def test_beyond_the_dearest_cell_is_extrapolated():
    assert ask(corpus="general", family="math-oe", budget=2.6e20, queries=1e6).recommended.extrapolated
    assert not ask(corpus="general", family="math-oe", budget=2e20, queries=1e6).recommended.extrapolated


def test_a_budget_for_a_larger_ift_student_than_was_published_says_so():
    def warned(budget):
        caveats = ask(corpus="general", family="math-oe", budget=budget, queries=1e6).caveats
        return [text for text in caveats if "Qwen2.5-32B" in text]

    assert not warned(1e20)
    assert len(warned(1.5e20)) == 1 and "Qwen2.5-72B" not in warned(1.5e20)[0]


def test_a_break_even_is_where_two_straight_lines_cross():
    """On general open-ended questions 1.5B reasoning (60.5%) is dearer to make than 14B IFT (66.1%), cheaper to ask."""
    found = ask(corpus="general", family="general-oe", budget=5e19, queries=1e6)
    cells = evidence("general", "general-oe")
    ours, theirs = cell(cells, "Qwen2.5-1.5B-reasoning"), cell(cells, "Qwen2.5-14B-ift")
    saved = theirs.inference_flops_per_query - ours.inference_flops_per_query
    extra = ours.training_flops + ours.fixed_flops - theirs.training_flops - theirs.fixed_flops
    assert (found.break_even.kind, found.break_even.target_accuracy) == ("at_queries", 0.605)
    assert found.break_even.queries == pytest.approx(extra / saved, rel=1e-9)


@pytest.mark.parametrize(("corpus", "family"), CASES)
def test_without_a_budget_no_positive_break_even_exists(corpus, family):
    assert ask(corpus=corpus, family=family, budget=3e20, queries=1e6).break_even.kind == "ift_always"


def test_caps_on_inference_and_on_the_whole_life_exclude_cells():
    free = ask(corpus="general", family="math-oe", budget=3e20, queries=1e6).recommended
    capped = ask(corpus="general", family="math-oe", budget=3e20, queries=1e6, inference_budget=5e13).recommended
    assert free.arm == "reasoning" and capped.cell == "Qwen2.5-14B-ift"
    cheap = ask(corpus="general", family="math-oe", budget=3e20, queries=1e6, lifetime_budget=6e19).recommended
    assert cheap.lifetime_flops <= 6e19 and cheap.arm == "ift"
    nothing = ask(corpus="general", family="math-oe", budget=1e15, queries=1e6)
    assert nothing.recommended is None and nothing.reasons


def test_a_tie_is_broken_within_the_published_setup_not_across_setups():
    """Across setups 0.5B IFT is not resolvably worse than 0.5B reasoning, and cheaper; 16 points are no tie."""
    found = evidence("general", "general-oe", budget=9e18)
    small = candidates([cell(found, f"Qwen2.5-0.5B-{arm}") for arm in ("ift", "reasoning")])
    settings = {"level": 0.9, "tolerance": 0.05}
    assert choose([0, 1], small.accuracy, small.draws, small.lifetime(1e6), **settings) == 0
    assert choose([0, 1], small.accuracy, small.choice_draws, small.lifetime(1e6), **settings) == 1
