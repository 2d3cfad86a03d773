"""Writes YAML with a comment beside each key; values go through an emitter, so that whatever they hold is data.

Called for `isothink init`. `represent_text` is that of study_file.py, too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import Any

from ruamel.yaml import YAML, RoundTripRepresenter

WIDEST = 2**31
"""No line is folded: a value stands on one."""
LONGEST_LINE = 120
_PLAIN = re.compile(r"[\w./][\w ./()+:@-]*")


class TextRepresenter(RoundTripRepresenter):  # type: ignore[misc]
    """Escapes texts that hold more than printable characters: in plain quotes ruamel.yaml folds a U+0085 away."""

    def represent_str(self, data: str) -> Any:
        """See ruamel.yaml."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if data.isprintable() else '"')


TextRepresenter.add_representer(str, TextRepresenter.represent_str)


class _FlowRepresenter(TextRepresenter):
    def represent_str(self, data: str) -> Any:
        """In quotes unless it is plain beyond doubt: inside braces ruamel.yaml reads its own `?0` as a key of 0."""
        if not data.isprintable() or _PLAIN.fullmatch(data):
            return super().represent_str(data)
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="'")

    def represent_float(self, data: float) -> Any:
        """Large and small numbers as they are said: 1.25e+11."""
        return self.represent_scalar("tag:yaml.org,2002:float", _number(data))


_FlowRepresenter.add_representer(float, _FlowRepresenter.represent_float)
_FlowRepresenter.add_representer(str, _FlowRepresenter.represent_str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A key, its value and what to say about it: plain data on one line, or entries of its own, or a list of such."""

    key: str
    value: Any
    comment: str = ""


def entry(key: str, value: Any, comment: str = "") -> Entry:
    """An entry."""
    return Entry(key=key, value=value, comment=comment)


def commented_yaml(entries: Sequence[Entry], *, heading: Sequence[str] = ()) -> str:
    """The entries as YAML, below a heading of comments; entries with entries of their own are set apart."""
    lines = [f"# {_comment(line)}" for line in heading]
    for place, one in enumerate(entries):
        if place and (_is_block(one) or _is_block(entries[place - 1])):
            lines.append("")
        lines.extend(_lines(one, ""))
    return "\n".join(lines) + "\n"


def _lines(one: Entry, indent: str) -> Iterator[str]:
    key = f"{indent}{_flow(one.key)}:"
    if not _is_block(one):
        yield from _with_comment(f"{key} {_flow(one.value)}", one.comment, indent)
        return
    yield from _with_comment(key, one.comment, indent)
    for inner in one.value:
        if isinstance(inner, Entry):
            yield from _lines(inner, f"{indent}  ")
            continue
        mark = "- "
        for part in inner:
            for line in _lines(part, ""):
                yield f"{indent}  {mark}{line}"
                mark = "  "


def _with_comment(line: str, comment: str, indent: str) -> Iterator[str]:
    """The comment behind the line, or above it where both are too long."""
    if not comment:
        yield line
    elif len(line) + len(comment) + 3 <= LONGEST_LINE:
        yield f"{line} # {_comment(comment)}"
    else:
        yield f"{indent}# {_comment(comment)}"
        yield line


def _is_block(one: Entry) -> bool:
    """Whether the value is entries, or a list of lists of them."""
    value = one.value
    if not isinstance(value, tuple) or not value:
        return False
    return all(isinstance(part, Entry) or (isinstance(part, tuple) and part) for part in value)


def _flow(value: Any) -> str:
    """Plain data on one line: inside braces an emitter quotes whatever could be taken for syntax."""
    stream = StringIO()
    yaml = YAML()
    yaml.Representer = _FlowRepresenter
    yaml.default_flow_style = True
    yaml.width = WIDEST
    yaml.dump({"v": value}, stream)
    return stream.getvalue().strip().removeprefix("{v: ").removesuffix("}")


def _number(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    mantissa = f"{digits[0]}.{''.join(map(str, digits[1:])) or '0'}"
    return f"{'-' if sign else ''}{mantissa}e{int(exponent) + len(digits) - 1:+d}"


def _comment(text: str) -> str:
    """A comment ends with its line: what is not printable would end it too early."""
    return "".join(character if character.isprintable() else " " for character in text)
