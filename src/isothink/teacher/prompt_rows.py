"""What the rows of a data set mean: prompts, or finished pairs in one of three layouts. Called by run/.

A row that makes no prompt is handed on with its reason: nothing is left out in silence.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from isothink.domain.pair import DropReason, Prompt
from isothink.domain.prompt_settings import CompletionRows, FileSet, HubSet, MessageRows, PairRows, PromptRows
from isothink.domain.reply import Reply
from isothink.errors import UsageError
from isothink.store.cell_text import cell_reference, cell_text, is_missing
from isothink.store.rows import Row
from isothink.teacher.cell import CellError, Message, cell_chat
from isothink.teacher.prompts import prompt_id
from isothink.teacher.reading import recorded_reply
from isothink.teacher.recorded_pairs import Half, HalfStore, Whole, kind_of

_LONGEST_NAME = 64
_MOST_COLUMNS_SHOWN = 20
_KIND = {"off": "a reply without a trace", "on": "a reply with a trace"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptRow:
    """One row: a prompt that can be asked, with recorded replies if the set has them, or a problem.

    A row with a problem has a `prompt` only where it could be read (`unpaired`, `duplicate_prompt`); `text` is what
    could be read of it, and `detail` begins with the row's number.
    """

    prompt: Prompt | None
    source: str
    text: str
    problem: DropReason | None
    detail: str
    off: Reply | None = None
    on: Reply | None = None


def source_of(settings: FileSet | HubSet) -> str:
    """The name of a data set: as set, or made from its file's or repository's."""
    if settings.source is not None:
        return settings.source
    name = PurePath(settings.path).stem if settings.kind == "file" else settings.name.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:_LONGEST_NAME] or "data"


def prompt_rows(rows: Iterable[Row], settings: FileSet | HubSet, *, source: str) -> Iterator[PromptRow]:
    """The meaning of each row, in their order; pairs of two rows come with the second, prompts without one last.

    Prompts that stand twice are handed on twice, except in the layouts of two rows, where the first reply of each kind
    counts.

    Raises:
        UsageError: the first readable row lacks a column that the settings name.
        StepError: the temporary database of the layouts of two rows cannot be written.
    """
    return _DataSet(settings, source).meanings(rows)


class _DataSet:
    """One data set's settings, applied to its rows."""

    def __init__(self, settings: FileSet | HubSet, source: str) -> None:
        self._settings = settings
        self._layout = settings.rows
        self._source = source

    def meanings(self, rows: Iterable[Row]) -> Iterator[PromptRow]:
        layout, checked = self._layout, self._checked(rows)
        if isinstance(layout, PromptRows):
            return self._each(checked, lambda row: self._question(row, layout))
        if isinstance(layout, PairRows):
            return self._each(checked, lambda row: self._pair(row, layout))
        if isinstance(layout, MessageRows):
            return self._joined(checked, lambda row: self._conversation(row, layout))
        return self._joined(checked, lambda row: self._completion(row, layout))

    def _checked(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, the columns of the first readable one compared with the settings."""
        waiting = True
        for row in rows:
            if waiting and row.values is not None:
                self._require_columns(list(row.values))
                waiting = False
            yield row

    def _require_columns(self, found: list[str]) -> None:
        name = self._settings.path if self._settings.kind == "file" else self._settings.name
        for key in type(self._layout).model_fields:
            column = getattr(self._layout, key)
            if key in ("layout", "reference_after") or column is None or column in found:
                continue
            more = f" and {len(found) - _MOST_COLUMNS_SHOWN} more" if len(found) > _MOST_COLUMNS_SHOWN else ""
            shown = ", ".join(_shortened(column) for column in found[:_MOST_COLUMNS_SHOWN]) or "none"
            near = difflib.get_close_matches(column, found, n=1)
            raise UsageError(
                f"{name}: found no column {column!r} for rows.{key}, its columns are {shown}{more}",
                hint=f"did you mean {_shortened(near[0])}?" if near else f"name the column as rows.{key}",
            )

    def _each(self, rows: Iterable[Row], read: Callable[[Row], PromptRow]) -> Iterator[PromptRow]:
        for row in rows:
            try:
                yield read(row)
            except CellError as error:
                yield self._problem(error.reason, f"row {row.number}: {error.detail}", text=error.text)

    def _joined(self, rows: Iterable[Row], read: Callable[[Row], Half]) -> Iterator[PromptRow]:
        with HalfStore() as store:
            for row in rows:
                try:
                    found = store.take(read(row))
                except CellError as error:
                    yield self._problem(error.reason, f"row {row.number}: {error.detail}", text=error.text)
                    continue
                if isinstance(found, Whole):
                    yield self._fit(found.prompt, off=found.off, on=found.on)
                elif found is not None:
                    detail = f"row {found.number}: the prompt has {_KIND[found.mode]} already"
                    yield self._problem("duplicate_prompt", detail, prompt=found.prompt)
            for half in store.rest():
                detail = f"row {half.number}: {_KIND['on' if half.mode == 'off' else 'off']} is missing"
                yield self._problem("unpaired", detail, prompt=half.prompt)

    def _question(self, row: Row, layout: PromptRows) -> PromptRow:
        values = _values(row)
        return self._fit(self._prompt(_asked(values.get(layout.prompt), layout.prompt), values))

    def _pair(self, row: Row, layout: PairRows) -> PromptRow:
        values = _values(row)
        prompt = self._prompt(_asked(values.get(layout.prompt), layout.prompt), values)
        off, on = (_answer(values.get(column), column, prompt.text) for column in (layout.ift, layout.reasoning))
        return self._fit(prompt, off=off, on=on)

    def _conversation(self, row: Row, layout: MessageRows) -> Half:
        values = _values(row)
        chat = cell_chat(values.get(layout.messages), layout.messages)
        prompt = self._prompt(_only_question(chat), values)
        return _half(row.number, prompt, _only_answer(chat[1:], prompt.text))

    def _completion(self, row: Row, layout: CompletionRows) -> Half:
        values = _values(row)
        prompt = self._prompt(_asked(values.get(layout.prompt), layout.prompt), values)
        return _half(row.number, prompt, _answer(values.get(layout.completion), layout.completion, prompt.text))

    def _prompt(self, text: str, values: dict[str, Any]) -> Prompt:
        if not text.strip():
            raise CellError("empty_prompt", "the prompt is empty")
        whole = text + self._settings.suffix
        layout = self._layout
        reference = cell_reference(values.get(layout.reference), layout.reference_after) if layout.reference else None
        return Prompt(
            id=prompt_id(self._source, whole),
            source=self._source,
            text=whole,
            reference=reference,
            answer_format=self._settings.answer_format if reference is not None else None,
        )

    def _fit(self, prompt: Prompt, *, off: Reply | None = None, on: Reply | None = None) -> PromptRow:
        return PromptRow(prompt=prompt, source=self._source, text=prompt.text, problem=None, detail="", off=off, on=on)

    def _problem(self, reason: DropReason, detail: str, *, text: str = "", prompt: Prompt | None = None) -> PromptRow:
        shown = prompt.text if prompt is not None else text
        return PromptRow(prompt=prompt, source=self._source, text=shown, problem=reason, detail=detail)


def _values(row: Row) -> dict[str, Any]:
    if row.values is None:
        raise CellError("unreadable_row", row.problem)
    return row.values


def _asked(value: Any, column: str) -> str:
    """The prompt of a cell: its text, or the one user message of a chat."""
    if is_missing(value):
        return ""
    if isinstance(value, str | bytes):
        return cell_text(value)
    if isinstance(value, list):
        return _only_question(cell_chat(value, column))
    raise CellError("unreadable_row", f"column {column!r} holds neither a text nor a list of messages")


def _only_question(chat: tuple[Message, ...]) -> str:
    """The user's message of a chat of one turn: nothing may stand before it, and only the assistant may answer."""
    if not chat:
        return ""
    asked = [message for message in chat if message.role == "user"]
    text = asked[0].content if asked else ""
    if len(asked) != 1 or chat[0].role != "user" or any(message.role != "assistant" for message in chat[1:]):
        roles = ", ".join(_shortened(message.role) for message in chat[:8])
        raise CellError("not_single_turn", f"its messages are of: {roles}; allowed is one user message", text=text)
    return text


def _answer(value: Any, column: str, prompt: str) -> Reply:
    """The reply of a cell: its text, or the one message of the assistant."""
    if isinstance(value, list):
        return _only_answer(cell_chat(value, column), prompt)
    if isinstance(value, dict):
        raise CellError("unreadable_row", f"column {column!r} holds neither a text nor a list of messages", text=prompt)
    return recorded_reply(cell_text(value))


def _only_answer(chat: tuple[Message, ...], prompt: str) -> Reply:
    """The assistant's message; none is an empty answer."""
    if len(chat) > 1 or any(message.role != "assistant" for message in chat):
        raise CellError("not_single_turn", f"found {len(chat)} messages, allowed is one of the assistant", text=prompt)
    return recorded_reply(chat[0].content, reasoning=chat[0].reasoning) if chat else recorded_reply("")


def _half(number: int, prompt: Prompt, reply: Reply) -> Half:
    return Half(number=number, prompt=prompt, mode=kind_of(reply), reply=reply)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
