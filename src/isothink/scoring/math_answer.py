r"""Which part of a text is its mathematical answer. Called by `scorers.py` for answers and for references.

The last `\boxed{...}`; else what follows the last `####`, `A:` at the start of a line, `Answer:` or `answer is`; else
the last formula or number. No pattern here takes more than linear time: quantifiers are bounded or cannot overlap.
"""

import re
import unicodedata

from isothink.scoring.boxed import last_boxed

_MARKERS = (
    r"^[ \t]{0,8}####",  # GSM8K; also a heading of Markdown, see _is_heading
    r"^[ \t>*_]{0,8}A[*_]{0,3}:",  # the published model solutions of GSM8K
    r"(?i:\banswer[ \t*_]{0,8}(?:is\b|[:：])[ \t*_]{0,8}:?)",
    r"(?i:^[ \t]{0,8}[#*]{1,6}[^\n]{0,30}\banswer[*_: \t]{0,8}$)",  # a heading
)
_MARKER = re.compile("|".join(_MARKERS), re.M)

# Words tell prose from a formula. Left out are names of functions, and what joins several answers.
_FORMULA_WORDS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp sqrt frac pi inf infty infinity max min "
    "gcd lcm mod det deg alpha beta gamma delta theta lambda sigma omega phi and or".split()
)
_TWO_LETTER_WORDS = frozenset("am an as at be by do go he if in is it me my no of on so to up us we".split())
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"(?<![\w^])[^\W\d_]{2,}")  # in `3abc` are three variables

_NUMBER = r"(?:\d+\s\d+/\d+|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:\s?\\?%)?"
_SIGNED = rf"[-+−]?\s?(?:\\?\$|[€£¥₹])?[-−]?{_NUMBER}"
# A number, or several joined by operators; a hyphen joins only between spaces, since "7-8 hours" is no difference.
_RUN = rf"(?<![A-Za-z0-9_.]){_SIGNED}(?:(?:\s?[+*/×÷^=:]\s{{0,2}}|\s[-−]\s){_SIGNED}){{0,50}}"
# A dollar opens a formula before a visible character and closes it after one and before no digit (the rule of Pandoc),
# so that "$18 and $2" holds no formula.
_FORMULA = r"\$\$(.{1,500}?)\$\$|\\\[(.{1,500}?)\\\]|\\\((.{1,500}?)\\\)|(?<!\\)\$(?=\S)([^$\n]{0,300}[^$\s\\])\$(?!\d)"
_FORMULA_OR_RUN = re.compile(rf"{_FORMULA}|({_RUN})", re.S)
_VISIBLE = re.compile(r"\S")
_DIGIT = re.compile(r"\d")

_SEARCHED = 4000
"""How many characters of prose are searched for a formula or number: from their end, or after a marker their start."""
_LONGEST_LINE = 200
"""A line without formula or number that is no longer than this may be an answer in words."""
_BEFORE = ' \t\r\n,;*_`"'
_AFTER = _BEFORE + "."


def extract_math(text: str) -> str | None:
    """The answer as it stands in the text, without delimiters; None where there is none."""
    boxed = last_boxed(text)
    if boxed is not None:
        return _tidy(boxed)
    tail = _after_marker(text)
    return _tidy(_choose(text) if tail is None else _choose(tail, first=True))


def extract_math_reference(text: str) -> str | None:
    """The answer of a reference: as `extract_math`, but one line without box or marker is the answer as a whole."""
    line = text.strip()
    if "\n" in line or last_boxed(line) is not None or _after_marker(line) is not None:
        return extract_math(line)
    return _tidy(line)


def is_prose(text: str) -> bool:
    r"""Whether there are words in it that belong to no formula; LaTeX commands are no words, what `\text` holds is."""
    words = (word.lower() for word in _WORD.findall(_COMMAND.sub(" ", text)))
    return any(word not in _FORMULA_WORDS and (len(word) > 2 or word in _TWO_LETTER_WORDS) for word in words)


def _after_marker(text: str) -> str | None:
    """What follows the last marker: its line, or the next with something on it, or a displayed formula; else None."""
    for marker in reversed(list(_MARKER.finditer(text))):
        if not (marker[0].endswith("####") and _is_heading(text, marker.end())):
            return _first_line(text[marker.end() :].lstrip(" \t\r\n*_:"))
    return None


def _is_heading(text: str, start: int) -> bool:
    """Whether `#### Step 3: ...` begins a section: it has words, and more follows."""
    end = text.find("\n", start)
    return end >= 0 and is_prose(text[start:end]) and _VISIBLE.search(text, end) is not None


def _first_line(text: str) -> str:
    for opener, closer in (("$$", "$$"), ("\\[", "\\]")):
        close = text.find(closer, 2) if text.startswith(opener) else -1
        if close >= 0:
            return text[: close + 2]
    return text.partition("\n")[0]


def _choose(region: str, *, first: bool = False) -> str:
    """The region if it is a formula itself, else the first or last formula or number in it, else a short line."""
    line = region.lstrip(_BEFORE).rstrip(_AFTER)
    if "\n" not in line and not is_prose(line):
        return line
    matches = list(_FORMULA_OR_RUN.finditer(region[:_SEARCHED] if first else region[-_SEARCHED:]))
    matches = [match for match in matches if _DIGIT.search(match[0])] or matches  # "where $x$ is the time" is no answer
    if matches:
        *formulas, run = matches[0 if first else -1].groups(default="")
        return "".join(formulas) or run.rpartition("=")[2]  # of "3 * 4 = 12" the answer is what it comes to
    return line if "\n" not in line and len(line) <= _LONGEST_LINE else ""


def _tidy(text: str) -> str | None:
    """Without delimiters, control and direction characters, and with single spaces; None where nothing is left."""
    visible = text if text.isascii() and text.isprintable() else "".join(map(_visible, text))
    plain = re.sub(r"(?<!\\)\\[()\[\]]|\\?\$", "", visible)
    return " ".join(plain.split()).lstrip(_BEFORE).rstrip(_AFTER) or None


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cf":  # marks of direction and the like
        return ""
    return " " if category in ("Cc", "Cs", "Zs") else char
