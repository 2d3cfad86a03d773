"""Seeded choice of distinct questions: from a pool that can be listed, or by drawing. Called by every task."""

from collections.abc import Callable, Iterable
from random import Random

from isothink.procedural.question import Question
from isothink.procedural.split import Split, split_of

# A drawn pool counts as exhausted once this many draws in a row brought nothing new.
FRUITLESS_DRAWS = 10_000


def seeded(name: str, split: str, seed: int) -> Random:
    """A random source that depends on its arguments alone: seeding by text does not use Python's salted hash."""
    return Random(f"{name}/{split}/{seed}")


def choose_listed(pool: Iterable[Question], *, limit: int, random: Random) -> list[Question]:
    """At most `limit` questions of a pool that is small enough to be listed, shuffled."""
    questions = list(pool)
    random.shuffle(questions)
    return questions[:limit]


def choose_drawn(draw: Callable[[Random], Question], *, split: Split, limit: int, random: Random) -> list[Question]:
    """At most `limit` questions of one split with distinct prompts, in the order drawn."""
    chosen: dict[str, Question] = {}
    fruitless = 0
    while len(chosen) < limit and fruitless < FRUITLESS_DRAWS:
        question = draw(random)
        if question.prompt in chosen or split_of(question.key) != split:
            fruitless += 1
            continue
        chosen[question.prompt] = question
        fruitless = 0
    return list(chosen.values())
