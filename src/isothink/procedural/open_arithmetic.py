"""Arithmetic whose answer is written out. The tasks `chain` and `product`."""

import re
from dataclasses import dataclass
from random import Random
from typing import Literal

from isothink.procedural.arithmetic import PRODUCT, SUM, Arithmetic
from isothink.procedural.draw import choose_drawn, seeded
from isothink.procedural.question import ForeignPromptError, Question, Solution
from isothink.procedural.split import Split


@dataclass(frozen=True, kw_only=True)
class OpenArithmetic:
    """The last digit of a sum or product; the trace holds the running values."""

    name: str
    arithmetic: Arithmetic
    family: str = "arithmetic-oe"
    answer_format: Literal["exact"] = "exact"
    train_is_test: bool = False

    @property
    def words(self) -> frozenset[str]:
        """The digits, running values among them, and the words around them."""
        return frozenset((self.arithmetic.word, "?", *self.arithmetic.digits))

    def questions(self, *, split: Split, limit: int, seed: int) -> list[Question]:
        """Rows of digits in any order; the key is the row up to order."""
        return choose_drawn(self._draw, split=split, limit=limit, random=seeded(self.name, split, seed))

    def _draw(self, random: Random) -> Question:
        row = self.arithmetic.draw_row(random)
        return Question(
            benchmark=self.name,
            family=self.family,
            prompt=f"{self.arithmetic.word} {' '.join(row)} ?",
            key=self.arithmetic.key(row),
        )

    def solve(self, prompt: str) -> Solution:
        """The running values; the last one is the answer."""
        match = re.fullmatch(rf"{self.arithmetic.row_pattern} \?", prompt)
        if match is None:
            raise ForeignPromptError(self.name, prompt)
        steps = self.arithmetic.running(match[1].split())
        return Solution(answer=steps[-1], steps=steps)


CHAIN = OpenArithmetic(name="chain", arithmetic=SUM)
OPEN_PRODUCT = OpenArithmetic(name="product", arithmetic=PRODUCT)
