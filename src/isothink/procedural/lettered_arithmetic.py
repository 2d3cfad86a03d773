"""Arithmetic whose answer is chosen among lettered options. The tasks `chain-mc` and `product-mc`."""

import re
from dataclasses import dataclass
from random import Random
from typing import Literal

from isothink.procedural.arithmetic import PRODUCT, SUM, Arithmetic
from isothink.procedural.draw import choose_drawn, seeded
from isothink.procedural.options import DIGIT_OPTIONS, LETTERS, letter_of, lettered
from isothink.procedural.question import ForeignPromptError, Question, Solution
from isothink.procedural.split import Split


@dataclass(frozen=True, kw_only=True)
class LetteredArithmetic:
    """The letter of the last digit of a sum or product; the trace holds the running values, then the letter."""

    name: str
    arithmetic: Arithmetic
    family: str = "arithmetic-mc"
    answer_format: Literal["letter"] = "letter"
    train_is_test: bool = False

    @property
    def words(self) -> frozenset[str]:
        """The digits, running values among them, the letters, and the words around them."""
        return frozenset((self.arithmetic.word, ";", "?", *self.arithmetic.digits, *LETTERS))

    def questions(self, *, split: Split, limit: int, seed: int) -> list[Question]:
        """Rows of digits in any order with options in any order; the key is the row up to order."""
        return choose_drawn(self._draw, split=split, limit=limit, random=seeded(self.name, split, seed))

    def _draw(self, random: Random) -> Question:
        row = self.arithmetic.draw_row(random)
        options = self._draw_options(row, random)
        return Question(
            benchmark=self.name,
            family=self.family,
            prompt=f"{self.arithmetic.word} {' '.join(row)} ; {lettered(options)} ?",
            key=self.arithmetic.key(row),
        )

    def _draw_options(self, row: list[str], random: Random) -> list[str]:
        """The right option among three wrong ones, which are the results of other rows.

        So wrong options are as likely digits as right ones, and none can be ruled out by being rare.
        """
        options = [self.arithmetic.running(row)[-1]]
        while len(options) < len(LETTERS):
            other = self.arithmetic.running(self.arithmetic.draw_row(random))[-1]
            if other not in options:
                options.append(other)
        random.shuffle(options)
        return options

    def solve(self, prompt: str) -> Solution:
        """The running values, then the letter of the last one."""
        match = re.fullmatch(rf"{self.arithmetic.row_pattern} ; {DIGIT_OPTIONS} \?", prompt)
        if match is None:
            raise ForeignPromptError(self.name, prompt)
        values, options = self.arithmetic.running(match[1].split()), match.groups()[1:]
        if values[-1] not in options or len(set(options)) < len(LETTERS):
            raise ForeignPromptError(self.name, prompt)
        letter = letter_of(values[-1], options)
        return Solution(answer=letter, steps=(*values, letter))


CHAIN_MC = LetteredArithmetic(name="chain-mc", arithmetic=SUM)
PRODUCT_MC = LetteredArithmetic(name="product-mc", arithmetic=PRODUCT)
