"""Arithmetic modulo ten along a row of digits: sums and products. Asked openly and with lettered options.

Called by `open_arithmetic.py` and `lettered_arithmetic.py`, which share its keys: a row that one of them tests is never
trained by the other, in any order of its digits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, mul
from random import Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Arithmetic:
    """One commutative operation on digits, and the rows of digits that it is asked about."""

    word: str
    combine: Callable[[int, int], int]
    digits: str
    lengths: range

    @property
    def row_pattern(self) -> str:
        """A pattern of prompts up to the last digit, with the digits as its group."""
        return rf"{self.word}((?: [{self.digits}]){{{self.lengths[0]},{self.lengths[-1]}}})"

    def draw_row(self, random: Random) -> list[str]:
        """A row of random length and digits."""
        return random.choices(self.digits, k=random.choice(self.lengths))

    def key(self, row: Sequence[str]) -> str:
        """The row up to the order of its digits."""
        return f"{self.word} {' '.join(sorted(row))}"

    def running(self, row: Sequence[str]) -> tuple[str, ...]:
        """The last digit of the result so far, after each digit of the row."""
        return tuple(map(str, accumulate(map(int, row), lambda left, right: self.combine(left, right) % 10)))


SUM = Arithmetic(word="sum", combine=add, digits="0123456789", lengths=range(4, 7))
# Without 0 and 5: with either, "0" would be the answer to a third of all rows, and one look would find it.
PRODUCT = Arithmetic(word="product", combine=mul, digits="12346789", lengths=range(3, 6))
