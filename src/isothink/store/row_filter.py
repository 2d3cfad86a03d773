"""Which rows of a table count: conditions such as `arm != teacher and size <= 14`. Called by run/ for `--where`.

    condition and condition ...        condition: COLUMN operator OPERAND        operator: = == != < <= > >=

An operand in quotes is a text; a bare one is another column if there is one of that name, else a number or a text. A
column whose name has spaces or signs stands in quotes on the left. Two numbers are compared as numbers, anything else
as text. Nothing is evaluated, so an expression from anywhere is harmless.
"""

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from isothink.errors import UsageError
from isothink.store.cell_text import cell_text

HINT = "for example: --where 'arm != teacher and parameters_billion <= 14'"
_TOKEN = re.compile(r"""\s*(?:(?P<quoted>'[^']*'|"[^"]*")|(?P<sign><=|>=|!=|==|=|<|>)|(?P<bare>[^\s<>=!'"]+))""")
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDERED = ("<", "<=", ">", ">=")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One comparison of a column with a text, or with another column."""

    column: str
    sign: str
    operand: str
    operand_is_column: bool

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row meets it; an order among what is no number never holds."""
        left = cell_text(row.get(self.column)).strip()
        right = cell_text(row.get(self.operand)).strip() if self.operand_is_column else self.operand
        numbers = as_number(left), as_number(right)
        if numbers[0] is not None and numbers[1] is not None:
            return _COMPARED[self.sign](numbers[0], numbers[1])
        return self.sign not in _ORDERED and _COMPARED[self.sign](left, right)


def as_number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def parse_conditions(expression: str, columns: Collection[str]) -> list[Condition]:
    """The conditions of an expression, all of which must hold.

    Raises:
        UsageError: it cannot be read, or names a column that is not there.
    """
    tokens = _tokens(expression)
    found = []
    for start in range(0, len(tokens) + 1, 4):
        part = tokens[start : start + 4]
        if len(part) < 3 or part[1][0] != "sign" or "sign" in (part[0][0], part[2][0]):
            raise UsageError(f"--where: cannot read {expression!r}: found no condition {_place(part)}", hint=HINT)
        if len(part) == 4 and (part[3][0] != "bare" or part[3][1].lower() != "and"):
            raise UsageError(f"--where: found {part[3][1]!r} in {expression!r}, allowed is 'and'", hint=HINT)
        found.append(_condition(part, columns))
        if len(part) == 3:
            break
    return found


def _place(part: list[tuple[str, str]]) -> str:
    return "at its end" if not part else f"at {' '.join(text for _, text in part)!r}"


def _condition(part: list[tuple[str, str]], columns: Collection[str]) -> Condition:
    (_, column), (_, sign), (kind, operand) = part[:3]
    if column not in columns:
        raise UsageError(f"--where: no column {column!r}, the table has {', '.join(columns)}", hint=HINT)
    return Condition(column=column, sign=sign, operand=operand, operand_is_column=kind == "bare" and operand in columns)


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise UsageError(f"--where: cannot read {expression!r} at {text[position:]!r}", hint=HINT)
        kind = str(match.lastgroup)
        found.append((kind, match[kind][1:-1] if kind == "quoted" else match[kind]))
        position = match.end()
    return found
