"""Every task's questions: distinct, deterministic, balanced, and right by a check that reads the prompt on its own."""

import hashlib
import math
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest

from isothink.procedural.question import ForeignPromptError
from isothink.procedural.tasks import TASKS, solve, vocabulary

FAMILIES = {
    "recall-oe": ["capital", "colour"],
    "lookup-mc": ["largest", "lookup"],
    "arithmetic-oe": ["chain", "parity", "product"],
    "arithmetic-mc": ["chain-mc", "product-mc"],
}
COMPUTED = [name for name, task in TASKS.items() if task.family != "recall-oe"]


def draw(name, split="train", limit=1000, seed=0):
    return TASKS[name].questions(split=split, limit=limit, seed=seed)


def options_of(words):
    """The lettered options at the end of a prompt, by letter."""
    first = words.index("A")
    letters = [place for place in range(first, len(words)) if words[place] in "ABCD"] + [len(words) - 1]
    return {words[start]: " ".join(words[start + 1 : stop]) for start, stop in pairwise(letters)}


def brute_force(prompt):
    """The answer, read from the prompt in another way than the solvers read it."""
    words = prompt.split()
    digits = [int(word) for word in prompt.split(";")[0].split() if word.isdigit()]
    if words[0] == "parity":
        return "odd" if sum(digits) % 2 else "even"
    if words[0] in ("sum", "product"):
        value = str((sum(digits) if words[0] == "sum" else math.prod(digits)) % 10)
        return value if "A" not in words else {option: letter for letter, option in options_of(words).items()}[value]
    if words[0] == "largest":
        return max(options_of(words).items(), key=lambda pair: int(pair[1].replace(" ", "")))[0]
    value = words[words.index(words[words.index("find") + 1]) + 1]
    return {option: letter for letter, option in options_of(words).items()}[value]


def test_the_families_hold_their_benchmarks():
    families = {}
    for name, task in TASKS.items():
        families.setdefault(task.family, []).append(name)
    assert families == FAMILIES
    assert all(task.answer_format == ("letter" if task.family.endswith("-mc") else "exact") for task in TASKS.values())
    assert {name for name, task in TASKS.items() if task.train_is_test} == set(FAMILIES["recall-oe"])


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_questions_are_distinct_labelled_and_a_prefix_of_a_longer_list(name, split):
    questions = draw(name, split, limit=500)
    assert len({question.prompt for question in questions}) == len(questions)
    assert all((question.benchmark, question.family) == (name, TASKS[name].family) for question in questions)
    assert draw(name, split, limit=7) == questions[:7]
    assert draw(name, split, limit=7, seed=1) != questions[:7]
    assert draw(name, split, limit=0) == []


@pytest.mark.parametrize("name", COMPUTED)
def test_solutions_agree_with_brute_force(name):
    for question in draw(name) + draw(name, "test"):
        assert TASKS[name].solve(question.prompt).answer == solve(question.prompt).answer
        assert solve(question.prompt).answer == brute_force(question.prompt)


@pytest.mark.parametrize("name", ["chain", "product", "chain-mc", "product-mc"])
def test_running_values_are_right_at_every_step(name):
    for question in draw(name, limit=300):
        digits = [int(word) for word in question.prompt.split(";")[0].split() if word.isdigit()]
        fold = sum if question.prompt.startswith("sum") else math.prod
        expected = [str(fold(digits[:count]) % 10) for count in range(1, len(digits) + 1)]
        if name.endswith("-mc"):
            expected.append(brute_force(question.prompt))
        assert list(solve(question.prompt).steps) == expected


def test_running_parities_are_right_at_every_step():
    for question in draw("parity"):
        bits = question.prompt.split()[1:-1]
        assert list(solve(question.prompt).steps) == [
            ["even", "odd"][bits[:count].count("1") % 2] for count in range(1, len(bits) + 1)
        ]


def test_the_trace_of_largest_holds_the_largest_option_so_far():
    for question in draw("largest", limit=300):
        options = [f"{letter} {number}" for letter, number in options_of(question.prompt.split()).items()]
        expected = [max(options[:count], key=lambda option: option[2:]) for count in (2, 3, 4)]
        assert list(solve(question.prompt).steps) == expected


def test_the_trace_of_lookup_finds_the_row_and_then_the_option():
    for question in draw("lookup", limit=300):
        row, option = solve(question.prompt).steps
        table, query, options = question.prompt.split(" ; ")
        assert row in table and row[0] == query[-1]
        assert " ".join(reversed(option.split())) in options and option[0] == row[-1]


@pytest.mark.parametrize("name", FAMILIES["recall-oe"])
def test_recall_asks_for_the_same_fixed_facts_in_both_splits_and_no_trace_states_a_fact(name):
    train, test = draw(name, limit=4000), draw(name, "test", limit=4000)
    assert {question.prompt for question in train} == {question.prompt for question in test}
    assert len(train) == 64
    facts = {solve(question.prompt).answer for question in train}
    for question in train:
        assert not facts & set(" ".join(solve(question.prompt).steps).split())


def test_the_facts_never_change():
    """A stored run's facts must be those of every later version."""
    facts = [
        f"{question.prompt} {solve(question.prompt).answer}"
        for name in FAMILIES["recall-oe"]
        for question in draw(name)
    ]
    assert hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()[:16] == "d2db5009985808d0"


@pytest.mark.parametrize("name", TASKS)
def test_no_answer_is_frequent_enough_to_guess(name):
    for split in ("train", "test"):
        answers = Counter(solve(question.prompt).answer for question in draw(name, split, limit=2000))
        allowed = {"parity": 0.55, "chain": 0.15, "colour": 0.12, "capital": 0.06}.get(name, 0.35)
        assert max(answers.values()) / answers.total() <= allowed


def test_the_vocabulary_is_complete_and_minimal():
    used = set()
    for name in TASKS:
        for question in draw(name, limit=2000):
            solution = solve(question.prompt)
            for text in (question.prompt, solution.answer, *solution.steps):
                assert text == " ".join(text.split())
                used.update(text.split(" "))
    assert vocabulary() == tuple(sorted(used))


@pytest.mark.parametrize("name", TASKS)
def test_every_task_solves_its_own_questions_only(name):
    for other in TASKS:
        if other != name:
            with pytest.raises(ForeignPromptError):
                TASKS[name].solve(draw(other, limit=1)[0].prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "sum 1 2 3 ?",
        "sum 1 2 3 4 5 6 7 ?",
        "sum 1 2  3 4 ?",
        "sum 1 2 3 4 ?\n",
        "sum 1 2 3 ٤ ?",
        "product 5 2 3 ?",
        "parity 1 0 2 1 0 1 ?",
        "capital of nowhere ?",
        "capital of red ?",
        "largest : A 3 7 B 3 7 C 1 4 D 4 0 ?",
        "lookup",
        "k 3 m 7 p 1 r 5 ; find t ; A 1 B 7 C 3 D 5 ?",
        "k 3 m 7 p 1 r 5 ; find k ; A 1 B 7 C 2 D 5 ?",
        "k 3 k 7 p 1 r 5 ; find k ; A 1 B 7 C 3 D 5 ?",
        "sum 1 2 3 4 ; A 1 B 2 C 3 D 4 ?",
        "sum 1 2 3 4 ; A 0 B 0 C 3 D 4 ?",
        "x" * 100_000,
    ],
)
def test_a_prompt_of_no_task_is_refused_in_one_short_line(prompt):
    with pytest.raises(ForeignPromptError) as caught:
        solve(prompt)
    assert caught.value.exit_status == 2
    assert len(caught.value.message) < 200 and "\n" not in caught.value.message


def test_questions_do_not_depend_on_the_salted_hash():
    program = (
        "from isothink.procedural.tasks import TASKS\n"
        "for task in TASKS.values():\n"
        "    for split in ('train', 'test'):\n"
        "        print([q.prompt for q in task.questions(split=split, limit=20, seed=3)])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("0", "1")
    }
    assert len(outputs) == 1
