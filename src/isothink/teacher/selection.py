"""Which prompts are asked: every readable one once, none known from a benchmark. Called by run/generation.py.

Everything here happens before a token is paid for.
"""

import hashlib
import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from isothink.domain.pair import DroppedPair, DropReason
from isothink.teacher.prompt_rows import PromptRow


class Match(Protocol):
    """What a benchmark index found."""

    @property
    def item(self) -> str:
        """The benchmark item."""

    @property
    def text(self) -> str:
        """The words in common, as they stand in the prompt."""


class Index(Protocol):
    """Finds prompts that share words with benchmark items; see contamination.py."""

    def match(self, prompt: str) -> Match | None:
        """The longest match, if any."""


Rows = Callable[[], Iterable[PromptRow]]
Drop = Callable[[DroppedPair], None]


class Selection:
    """The rows that become questions, in the order of their files; iterated as often as needed, never held in memory.

    With `limit`, the `limit` prompts with the smallest hashes of their ids: a choice at random that grows with the
    limit and does not depend on the order of the files, which may be sorted by difficulty.
    """

    def __init__(self, rows: Rows, *, index: Index | None = None, limit: int | None = None) -> None:
        self._rows = rows
        self._index = index
        self._limit = limit
        self._positions = array("Q")
        self.read = 0
        """Rows read, bad ones included."""
        self.fit = 0
        """Prompts that could be asked; more than are, where there is a limit."""

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[PromptRow]:
        wanted = iter(self._positions)
        following = next(wanted, None)
        for position, row in enumerate(self._rows()):
            if following is None:
                return
            if position == following:
                yield row
                following = next(wanted, None)

    def choose(self, drop: Drop) -> None:
        """Goes through all rows once and hands over those that are no question, with the reason."""
        seen: set[bytes] = set()
        chosen = self._chosen(seen, drop)
        if self._limit is None:
            self._positions = array("Q", (position for position, _ in chosen))
        else:
            ranked = heapq.nsmallest(self._limit, ((_rank(row), position) for position, row in chosen))
            self._positions = array("Q", sorted(position for _, position in ranked))

    def _chosen(self, seen: set[bytes], drop: Drop) -> Iterator[tuple[int, PromptRow]]:
        for position, row in enumerate(self._rows()):
            self.read += 1
            fault = self._fault(row, seen)
            if fault is None:
                self.fit += 1
                yield position, row
            else:
                reason, detail = fault
                identity = row.prompt.id if row.prompt is not None else ""
                drop(
                    DroppedPair(
                        id=identity, source=row.source, prompt=row.text, reason=reason, mode="neither", detail=detail
                    )
                )

    def _fault(self, row: PromptRow, seen: set[bytes]) -> tuple[DropReason, str] | None:
        if row.problem is not None:
            return row.problem, row.detail
        assert row.prompt is not None
        normal = hashlib.sha256(" ".join(row.prompt.text.split()).encode()).digest()[:12]
        if normal in seen:
            return "duplicate_prompt", "equal to an earlier prompt, up to white space"
        seen.add(normal)
        match = self._index.match(row.prompt.text) if self._index is not None else None
        if match is not None:
            return "contaminated", f"{match.item}: {match.text}"
        return None


def _rank(row: PromptRow) -> bytes:
    assert row.prompt is not None
    return hashlib.sha256(f"limit\0{row.prompt.id}".encode()).digest()
