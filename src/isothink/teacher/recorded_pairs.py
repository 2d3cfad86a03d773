"""Joins the two rows of a prompt in data sets that hold each reply in a row of its own. Called by prompt_rows.py.

What waits for its other half lies in a temporary database on disk, since all rows of one kind may come first.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from isothink.domain.pair import Prompt
from isothink.domain.reply import ReasoningMode, Reply
from isothink.errors import StepError
from isothink.teacher.reading import read_reply

_TABLE = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE half (id TEXT PRIMARY KEY, number INTEGER, mode TEXT, prompt TEXT, reply TEXT);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Half:
    """One recorded reply, from row `number`."""

    number: int
    prompt: Prompt
    mode: ReasoningMode
    reply: Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """Both replies to one prompt."""

    prompt: Prompt
    off: Reply
    on: Reply


class HalfStore:
    """Keeps halves until the other half comes; of each prompt, the first reply of each kind counts."""

    def __init__(self) -> None:
        # an empty name is a database in a temporary file, which goes when it is closed; rows may be read in any thread
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def take(self, half: Half) -> Whole | Half | None:
        """The pair that `half` completes, `half` itself where a reply of its kind is there already, or None."""
        with _room_on_disk():
            first = self._first(half.prompt.id)
            if first is None:
                self._keep(half)
                return None
            number, mode, prompt, reply = first
            if reply is None or mode == half.mode:
                return half
            self._database.execute("UPDATE half SET prompt = NULL, reply = NULL WHERE id = ?", (half.prompt.id,))
        return _whole(Half(number=number, prompt=_prompt(prompt), mode=mode, reply=_reply(reply)), half)

    def rest(self) -> Iterator[Half]:
        """The halves that stayed alone, in the order of their rows."""
        with _room_on_disk():
            query = "SELECT number, mode, prompt, reply FROM half WHERE reply IS NOT NULL ORDER BY number"
            for number, mode, prompt, reply in self._database.execute(query):
                yield Half(number=number, prompt=_prompt(prompt), mode=mode, reply=_reply(reply))

    def _first(self, identity: str) -> tuple[int, ReasoningMode, str, str | None] | None:
        query = "SELECT number, mode, prompt, reply FROM half WHERE id = ?"
        row: tuple[int, ReasoningMode, str, str | None] | None = self._database.execute(query, (identity,)).fetchone()
        return row

    def _keep(self, half: Half) -> None:
        values = (half.prompt.id, half.number, half.mode, half.prompt.model_dump_json(), half.reply.model_dump_json())
        self._database.execute("INSERT INTO half VALUES (?, ?, ?, ?, ?)", values)


def kind_of(reply: Reply) -> ReasoningMode:
    """A reply with a trace was given with reasoning on; an empty think block is no trace."""
    reading = read_reply(reply, "on")
    return "on" if reading.trace or reading.think_state == "unclosed" else "off"


def _whole(first: Half, second: Half) -> Whole:
    off, on = (first, second) if first.mode == "off" else (second, first)
    prompt = first.prompt if first.prompt.reference is not None else second.prompt
    return Whole(prompt=prompt, off=off.reply, on=on.reply)


def _prompt(text: str) -> Prompt:
    return Prompt.model_validate_json(text)


def _reply(text: str) -> Reply:
    return Reply.model_validate_json(text)


@contextmanager
def _room_on_disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StepError(
            f"rows of one prompt cannot be joined: {error}", hint="free space in the temporary folder (TMPDIR)"
        ) from None
