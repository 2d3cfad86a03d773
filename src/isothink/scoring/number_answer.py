r"""Numbers that are right within a tolerance, as in SciBench. Called by `scorers.py` and `verification.py`.

An answer's number is the first one in its last box, after the last `=` there; without a box the first number after
`answer is`, `Answer:` or `####`, else the last one. Units behind it are not compared: the prompt names the unit. Read
are `-1.5`, `1,000`, `1{,}000`, `6.02e23`, `6.02 \times 10^{23}`, `6.02·10²³`, `10^{-3}`, `1/3` and `\frac{1}{3}`.
"""

import math
import re

from isothink.scoring.boxed import last_boxed

EXACT = 1e-9
"""The relative error of numbers for which no tolerance is stated: that of writing a number in decimals."""
LONGEST_NUMBER = 10_000
"""In characters: some models repeat a decimal until they are cut off."""

_SIGN = r"[-+−–]"
_DIGITS = r"(?:\d{1,3}(?:(?:,|\{,\}|\\,|[\u00a0\u2009\u202f])\d{3})+(?!\d)|\d+)"
_MANTISSA = rf"(?:{_DIGITS}(?:\.\d+)?|\.\d+)"
_POWER = (
    r"10\s?(?:(?:\^|\*\*)\s?(?:\{\s?(?P<braced>[-+−–]?\s?\d{1,5})\s?\}|\(?(?P<plain>[-+−–]?\d{1,5})\)?)"
    r"|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,5}))"
)
# What is raised, lowered or part of a word is no number of its own: the 2 of `m^2`, `CO_2` and `H2`.
_NOT_WITHIN = r"(?<![\w^.])(?<!\^\{)(?<!_\{)(?<![\^_{][-−])"
_NUMBER = re.compile(
    rf"{_NOT_WITHIN}(?P<sign>{_SIGN}\s?)?(?:"
    rf"\\[dt]?frac\s?\{{(?P<top>{_SIGN}?{_MANTISSA})\}}\s?\{{(?P<bottom>{_MANTISSA})\}}"
    rf"|(?P<over>{_MANTISSA})\s?/\s?(?P<under>{_MANTISSA})(?![\w^])"
    rf"|{_POWER}"
    rf"|(?P<mantissa>{_MANTISSA})"
    rf"(?:[eE](?P<exponent>{_SIGN}?\d{{1,5}})(?!\w)"
    rf"|\s{{0,2}}(?:\\times|\\cdot|×|·|\*|x|X)\s{{0,2}}\{{?{_POWER.replace('?P<', '?P<times_')}\}}?)?"
    rf")"
)
_MARKER = re.compile(r"(?i:\banswer[ \t*_]{0,8}(?:is\b|[:：]))|^[ \t]{0,8}####", re.M)
_SEPARATORS = re.compile(r",|\{,\}|\\,|[\u00a0\u2009\u202f]")
_RAISED = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_MINUS = str.maketrans("−–", "--")
_UNIT_POWER = re.compile(rf"\s*\$?\s*{_POWER}")


def extract_number(answer: str) -> str | None:
    """The answer's number as it stands in the text; None where there is none."""
    boxed = last_boxed(answer)
    if boxed is not None:
        return _first(boxed.rpartition("=")[2]) or _first(boxed)
    markers = list(_MARKER.finditer(answer))
    if markers:
        line = answer[markers[-1].end() :].lstrip().partition("\n")[0]
        found = _first(line.rpartition("=")[2]) or _first(line)
        if found is not None:
            return found
    last = None
    for match in _NUMBER.finditer(answer):
        last = match
    return None if last is None else last[0].strip()


def read_number(text: str) -> float | None:
    """The value of a text that is a number, with or without a unit behind it; None where it is none or not finite."""
    match = _NUMBER.search(text) if len(text) <= LONGEST_NUMBER else None
    value = None if match is None else _value(match)
    return value if value is not None and math.isfinite(value) else None


def is_close(answer: float, reference: float, tolerance: float | None) -> bool:
    """Whether the answer is within the relative tolerance; 0 is close to nothing but itself."""
    return math.isclose(answer, reference, rel_tol=EXACT if tolerance is None else tolerance)


def power_of_ten(unit: str) -> int:
    r"""The power that a unit begins with, as that of `$10^{-47} \mathrm{~kg}$`; 0 where it begins with none."""
    match = _UNIT_POWER.match(unit)
    return 0 if match is None else _whole(match["braced"] or match["plain"] or match["raised"])


def _first(text: str) -> str | None:
    match = _NUMBER.search(text)
    return None if match is None else match[0].strip()


def _value(match: re.Match[str]) -> float | None:
    sign = -1.0 if (match["sign"] or "").strip() in ("-", "−", "–") else 1.0
    if match["bottom"] or match["under"]:
        bottom = _decimal(match["bottom"] or match["under"])
        return sign * _decimal(match["top"] or match["over"]) / bottom if bottom else None
    power = match["braced"] or match["plain"] or match["raised"]
    if power is not None:
        return sign * _scaled("1", _whole(power))
    exponent = match["exponent"] or match["times_braced"] or match["times_plain"] or match["times_raised"] or "0"
    return sign * _scaled(match["mantissa"], _whole(exponent))


def _decimal(text: str) -> float:
    return float(_SEPARATORS.sub("", text.translate(_MINUS)))


def _scaled(mantissa: str, exponent: int) -> float:
    """Read as one decimal text, which rounds once; 0 or infinite where no float holds it."""
    return float(f"{_SEPARATORS.sub('', mantissa)}e{exponent}")


def _whole(text: str) -> int:
    return int("".join(text.translate(_RAISED).translate(_MINUS).split()))
