r"""Plain numbers: those that are compared by exact decimal arithmetic, without a computer algebra system.

Forms: an optional sign (also U+2212) and currency (`$`, `\$`, €, £, ¥, ₹) in either order, digits with or without
separators of thousands (`,`, `{,}`, `\,`, `\!`, a space), an optional decimal part, an optional `%`, and a unit in
words (`18 eggs`), which is not compared. Called by `verification.py`.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from isothink.scoring.math_answer import is_prose

_SEPARATOR = r"(?:,|\{,\}|\\[,!]|\s)"
_PLAIN = re.compile(
    r"(?P<sign>[-+−]?)\s?(?:\\?\$|[€£¥₹])?\s?(?P<inner>[-−]?)"
    rf"(?P<whole>\d{{1,3}}(?:{_SEPARATOR}\d{{3}})+|\d*)(?P<part>\.\d*)?"
    r"\s?(?P<percent>\\?%)?"
    r"(?:\s(?P<words>[^\W\d_]+(?:\s[^\W\d_]+)*))?"
)
_NO_DIGIT = re.compile(r"\D")
_LONGEST = 10_000
"""In characters: some models repeat a decimal until they are cut off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainNumber:
    """An exact number, and whether it was written in percent (then `value` counts hundredths)."""

    value: Decimal
    is_percent: bool


def read_plain_number(text: str) -> PlainNumber | None:
    """The number that the whole text writes; None where it is no plain number."""
    match = _PLAIN.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or (match["sign"] and match["inner"]) or not _is_unit(match["words"]):
        return None
    digits = _NO_DIGIT.sub("", match["whole"]) + (match["part"] or "").rstrip(".")
    if not digits:
        return None
    sign = "-" if (match["sign"] or match["inner"]) in ("-", "−") else ""
    return PlainNumber(value=Decimal(sign + digits), is_percent=match["percent"] is not None)


def _is_unit(words: str | None) -> bool:
    """`eggs` is one; `x` and `pi` are factors."""
    return words is None or is_prose(words)
