"""Train and test are disjoint up to the symmetries of each mechanism, across all benchmarks that share it."""

import pytest

from isothink.procedural.split import split_of
from isothink.procedural.tasks import TASKS

MECHANISMS = {
    "sum": ["chain", "chain-mc"],
    "product": ["product", "product-mc"],
    "parity": ["parity"],
    "largest": ["largest"],
    "lookup": ["lookup"],
}


def canonical(prompt):
    """A form that questions equal up to symmetry share, computed from the prompt alone and not as the tasks do it."""
    words = prompt.removesuffix(" ?").split()
    if words[0] in ("sum", "product"):
        row = words[1 : words.index(";")] if ";" in words else words[1:]
        return words[0], tuple(row.count(str(digit)) for digit in range(10))
    if words[0] == "parity":
        return "parity", frozenset(("".join(words[1:]), "".join(reversed(words[1:]))))
    if words[0] == "largest":
        return "largest", frozenset(int(words[place] + words[place + 1]) for place in range(3, len(words), 3))
    table, query = prompt.split(" ; ")[:2]
    cells = table.split()
    return "lookup", frozenset(zip(cells[::2], cells[1::2], strict=True)), query


def draw(mechanism, split):
    return [
        question
        for name in MECHANISMS[mechanism]
        for seed in (0, 1)
        for question in TASKS[name].questions(split=split, limit=4000, seed=seed)
    ]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_no_test_question_is_trained_in_any_symmetric_form(mechanism):
    train, test = draw(mechanism, "train"), draw(mechanism, "test")
    assert not {question.key for question in train} & {question.key for question in test}
    assert not {canonical(question.prompt) for question in train} & {canonical(question.prompt) for question in test}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_key_joins_exactly_what_the_symmetry_joins(mechanism):
    questions = draw(mechanism, "train")[:6000]
    pairs = {(question.key, canonical(question.prompt)) for question in questions}
    assert len(pairs) == len({key for key, _ in pairs}) == len({form for _, form in pairs})


def test_every_task_is_either_split_or_labelled_as_trained():
    split = {name for names in MECHANISMS.values() for name in names}
    assert split == {name for name, task in TASKS.items() if not task.train_is_test}


def test_a_fifth_of_the_keys_is_for_testing():
    share = sum(split_of(f"key {number}") == "test" for number in range(5000)) / 5000
    assert 0.18 < share < 0.22
