"""Procedural items: held out, with ids by content, and valid: the gold answer scores 1, a wrong one 0."""

import pytest

from isothink.benchmark.items import item_id, procedural_items
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS
from isothink.scoring.verification import Check, verify

ITEMS = procedural_items(list(TASKS), items_per_benchmark=120, seed=0)


def test_the_gold_answer_of_every_item_is_right_and_another_is_wrong():
    references = {item.benchmark: set() for item in ITEMS}
    for item in ITEMS:
        references[item.benchmark].add(item.reference)
    for right in (True, False):
        checks = [
            Check(answer=answer, reference=item.reference, answer_format=item.answer_format)
            for item in ITEMS
            for answer in ([item.reference] if right else references[item.benchmark] - {item.reference})
        ]
        assert {result.correct for result in verify(checks, math=None)} == {right}


def test_items_are_test_questions_with_ids_by_content():
    for name, task in TASKS.items():
        mine = [item for item in ITEMS if item.benchmark == name]
        questions = task.questions(split="test", limit=120, seed=0)
        assert [item.prompt for item in mine] == [question.prompt for question in questions]
        assert {item.family for item in mine} == {task.family}
    assert all(item.id == item_id(item.benchmark, item.prompt) for item in ITEMS)
    assert len({item.id for item in ITEMS}) == len(ITEMS)


def test_a_small_pool_gives_all_that_it_has():
    assert len(procedural_items(["capital"], items_per_benchmark=1000, seed=0)) == 64


def test_items_equal_up_to_symmetry_form_a_cluster_named_by_its_first_item():
    items = procedural_items(["product"], items_per_benchmark=400, seed=0)
    rows = {}
    for item in items:
        rows.setdefault("".join(sorted(item.prompt)), []).append(item)
    assert len(rows) < len(items)
    for members in rows.values():
        assert {item.cluster for item in members} == {members[0].id}


def test_another_seed_chooses_other_items():
    chosen = [
        {item.id for item in procedural_items(["chain"], items_per_benchmark=50, seed=seed)} for seed in (0, 0, 1)
    ]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize(
    ("tasks", "count", "message"),
    [
        (["chain", "sudoku"], 5, "'sudoku': allowed are capital, colour"),
        (["chain"] * 2, 5, "twice"),
        (["chain"], 0, "0"),
    ],
)
def test_a_wrong_request_names_what_is_wrong(tasks, count, message):
    with pytest.raises(UsageError, match=message):
        procedural_items(tasks, items_per_benchmark=count, seed=0)
