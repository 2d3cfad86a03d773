"""Look-up: the value of a key in a small table, to be found again among lettered options. The task `lookup`."""

import re
from dataclasses import dataclass
from random import Random
from typing import Literal

from isothink.procedural.draw import choose_drawn, seeded
from isothink.procedural.options import DIGIT_OPTIONS, LETTERS, letter_of, lettered
from isothink.procedural.question import ForeignPromptError, Question, Solution
from isothink.procedural.split import Split

KEYS = tuple("fghkmnprstvw")
DIGITS = tuple("0123456789")

_ROW = f"([{''.join(KEYS)}]) ([0-9])"
_PATTERN = re.compile(f"{' '.join([_ROW] * len(LETTERS))} ; find ([a-z]) ; {DIGIT_OPTIONS} \\?")


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """A table of four keys; the options are its values in another order, so that only the key decides."""

    name: str = "lookup"
    family: str = "lookup-mc"
    answer_format: Literal["letter"] = "letter"
    train_is_test: bool = False

    @property
    def words(self) -> frozenset[str]:
        """The keys, the digits, the letters, and the words around them."""
        return frozenset((*KEYS, *DIGITS, *LETTERS, ";", "find", "?"))

    def questions(self, *, split: Split, limit: int, seed: int) -> list[Question]:
        """Tables with distinct keys and values; the key is the set of rows with the queried one."""
        return choose_drawn(self._draw, split=split, limit=limit, random=seeded(self.name, split, seed))

    def _draw(self, random: Random) -> Question:
        values = random.sample(DIGITS, len(LETTERS))
        rows = [f"{key} {value}" for key, value in zip(random.sample(KEYS, len(LETTERS)), values, strict=True)]
        queried = random.choice(rows)[0]
        random.shuffle(values)
        return Question(
            benchmark=self.name,
            family=self.family,
            prompt=f"{' '.join(rows)} ; find {queried} ; {lettered(values)} ?",
            key=f"lookup {' '.join(sorted(rows))} find {queried}",
        )

    def solve(self, prompt: str) -> Solution:
        """The row of the queried key, then the letter of its value."""
        match = _PATTERN.fullmatch(prompt)
        if match is None:
            raise ForeignPromptError(self.name, prompt)
        cells, queried, options = match.groups()[:8], match[9], match.groups()[9:]
        table = dict(zip(cells[::2], cells[1::2], strict=True))
        if len(table) < len(LETTERS) or queried not in table or sorted(options) != sorted(set(table.values())):
            raise ForeignPromptError(self.name, prompt)
        value = table[queried]
        letter = letter_of(value, options)
        return Solution(answer=letter, steps=(f"{queried} {value}", f"{value} {letter}"))


LOOKUP = Lookup()
