"""Recall: facts about invented lands that only training can teach. The tasks `capital` and `colour`.

The family measures what a student remembers, so its test asks for exactly what training taught, and is labelled so.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from isothink.procedural.draw import choose_listed, seeded
from isothink.procedural.names import LANDS, TOWNS, by_hash
from isothink.procedural.question import ForeignPromptError, Question, Solution
from isothink.procedural.split import Split

COLOURS = ("amber", "black", "blue", "brown", "green", "grey", "pink", "red", "violet", "white")


def _facts(relation: str, values: tuple[str, ...]) -> dict[str, str]:
    """One value for each land, every value for nearly the same number of lands."""
    return {land: values[rank % len(values)] for rank, land in enumerate(by_hash(list(LANDS), relation))}


@dataclass(frozen=True, kw_only=True)
class Recall:
    """One relation, for example `capital`, with its value for every land."""

    name: str
    values: tuple[str, ...]
    facts: dict[str, str] = field(init=False, repr=False)

    family = "recall-oe"
    answer_format: Literal["exact"] = field(default="exact", init=False)
    train_is_test = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", _facts(self.name, self.values))

    @property
    def words(self) -> frozenset[str]:
        """The relation, its lands and values, and the words around them."""
        return frozenset((self.name, *LANDS, *self.values, "of", "?", "find", "the"))

    def questions(self, *, split: Split, limit: int, seed: int) -> list[Question]:
        """Every land, shuffled: both splits hold the same questions, in orders of their own."""
        return choose_listed(map(self._question, LANDS), limit=limit, random=seeded(self.name, split, seed))

    def _question(self, land: str) -> Question:
        return Question(
            benchmark=self.name, family=self.family, prompt=f"{self.name} of {land} ?", key=f"{self.name} {land}"
        )

    def solve(self, prompt: str) -> Solution:
        """The fact. The step restates the question only: stating the fact would double its exposure in training."""
        match = re.fullmatch(rf"{self.name} of ([a-z]+) \?", prompt)
        if match is None or match[1] not in self.facts:
            raise ForeignPromptError(self.name, prompt)
        return Solution(answer=self.facts[match[1]], steps=(f"find the {self.name} of {match[1]}",))


CAPITAL = Recall(name="capital", values=TOWNS)
COLOUR = Recall(name="colour", values=COLOURS)
