"""Prompts that share words with benchmark items. Called by run/ before any prompt is paid for.

The match is shown in the prompt's own words, since most matches of short n-grams can be false alarms, and a user must
be able to see it (marin-community/marin#6852: 88 of 114).
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from isothink.teacher.prompt_words import as_written, words_of

_Hashes = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.uint32]
_Positions = npt.NDArray[np.int64]

_BETWEEN_ITEMS = 0
_UNKNOWN = 2**32 - 1
"""A word of no item, and what stands around a prompt: equal to nothing in the items or between them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The benchmark item, and the words in common as they stand in the prompt."""

    item: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """Consecutive words in common: where in the prompt, how many, and where in the items."""

    start: int
    length: int
    position: int


class BenchmarkIndex:
    """Finds `words` consecutive words in common with an item, or the whole of a shorter item.

    An item of fewer words matches where it stands whole in the prompt if it has at least `shortest_item`, and else only
    a prompt that has no other words. Words are compared without case and punctuation.
    """

    def __init__(self, texts: Iterable[tuple[str, str]], *, words: int, shortest_item: int) -> None:
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._whole: dict[bytes, int] = {}
        starts_of: dict[int, array[int]] = {}
        stream, firsts = array("I", [_BETWEEN_ITEMS]), array("q")
        for name, text in texts:
            numbers = [self._numbers.setdefault(word, len(self._numbers) + 1) for word in words_of(text)]
            first, count = len(stream), len(numbers)
            if not numbers:
                continue
            self._names.append(name)
            firsts.append(first)
            stream.extend(numbers)
            stream.append(_BETWEEN_ITEMS)
            if count >= min(words, shortest_item):
                length = min(count, words)
                starts_of.setdefault(length, array("q")).extend(range(first, first + count - length + 1))
            else:
                self._whole.setdefault(_key(numbers), first)
        self._stream = np.array(stream, dtype=np.uint32)
        self._firsts = np.array(firsts, dtype=np.int64)
        sums = _sums(self._stream)
        self._tables = [
            _Table(length, np.array(starts, dtype=np.int64), sums) for length, starts in sorted(starts_of.items())
        ]

    def match(self, prompt: str) -> Match | None:
        """The longest match, the first of several; None where there is none."""
        numbers = [self._numbers.get(word, _UNKNOWN) for word in words_of(prompt)]
        best = self._longest(numbers)
        if best is None:
            return None
        item = int(np.searchsorted(self._firsts, best.position, side="right")) - 1
        return Match(item=self._names[item], text=as_written(prompt, best.start, best.length))

    def _longest(self, numbers: Sequence[int]) -> _Run | None:
        position = self._whole.get(_key(numbers))
        if position is not None:
            return _Run(start=0, length=len(numbers), position=position)
        prompt = np.array([*numbers, _UNKNOWN], dtype=np.uint32)
        sums = _sums(prompt)
        best: _Run | None = None
        for table in reversed(self._tables):
            if best is not None and best.length >= table.length:
                break  # what stands in the tables of shorter items cannot be longer
            for start, positions in table.find(sums):
                least = table.length if best is None else best.length + 1
                best = self._run(prompt, start, positions, least=least) or best
        return best

    def _run(self, prompt: _Numbers, start: int, positions: _Positions, *, least: int) -> _Run | None:
        """The longest run of at least `least` words that begins here and not before; equal hashes prove nothing."""
        if start + least >= len(prompt):
            return None
        if start > 0:
            positions = positions[self._stream[positions - 1] != prompt[start - 1]]
        # Most are ruled out by the last word that they need.
        lasts = np.minimum(positions + least - 1, len(self._stream) - 1)
        positions = positions[self._stream[lasts] == prompt[start + least - 1]]
        length, longest = 0, positions
        while positions.size:
            longest = positions
            positions = positions[self._stream[positions + length] == prompt[start + length]]
            length += 1
        return _Run(start=start, length=length - 1, position=int(longest[0])) if length > least else None


class _Table:
    """Where runs of `length` words begin in the items, sorted by their hashes."""

    def __init__(self, length: int, starts: _Positions, sums: _Hashes) -> None:
        self.length = length
        hashes = _window_hashes(sums, length)[starts]
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._starts = hashes[order], starts[order]

    def find(self, sums: _Hashes) -> "list[tuple[int, _Positions]]":
        """Each place in a prompt whose hash is known, with the places in the items that share it, first ones first."""
        if len(sums) <= self.length:
            return []
        hashes = _window_hashes(sums, self.length)
        lefts = np.searchsorted(self._hashes, hashes)
        known = np.flatnonzero(self._hashes[np.minimum(lefts, len(self._hashes) - 1)] == hashes)
        rights = np.searchsorted(self._hashes, hashes[known], side="right")
        return [
            (int(start), self._starts[left:right])
            for start, left, right in zip(known, lefts[known], rights, strict=True)
        ]


# The hash of a window is its numbers as digits to an odd base, modulo 2**64: from sums over the whole text, each takes
# one subtraction and one product with a power of the base's inverse.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)


def _sums(numbers: _Numbers) -> _Hashes:
    sums = np.zeros(len(numbers) + 1, dtype=np.uint64)
    np.cumsum(numbers * _powers(_BASE, len(numbers)), out=sums[1:])
    return sums


def _window_hashes(sums: _Hashes, length: int) -> _Hashes:
    windows: _Hashes = (sums[length:] - sums[:-length]) * _powers(_INVERSE, len(sums) - length)
    return windows


def _powers(base: int, count: int) -> _Hashes:
    return _powers_up_to(base, max(1024, 1 << (count - 1).bit_length()))[:count]


@lru_cache(maxsize=8)
def _powers_up_to(base: int, count: int) -> _Hashes:
    powers = np.full(count, base, dtype=np.uint64)
    powers[0] = 1
    np.cumprod(powers, out=powers)
    return powers


def _key(numbers: Sequence[int]) -> bytes:
    return array("I", numbers).tobytes()
