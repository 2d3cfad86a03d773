"""A cell of a data set's row, read as a chat; as a text, store/cell_text.py does it. Called by prompt_rows.py."""

import json
from dataclasses import dataclass
from typing import Any

from isothink.domain.pair import DropReason
from isothink.store.cell_text import cell_text, is_missing
from isothink.store.rows import without_surrogates

_ROLES = {"human": "user", "gpt": "assistant"}
"""Names of roles in ShareGPT's form, whose messages are `{"from": ..., "value": ...}` (BAAI/Infinity-Instruct)."""


class CellError(Exception):
    """A cell that is not what its column should hold; `text` is the prompt as far as it could be read."""

    def __init__(self, reason: DropReason, detail: str, *, text: str = "") -> None:
        super().__init__(detail)
        self.reason: DropReason = reason
        self.detail = detail
        self.text = text


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a chat; `reasoning` is its trace, where the data set keeps it in a field of its own."""

    role: str
    content: str
    reasoning: str


def cell_chat(value: Any, column: str) -> tuple[Message, ...]:
    """The messages of a cell: a list of them, or the JSON of one.

    Raises:
        CellError: it is no list of messages, or holds more than text.
    """
    if isinstance(value, str):
        try:
            value = without_surrogates(json.loads(value)) if value.strip() else []
        except (ValueError, RecursionError):
            raise CellError(
                "unreadable_row", f"column {column!r} holds a text, allowed is a list of messages"
            ) from None
    if is_missing(value):
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise CellError("unreadable_row", f"column {column!r} does not hold a list of messages")
    return tuple(_message(item, column) for item in value)


def _message(item: dict[str, Any], column: str) -> Message:
    role = item.get("role") or item.get("from")
    content = item["content"] if item.get("content") is not None else item.get("value")
    if not isinstance(role, str):
        raise CellError("unreadable_row", f"a message in column {column!r} has no role")
    trace = next((item[name] for name in ("reasoning_content", "reasoning") if not is_missing(item.get(name))), "")
    return Message(role=_ROLES.get(role, role), content=_content(content, column), reasoning=cell_text(trace))


def _content(content: Any, column: str) -> str:
    """The text of a message, which may come in parts."""
    if not isinstance(content, list):
        return cell_text(content)
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type", "text") != "text":
            raise CellError("unreadable_row", f"a message in column {column!r} holds more than text")
        texts.append(cell_text(part.get("text")))
    return "".join(texts)
