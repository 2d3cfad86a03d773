"""Largest: which of four lettered two-digit numbers is the largest. The task `largest`."""

import re
from dataclasses import dataclass
from random import Random
from typing import Literal

from isothink.procedural.draw import choose_drawn, seeded
from isothink.procedural.options import LETTERS, lettered
from isothink.procedural.question import ForeignPromptError, Question, Solution
from isothink.procedural.split import Split

_PATTERN = re.compile("largest : " + " ".join(f"{letter} ([1-9] [0-9])" for letter in LETTERS) + r" \?")
_NUMBERS = range(10, 100)


@dataclass(frozen=True, kw_only=True)
class Largest:
    """Comparison among options; the trace keeps the largest number so far, with its letter."""

    name: str = "largest"
    family: str = "lookup-mc"
    answer_format: Literal["letter"] = "letter"
    train_is_test: bool = False

    @property
    def words(self) -> frozenset[str]:
        """The letters, the digits, and the words around them."""
        return frozenset(("largest", ":", "?", *LETTERS, *"0123456789"))

    def questions(self, *, split: Split, limit: int, seed: int) -> list[Question]:
        """Four distinct numbers; the key is the set of them."""
        return choose_drawn(self._draw, split=split, limit=limit, random=seeded(self.name, split, seed))

    def _draw(self, random: Random) -> Question:
        numbers = random.sample(_NUMBERS, len(LETTERS))
        shown = lettered([" ".join(str(number)) for number in numbers])
        return Question(
            benchmark=self.name,
            family=self.family,
            prompt=f"largest : {shown} ?",
            key=f"largest {' '.join(map(str, sorted(numbers)))}",
        )

    def solve(self, prompt: str) -> Solution:
        """The letter of the largest number, after comparing the options from left to right."""
        match = _PATTERN.fullmatch(prompt)
        if match is None or len(set(match.groups())) < len(LETTERS):
            raise ForeignPromptError(self.name, prompt)
        # Two-digit texts without a leading zero compare as their numbers do.
        options = [(number, letter) for letter, number in zip(LETTERS, match.groups(), strict=True)]
        largest_so_far = [max(options[:count]) for count in range(2, len(options) + 1)]
        return Solution(
            answer=largest_so_far[-1][1], steps=tuple(f"{letter} {number}" for number, letter in largest_so_far)
        )


LARGEST = Largest()
