"""Values within the Markdown of a card. Used by dataset_card.py and student_card.py.

Names and settings come from study files, servers and users' files: each is escaped where it stands, so that none can
end the header, open a tag, or look like a part of the card.
"""

import json
import re
from collections.abc import Iterable
from pathlib import PureWindowsPath
from typing import Any

_LONGEST = 300
_MARKUP = re.compile(r"([\\`*_{}\[\]()#!|~$^@])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def inline(value: Any) -> str:
    """A value within a line of Markdown."""
    text = printable(str(value))
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return _MARKUP.sub(r"\\\1", text.translate(_ENTITIES))


def fenced(value: Any) -> str:
    """A value as a block of JSON, in a fence that nothing within it can close."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
    text = "\n".join(printable(line) for line in text.split("\n"))
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}json\n{text}\n{fence}"


def base_name(path: Any) -> str:
    """The last part of an absolute path; other names, such as a model's on the Hub, as they are."""
    text = str(path)
    return PureWindowsPath(text).name if text.startswith(("/", "~", "\\")) or PureWindowsPath(text).drive else text


def printable(text: str) -> str:
    """Without what could end a line or hide or turn text around."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of inline values under a head."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
