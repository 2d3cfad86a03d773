"""The plan against the method's definitions, carried out step by step by other code."""

from bisect import bisect_right

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_lengths import lengths_of
from small_plans import ITEMS, Naive, cell_of, path_of, plan_with, study_with, training_flops
from study_example import ARCHITECTURE

from isothink.corpus.lengths import CorpusLengths
from isothink.domain.arm import parse_arm
from isothink.plan.planner import plan

ARMS = ("ift", "reasoning", "mixed(0.5)", "sequential(0.5)", "sequential(0.05)", "sequential(0.9)", "mixed(0.2)")

STUDIES = st.fixed_dictionaries(
    {
        "batch": st.one_of(
            st.builds(lambda size: {"unit": "tokens", "size": size}, st.integers(5, 80)),
            st.builds(lambda size: {"unit": "instances", "size": size}, st.integers(1, 4)),
        ),
        "arms": st.lists(st.sampled_from(ARMS), min_size=1, max_size=4, unique=True),
        "budgets": st.lists(st.integers(3 * 10**5, 15 * 10**6), min_size=1, max_size=3, unique=True).map(sorted),
        "warmup": st.integers(0, 4),
        "decay": st.floats(0.02, 0.9),
        "max_epochs": st.sampled_from([1.0, 8.0, 1000.0, 1000.0]),
        "seed_count": st.integers(1, 2),
    }
)
CORPORA = st.builds(
    lengths_of,
    st.lists(st.integers(5, 25), min_size=1, max_size=3),
    ift=st.integers(1, 20),
    reasoning=st.integers(1, 40),
    spread=st.integers(0, 30),
    seed=st.integers(0, 1000),
)


def steps_of(segments, naive):
    """The optimizer steps of a path, cut anew within each segment."""
    steps = []
    for segment in segments:
        first = segment.first
        while first < segment.last:
            last = naive.step_from(segment.arm, first)
            steps.append((segment.arm, first, last))
            first = last
        assert first == segment.last, "a segment ends at an optimizer step"
    return steps


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STUDIES, CORPORA)
def test_every_cell_is_what_the_definitions_say(chosen, lengths):
    study = study_with(
        ("training.batch", chosen["batch"]),
        ("training.warmup_steps", chosen["warmup"]),
        ("training.decay_share", chosen["decay"]),
        ("training.max_epochs", chosen["max_epochs"]),
        ("arms", chosen["arms"]),
        ("budgets.training_flops", chosen["budgets"]),
        ("seeds", {"default": chosen["seed_count"]}),
    )
    planned = plan(study, lengths, ITEMS)
    cells = {(cell.student, cell.arm, cell.seed, cell.budget_flops): cell for cell in planned.cells}
    assert len(cells) == len(planned.cells) == 2 * len(chosen["arms"]) * len(chosen["budgets"]) * chosen["seed_count"]
    for index, student in enumerate(study.students):
        for seed in range(chosen["seed_count"]):
            naive = Naive(study, index, lengths, seed, 2500)
            for arm in study.arms:
                for budget in study.budgets.training_flops:
                    expected = naive.cell(parse_arm(arm), int(budget))
                    check(cells[student.name, arm, seed, budget], expected, planned, naive)


def check(cell, expected, planned, naive):
    assert cell.feasible == expected.feasible, cell.reason
    if not cell.feasible:
        assert cell.reason and not cell.path and cell.flops is None and cell.samples is None
        return
    assert (cell.flops, cell.steps, cell.prompts) == (expected.flops, len(expected.steps), expected.prompts)
    assert cell.epochs == pytest.approx(expected.epochs)
    assert cell.unique_prompts == len(set(naive.order[: expected.prompts]))
    path = path_of(planned, cell)
    assert steps_of(path, naive) == expected.steps
    assert cell.flops <= cell.budget_flops
    stream, _, last = expected.steps[-1]
    assert cell.flops + naive.cost(stream, last, naive.step_from(stream, last)) > cell.budget_flops
    done = 0
    for before, segment in zip([None, *path], path, strict=False):
        assert segment.parent == (before.id if before else None)
        assert segment.first_step == done
        assert (segment.decay is None) == (done < expected.decay_from)
        if segment.decay is not None:
            assert segment.decay.first_step == expected.decay_from
            assert segment.decay.steps == len(expected.steps) - expected.decay_from
        assert segment.flops == naive.cost(segment.arm, segment.first, segment.last)
        assert segment.tokens == sum(naive.tokens(segment.arm, at) for at in range(segment.first, segment.last))
        done += segment.steps
    assert done == cell.steps


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STUDIES, CORPORA)
def test_totals_are_sums_and_sharing_never_costs(chosen, lengths):
    planned = plan_with(
        ("training.batch", chosen["batch"]),
        ("arms", chosen["arms"]),
        ("budgets.training_flops", chosen["budgets"]),
        lengths=lengths,
    )
    feasible = [cell for cell in planned.cells if cell.feasible]
    assume(feasible)
    segments = {segment.id: segment for segment in planned.segments}
    assert len(segments) == len(planned.segments)
    assert set(segments) == {identity for cell in feasible for identity in cell.path}
    assert planned.total_flops == sum(segment.flops for segment in segments.values())
    assert planned.unshared_flops == sum(cell.flops for cell in feasible)
    assert planned.total_flops <= planned.unshared_flops
    for cell in feasible:
        assert cell.flops == sum(segments[identity].flops for identity in cell.path)
    seen = set()
    for segment in planned.segments:
        assert segment.parent is None or segment.parent in seen, "parents come first"
        seen.add(segment.id)


def test_the_largest_affordable_number_of_prompts_is_found_where_the_cost_goes_down_again():
    """One prompt more can turn a very long trace at the boundary into a short answer, and make the whole cheaper."""
    lengths = lengths_of([60], prompt=1, ift=1, reasoning=2)
    reasoning = lengths.reasoning.copy()
    reasoning[::5] = 60
    lengths = CorpusLengths(**{**vars(lengths), "reasoning": reasoning})
    study = study_with(
        ("arms", ["sequential(0.5)"]),
        ("training.batch", {"unit": "instances", "size": 1}),
        ("training.warmup_steps", 0),
    )
    naive = Naive(study, 0, lengths, 0, 3000)
    costs = [
        naive.cost("ift", 0, round(0.5 * prompts)) + naive.cost("reasoning", round(0.5 * prompts), prompts)
        for prompts in range(150)
    ]
    misled = 0
    for budget in range(100_000, 3_000_000, 23_000):
        budgets = study.budgets.model_copy(update={"training_flops": (float(budget),)})
        cell = plan(study.model_copy(update={"budgets": budgets}), lengths, ITEMS).cells[0]
        expected = naive.cell(parse_arm("sequential(0.5)"), budget)
        assert cell.feasible == expected.feasible
        assert cell.flops == (expected.flops if expected.feasible else None)
        largest = max(prompts for prompts, cost in enumerate(costs) if cost <= budget)
        misled += bisect_right(costs, budget) - 1 != largest
    assert misled, "otherwise the corpus would not have the dips that this test is about"


def test_the_price_of_a_sequence_by_hand():
    # h = 8, two query heads and one key head of 4, f = 16, V = 11, one layer, two tokens:
    # q, k, v: 2*2*8*(8+8) = 512, output: 2*2*8*8 = 256, attention: 4*8*(1+2) = 96, feed-forward: 6*2*8*16 = 1536,
    # logits: 2*2*11*8 = 352; training is three times the forward pass.
    assert training_flops(ARCHITECTURE, 11, 2) == 3 * (512 + 256 + 96 + 1536 + 352)


def test_one_study_by_hand():
    """Sequences of 2 tokens cost 8256 each; batches of two; warm-up of one step; decay over the last half."""
    planned = plan_with(
        ("training.batch", {"unit": "instances", "size": 2}),
        ("training.warmup_steps", 1),
        ("training.decay_share", 0.5),
        ("arms", ["ift"]),
        ("budgets.training_flops", [70_000]),
        lengths=lengths_of([9], prompt=1, ift=1, reasoning=5),
    )
    cell = cell_of(planned, "s-ift-7e4-seed0")
    assert (cell.steps, cell.prompts, cell.flops) == (4, 8, 8 * 8256)  # a fifth step would make 82560
    trunk, decay = path_of(planned, cell)
    assert (trunk.kind, trunk.first, trunk.last, trunk.steps) == ("trunk", 0, 4, 2)  # 33024 <= 35000 < 49536
    assert (decay.kind, decay.first, decay.last, decay.steps) == ("decay", 4, 8, 2)
    assert (decay.decay.first_step, decay.decay.steps) == (2, 2)


def test_evaluation_is_priced_as_a_forward_pass_with_logits_at_the_output():
    planned = plan_with(("arms", ["ift"]), lengths=lengths_of([30], ift=6))
    cells = [cell for cell in planned.cells if cell.feasible]
    expected = 0
    for cell in cells:
        architecture = next(s.architecture for s in study_with().students if s.name == cell.student)
        for prompt in ITEMS.prompt_tokens.tolist():
            tokens = prompt + 6 - 1
            logits = 2 * 11 * architecture["hidden_size"]
            expected += training_flops(architecture, 11, tokens) // 3 - tokens * logits + 6 * logits
    assert planned.phases["evaluation"] == expected and cells
