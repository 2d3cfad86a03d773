"""What the training tree shares, and what it never shares."""

import itertools

import pytest
from small_lengths import lengths_of
from small_plans import cell_of, path_of, plan_with, study_with

from isothink.errors import StudyError
from isothink.plan import pricing
from isothink.plan.planner import EVALUATION_WORK, Completed
from isothink.plan.record import Plan

BUDGETS = ("budgets.training_flops", [1e7, 2e7, 4e7])


def positions(segments, arm):
    return [(segment.first, segment.last) for segment in segments if segment.arm == arm]


def test_budgets_share_the_trunk_up_to_the_decay_of_the_smaller():
    planned = plan_with(BUDGETS, ("arms", ["ift"]))
    small, middle, large = (
        path_of(planned, cell_of(planned, f"s-ift-{budget}-seed0")) for budget in ("1e7", "2e7", "4e7")
    )
    assert [segment.kind for segment in large] == ["trunk", "trunk", "trunk", "decay"]
    assert small[0] == middle[0] == large[0]
    assert middle[1] == large[1]
    assert small[-1].parent == small[0].id and small[-1].kind == "decay"
    assert small[-1].first == middle[1].first == small[0].last, "the decay reads the stream from the branch point"


def test_the_ift_trunk_serves_the_first_phase_of_sequential_arms():
    planned = plan_with(BUDGETS, ("arms", ["ift", "sequential(0.5)"]))
    paths = {cell.id: path_of(planned, cell) for cell in planned.cells if cell.student == "s"}
    largest = {segment.id for segment in paths["s-ift-4e7-seed0"]}
    for budget in ("1e7", "2e7", "4e7"):
        path = paths[f"s-sequential0.5-{budget}-seed0"]
        first = [segment for segment in path if segment.arm == "ift"]
        second = [segment for segment in path if segment.arm == "reasoning"]
        assert first + second == path and {segment.kind for segment in first} == {"trunk"}
        assert {segment.id for segment in first} <= largest
        assert {segment.phase_start for segment in second} == {second[0].first} == {first[-1].last}
        assert [segment.kind for segment in second] == ["phase", "decay"]


def test_a_phase_change_has_no_decay_of_its_own():
    planned = plan_with(BUDGETS, ("arms", ["sequential(0.5)"]))
    for cell in planned.cells:
        path = path_of(planned, cell)
        assert [segment.decay is not None for segment in path] == [False] * (len(path) - 1) + [True]


def test_a_decay_may_begin_in_the_first_phase():
    planned = plan_with(
        ("budgets.training_flops", [4e7]), ("arms", ["sequential(0.05)"]), ("training.decay_share", 0.4)
    )
    path = path_of(planned, cell_of(planned, "s-sequential0.05-4e7-seed0"))
    assert [(segment.arm, segment.kind) for segment in path] == [
        ("ift", "trunk"),
        ("ift", "decay"),
        ("reasoning", "decay"),
    ]
    assert path[1].decay == path[2].decay


def test_seeds_students_and_streams_share_nothing():
    planned = plan_with(BUDGETS, ("seeds", {"default": 2}))
    owners = {}
    for cell in planned.cells:
        for segment in path_of(planned, cell):
            assert (segment.student, segment.seed) == (cell.student, cell.seed)
            owners.setdefault(segment.id, set()).add((cell.student, cell.seed))
    assert all(len(owner) == 1 for owner in owners.values())
    assert len({(segment.student, segment.seed) for segment in planned.segments}) == 4


def test_cells_of_one_arm_read_prefixes_of_one_order_at_every_budget():
    planned = plan_with(BUDGETS)
    for student in ("s", "m"):
        for arm in ("ift", "reasoning", "mixed(0.5)"):
            cells = [cell for cell in planned.cells if (cell.student, cell.arm) == (student, arm)]
            prompts = [cell.prompts for cell in cells]
            assert prompts == sorted(prompts)
            for cell in cells:
                ends = positions(path_of(planned, cell), arm)
                assert ends[0][0] == 0 and ends[-1][1] == cell.prompts
                assert all(before[1] == after[0] for before, after in itertools.pairwise(ends))


def test_larger_students_see_fewer_prompts_for_the_same_budget():
    planned = plan_with(BUDGETS, ("arms", ["ift"]))
    for budget in ("1e7", "2e7", "4e7"):
        assert cell_of(planned, f"m-ift-{budget}-seed0").prompts < cell_of(planned, f"s-ift-{budget}-seed0").prompts


def test_epochs_are_told_by_source():
    planned = plan_with(("arms", ["ift"]), lengths=lengths_of([100, 10], is_balanced=True))
    cell = next(cell for cell in planned.cells if cell.feasible)
    assert cell.epochs_by_source["b"] == pytest.approx(10 * cell.epochs_by_source["a"], rel=0.15)
    assert cell.epochs == cell.epochs_by_source["b"]
    read = 100 * cell.epochs_by_source["a"] + 10 * cell.epochs_by_source["b"]
    assert read == pytest.approx(cell.prompts)


def test_a_plan_is_read_back_from_its_json():
    planned = plan_with(BUDGETS, ("budgets.training_flops", [1.0, 1e7]))
    assert Plan.model_validate_json(planned.model_dump_json()) == planned


# Infeasible cells


def reasons(planned):
    assert all((cell.reason is None) == cell.feasible for cell in planned.cells)
    return {cell.id: cell.reason for cell in planned.cells if not cell.feasible}


def test_too_few_steps_for_warm_up_and_decay():
    planned = plan_with(("training.warmup_steps", 10_000), ("arms", ["ift"]))
    found = reasons(planned)
    assert len(found) == len(planned.cells) and all("10000 of warm-up" in reason for reason in found.values())
    assert planned.segments == () and planned.total_flops == planned.unshared_flops == 0


def test_warm_up_and_decay_that_just_fit_are_feasible():
    free = plan_with(("arms", ["ift"]), ("training.warmup_steps", 0))
    constant = path_of(free, cell_of(free, "s-ift-1e7-seed0"))[-1].decay.first_step
    fits = plan_with(("arms", ["ift"]), ("training.warmup_steps", constant))
    assert cell_of(fits, "s-ift-1e7-seed0").feasible
    not_quite = plan_with(("arms", ["ift"]), ("training.warmup_steps", constant + 1))
    assert not cell_of(not_quite, "s-ift-1e7-seed0").feasible


@pytest.mark.parametrize("budget", [1e-300, 0.4, 1.0, 1000.0])
def test_a_budget_that_affords_no_step(budget):
    found = reasons(plan_with(("budgets.training_flops", [budget]), ("training.warmup_steps", 0)))
    assert len(found) == 8 and all(found.values())
    if budget == 1.0:
        plain = {reason for name, reason in found.items() if "sequential" not in name}
        assert plain == {"no optimizer step fits into the budget"}


def test_a_last_step_that_is_larger_than_the_decay():
    planned = plan_with(
        ("arms", ["ift"]), ("training.batch", {"unit": "instances", "size": 40}), ("training.decay_share", 0.01)
    )
    assert any("where the rate decays" in reason for reason in reasons(planned).values())


def test_max_epochs_says_which_source_and_how_often():
    planned = plan_with(
        ("arms", ["ift"]), ("training.max_epochs", 1.0), lengths=lengths_of([1000, 4], is_balanced=True)
    )
    found = reasons(planned)
    assert found and all(
        reason.startswith("b would be gone through ") and "max_epochs is 1" in reason for reason in found.values()
    )
    allowed = plan_with(
        ("arms", ["ift"]), ("training.max_epochs", 1000.0), lengths=lengths_of([1000, 4], is_balanced=True)
    )
    assert not reasons(allowed)


def test_a_sequential_arm_whose_phases_are_too_short():
    short_first = plan_with(("arms", ["sequential(0.999)"]), ("training.warmup_steps", 0))
    assert any("IFT phase" in reason for reason in reasons(short_first).values())
    short_second = plan_with(
        ("arms", ["sequential(0.0001)"]),
        ("training.warmup_steps", 0),
        ("training.batch", {"unit": "tokens", "size": 400}),
    )
    assert any("reasoning phase" in reason for reason in reasons(short_second).values())


def test_an_infeasible_cell_does_not_take_others_along():
    planned = plan_with(("budgets.training_flops", [100.0, 2e7]))
    assert {cell.budget_flops for cell in planned.cells if not cell.feasible} == {100.0}
    alone = plan_with(("budgets.training_flops", [2e7]))
    assert [cell for cell in planned.cells if cell.feasible] == list(alone.cells)


@pytest.mark.parametrize("arm", ["ift", "reasoning", "mixed(0.5)", "sequential(0.5)"])
@pytest.mark.parametrize("budget", [1e10, 1e18, 1e30])
def test_a_budget_far_beyond_the_corpus_is_infeasible_at_once(arm, budget):
    """A typing error in an exponent must not fill the memory."""
    planned = plan_with(("arms", [arm]), ("training.max_epochs", 2.0), ("budgets.training_flops", [2e5, budget]))
    assert all("max_epochs" in cell.reason for cell in planned.cells if cell.budget_flops == budget)
    without = plan_with(("arms", [arm]), ("training.max_epochs", 2.0), ("budgets.training_flops", [2e5]))
    assert [cell for cell in planned.cells if cell.budget_flops == 2e5] == list(without.cells)


@pytest.mark.parametrize("arm", ["ift", "sequential(0.5)"])
def test_a_budget_beyond_what_a_plan_can_hold_says_so_and_not_max_epochs(arm, monkeypatch):
    monkeypatch.setattr(pricing, "LONGEST_STREAM", 2000)
    changes = ("arms", [arm]), ("training.max_epochs", 1e6), ("budgets.training_flops", [1e12])
    (reason,) = set(reasons(plan_with(*changes)).values())
    assert reason.endswith("beyond what a plan can hold")
    (reason,) = set(reasons(plan_with(*changes, ("training.max_epochs", 2.0))).values())
    assert reason.endswith("beyond max_epochs")


def test_a_vocabulary_smaller_than_the_tokenizers_is_refused():
    with pytest.raises(StudyError) as caught:
        plan_with(("students.1.architecture.vocab_size", 10))
    assert caught.value.message.startswith("students[1].architecture.vocab_size: found 10, allowed are ")
    larger = plan_with(("students.1.architecture.vocab_size", 12))
    assert larger.students[1].parameters == plan_with().students[1].parameters + 16


# What is complete already


def test_what_is_complete_and_what_failed_is_marked():
    before = plan_with(BUDGETS)
    assert {segment.status for segment in before.segments} == {"waiting"} == {cell.status for cell in before.cells}
    done, failed = before.cells[0], before.cells[3]
    trunk = before.cells[1].path[0]
    after = plan_with(
        BUDGETS,
        completed=Completed(
            segments=frozenset({trunk}),
            samples=frozenset({done.samples, "unknown"}),
            failed=frozenset({failed.path[-1]}),
        ),
    )
    assert [segment.id for segment in after.segments if segment.status == "complete"] == [trunk]
    assert [segment.id for segment in after.segments if segment.status == "failed"] == [failed.path[-1]]
    assert [cell.id for cell in after.cells if cell.status == "complete"] == [done.id]
    assert failed.id in [cell.id for cell in after.cells if cell.status == "failed"]
    assert all(failed.path[-1] in cell.path for cell in after.cells if cell.status == "failed")
    assert (after.total_flops, after.unshared_flops) == (before.total_flops, before.unshared_flops)


def test_time_left_uses_measured_speed_and_only_what_is_left():
    before = plan_with(("resources", {"processes": 2, "threads": 1, "flops_per_second": 1e6}))
    work = before.total_flops + EVALUATION_WORK * before.phases["evaluation"]
    assert before.seconds == pytest.approx(work / 1e6 / 2)
    trunk = before.segments[0]
    after = plan_with(
        ("resources", {"processes": 2, "threads": 1, "flops_per_second": 1e6}),
        completed=Completed(segments=frozenset({trunk.id}), flops_per_second={"s": 4e6, "m": 2e6}),
    )
    expected = sum(
        segment.flops / {"s": 4e6, "m": 2e6}[segment.student] for segment in after.segments if segment.id != trunk.id
    )
    answering = EVALUATION_WORK * before.phases["evaluation"]
    assert (expected + answering / 4e6) / 2 < after.seconds < (expected + answering / 2e6) / 2
    answered = plan_with(
        ("resources", {"processes": 2, "threads": 1, "flops_per_second": 1e6}),
        completed=Completed(samples=frozenset(cell.samples for cell in before.cells if cell.feasible)),
    )
    assert answered.seconds == pytest.approx(before.total_flops / 1e6 / 2), "what is answered takes no more time"
    unknown = plan_with(("resources", {"processes": 2, "threads": 1}))
    assert unknown.seconds is None and all(segment.seconds is None for segment in unknown.segments)


def test_facts_of_students():
    planned = plan_with()
    rates = study_with().training.learning_rate
    for student, hidden in zip(planned.students, (8, 16), strict=True):
        expected = rates.rate * (rates.reference_width / hidden) ** rates.exponent
        assert student.peak_rates == {name: pytest.approx(expected) for name in ("ift", "reasoning", "mixed")}
    # Embedding 11*8 (tied); attention 8*4*2*3, feed-forward 3*8*16; norms: 2*8 + 2*4 + 8.
    assert planned.students[0].parameters == 88 + 192 + 384 + 32
    assert planned.students[0].matmul_parameters == 88 + 192 + 384
