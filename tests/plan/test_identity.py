"""What the identity of a step depends on: its recipe and what came before it, and nothing else."""

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from small_lengths import lengths_of
from small_plans import ITEMS, plan_with, study_with

from isothink.plan.planner import ItemLengths, plan

TABLE = {"by": "table", "rates": {name: {"ift": 0.1, "reasoning": 0.2} for name in ("s", "m")}}
LENGTHS = lengths_of([40, 12], spread=2)


def segments_of(planned):
    return {segment.id for segment in planned.segments}


def samples_of(planned):
    return {cell.samples for cell in planned.cells if cell.feasible}


def path_by_cell(planned):
    return {cell.id: (cell.path[-1], cell.samples) for cell in planned.cells if cell.feasible}


BASE = plan_with()


def test_the_base_is_not_empty_and_every_id_is_its_own():
    assert len(segments_of(BASE)) == len(BASE.segments) > 20
    assert len(samples_of(BASE)) == len({cell.id for cell in BASE.cells}) == len(BASE.cells) == 16


@pytest.mark.parametrize(
    "change",
    [
        ("name", "other"),
        ("title", "Another title"),
        ("output", "elsewhere"),
        ("resources", {"processes": 7, "threads": 3, "flops_per_second": 5.0}),
        ("verdict", {"queries": 5.0}),
        ("training.max_epochs", 999.0),
        ("evaluation.batch_size", 77),
    ],
    ids=lambda change: change[0],
)
def test_where_and_why_it_runs_changes_no_identity(change):
    changed = plan_with(change)
    assert segments_of(changed) == segments_of(BASE) and samples_of(changed) == samples_of(BASE)


@pytest.mark.parametrize(
    "change",
    [
        ("budgets.training_flops", [1e7, 1.3e7, 2e7]),
        ("budgets.training_flops", [7e6, 1e7, 2e7]),
        ("budgets.training_flops", [1e7, 2e7, 5e7]),
        ("arms", ["sequential(0.25)", "ift", "reasoning", "sequential(0.5)", "mixed(0.5)", "mixed(0.75)"]),
        ("arms", ["mixed(0.5)", "sequential(0.5)", "reasoning", "ift", "sequential(0.9)"]),
        ("seeds", {"default": 3}),
        ("seeds", {"default": 1, "arms": {"ift": 4}}),
    ],
    ids=str,
)
def test_more_budgets_arms_or_seeds_keep_what_was_there(change):
    more = plan_with(change)
    assert segments_of(more) > segments_of(BASE)
    assert path_by_cell(more).items() > path_by_cell(BASE).items()


def test_fewer_arms_and_budgets_need_nothing_new():
    only = plan_with(("arms", ["sequential(0.5)"]), ("budgets.training_flops", [2e7]))
    assert path_by_cell(only).items() < path_by_cell(BASE).items()


def test_the_seed_is_in_the_hash_and_not_only_in_the_name():
    planned = plan_with(("seeds", {"default": 2}))
    tails = [segment.id.rsplit("-", 1)[1] for segment in planned.segments]
    assert len(set(tails)) == len(tails)


def test_another_student_keeps_the_others_and_a_new_name_keeps_the_recipe():
    students = [student.model_dump() for student in study_with().students]
    large = {**students[0], "name": "l", "architecture": {**students[0]["architecture"], "hidden_size": 24}}
    assert segments_of(plan_with(("students", [large, *students]))) > segments_of(BASE)
    renamed = plan_with(("students.0.name", "renamed"))
    tails = [{segment.id.rsplit("-", 1)[1] for segment in planned.segments} for planned in (BASE, renamed)]
    assert tails[0] == tails[1]


@pytest.mark.parametrize(
    "change",
    [
        ("training.learning_rate.rate", 0.004),
        ("training.batch", {"unit": "tokens", "size": 33}),
        ("training.batch", {"unit": "instances", "size": 64}),
        ("training.warmup_steps", 3),
        ("training.precision", "bfloat16"),
        *[(f"training.optimizer.{key}", value) for key, value in (("beta1", 0.8), ("beta2", 0.9), ("epsilon", 1e-7))],
        *[(f"training.optimizer.{key}", value) for key, value in (("weight_decay", 0.1), ("clip_gradient_norm", 2.0))],
    ],
    ids=lambda change: f"{change[0]}={change[1]}",
)
def test_what_a_step_computes_is_in_its_identity(change):
    changed = plan_with(change)
    assert not segments_of(changed) & segments_of(BASE)
    assert not samples_of(changed) & samples_of(BASE)


def test_the_architecture_touches_its_own_student_alone():
    changed = plan_with(("students.1.architecture.intermediate_size", 33))
    kept = {segment.student for segment in changed.segments if segment.id in segments_of(BASE)}
    new = {segment.student for segment in changed.segments if segment.id not in segments_of(BASE)}
    assert (kept, new) == ({"s"}, {"m"})


@pytest.mark.parametrize(("field", "value"), [("corpus", "another"), ("tokenizer", "another")])
def test_corpus_and_tokenizer_touch_everything(field, value):
    changed = plan_with(lengths=dataclasses.replace(LENGTHS, **{field: value}))
    assert not segments_of(changed) & segments_of(BASE)


def test_how_lengths_were_found_touches_nothing():
    pilot = plan_with(lengths=dataclasses.replace(LENGTHS, origin="pilot"))
    assert segments_of(pilot) == segments_of(BASE) and pilot.source == "pilot"


@pytest.mark.parametrize(("changed_rate", "kept_arm"), [("reasoning", "ift"), ("ift", "reasoning")])
def test_a_rate_is_part_of_the_steps_that_use_it(changed_rate, kept_arm):
    rates = {name: {**pair, changed_rate: 0.3} for name, pair in TABLE["rates"].items()}
    before = plan_with(("training.learning_rate", TABLE))
    after = plan_with(("training.learning_rate", {**TABLE, "rates": rates}))
    kept = {cell.arm for cell in before.cells if cell.path[-1] in segments_of(after)}
    expected = {"ift"} if kept_arm == "ift" else {"reasoning", "mixed(0.5)"}
    assert kept == expected
    if kept_arm == "ift":
        first_phases = {cell.path[0] for cell in before.cells if cell.arm == "sequential(0.5)"}
        assert first_phases <= segments_of(after), "the IFT phase of a sequential arm is the IFT trunk"


def test_the_schedule_of_the_decay_leaves_the_trunk_alone():
    changed = plan_with(("training.final_rate_share", 0.2))
    kinds = {segment.kind for segment in BASE.segments if segment.id in segments_of(changed)}
    assert kinds == {"trunk", "phase"}


def test_a_longer_decay_branches_off_earlier():
    changed = plan_with(("training.decay_share", 0.3))
    assert not samples_of(changed) & samples_of(BASE)


@pytest.mark.parametrize("what", ["cap", "items"])
def test_how_cells_are_asked_touches_samples_alone(what):
    changed = (
        plan_with(("evaluation.max_new_tokens", 9))
        if what == "cap"
        else plan_with(items=ItemLengths(identity="others", prompt_tokens=ITEMS.prompt_tokens))
    )
    assert segments_of(changed) == segments_of(BASE)
    assert not samples_of(changed) & samples_of(BASE)


def test_budgets_that_differ_in_a_late_digit_are_different_cells():
    planned = plan_with(("budgets.training_flops", [10_000_001.0, 10_000_002.0, 10_000_002.5]))
    assert len({cell.id for cell in planned.cells}) == len({cell.samples for cell in planned.cells}) == 24
    assert len({cell.configuration for cell in planned.cells}) == 24


def test_ids_are_file_names():
    planned = plan_with(("students.0.name", "x" * 64), ("arms", ["sequential(0.12345678901234567)", "mixed(1e-05)"]))
    for name in segments_of(planned) | samples_of(planned) | {cell.id for cell in planned.cells}:
        assert len(f".{name}.abcdef01.partial") < 255
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")


def test_planning_is_pure():
    study, lengths = study_with(), lengths_of([40, 12], spread=2)
    arrays = {name: value for name, value in vars(lengths).items() if hasattr(value, "setflags")}
    copies = {name: value.copy() for name, value in arrays.items()}
    for value in arrays.values():
        value.setflags(write=False)
    before = study.model_dump_json()
    assert plan(study, lengths, ITEMS) == plan(study, lengths, ITEMS) == BASE
    assert study.model_dump_json() == before
    assert all((copies[name] == value).all() for name, value in arrays.items())


DIGEST = """
import hashlib, sys
sys.path[:0] = {folders!r}
from small_plans import plan_with
print(hashlib.sha256(plan_with().model_dump_json().encode()).hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["1", "random"])
def test_a_plan_is_the_same_in_every_process(hash_seed):
    tests = Path(__file__).parents[1]
    code = DIGEST.format(folders=[str(tests / folder) for folder in ("plan", "corpus", "domain")])
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
    assert run.stdout.strip() == hashlib.sha256(BASE.model_dump_json().encode()).hexdigest()


def test_identities_have_not_changed():
    """Another value means that stored studies are done anew: raise the version of the scheme when it has to change."""
    assert digest_of(segments_of(BASE)) == "e4d1e3f1ffccacfd"
    assert digest_of(samples_of(BASE)) == "10fec17c38dce093"


def digest_of(ids):
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
