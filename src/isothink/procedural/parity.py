"""Parity: whether the number of ones in a row of bits is even or odd. The task `parity`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, product
from operator import xor
from typing import Literal

from isothink.procedural.draw import choose_listed, seeded
from isothink.procedural.question import ForeignPromptError, Question, Solution
from isothink.procedural.split import Split, split_of

# Six to eight bits alone are 448 prompts, too few to test on a fifth of them.
LENGTHS = range(6, 11)
NAMES = ("even", "odd")

_PATTERN = re.compile(rf"parity((?: [01]){{{LENGTHS[0]},{LENGTHS[-1]}}}) \?")


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The trace names the parity of the bits so far, after each bit."""

    name: str = "parity"
    family: str = "arithmetic-oe"
    answer_format: Literal["exact"] = "exact"
    train_is_test: bool = False

    @property
    def words(self) -> frozenset[str]:
        """The bits, the two answers, and the words around them."""
        return frozenset(("parity", "0", "1", "?", *NAMES))

    def questions(self, *, split: Split, limit: int, seed: int) -> list[Question]:
        """Rows of bits; a row and its mirror image share a key."""
        pool = (question for question in self._all() if split_of(question.key) == split)
        return choose_listed(pool, limit=limit, random=seeded(self.name, split, seed))

    def _all(self) -> Iterator[Question]:
        for length in LENGTHS:
            for bits in product("01", repeat=length):
                yield Question(
                    benchmark=self.name,
                    family=self.family,
                    prompt=f"parity {' '.join(bits)} ?",
                    key=f"parity {' '.join(min(bits, bits[::-1]))}",
                )

    def solve(self, prompt: str) -> Solution:
        """The parity after each bit; the last one is the answer."""
        match = _PATTERN.fullmatch(prompt)
        if match is None:
            raise ForeignPromptError(self.name, prompt)
        steps = tuple(NAMES[value] for value in accumulate(map(int, match[1].split()), xor))
        return Solution(answer=steps[-1], steps=steps)


PARITY = Parity()
