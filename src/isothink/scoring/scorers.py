"""Scorers: whether an answer is the item's reference. Called by `sample.py`, one for each answer format.

They see only what follows the trace: a pattern must not pick a letter or number from inside of it
(EleutherAI/lm-evaluation-harness PR 3675). The last boxed answer wins where there is one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from isothink.scoring.boxed import last_boxed
from isothink.domain.sample import AnswerFormat, Item

# A capital that stands alone: not part of a word or of a contraction such as "I'm".
_LONE_CAPITAL = re.compile(r"(?<![\w'’])[A-Z](?![\w]|['’]\w)")
_ONLY_A_LETTER = re.compile(r"[^\w]*([A-Za-z])[^\w]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What was taken for the answer (None where there was none), and whether it is right."""

    extracted: str | None
    correct: bool
    scorer: str


def extract_exact(answer: str) -> str | None:
    """The answer with its white space normalised; None for a blank one."""
    return " ".join(_final(answer).split()) or None


def extract_letter(answer: str) -> str | None:
    """The one letter that the answer names: `B`, `(B)`, `B.`, `the answer is B`, or `b` with nothing around it.

    None where it names no letter, or several: an answer that lists the options has not chosen among them.
    """
    text = _final(answer).strip()
    only = _ONLY_A_LETTER.fullmatch(text) if len(text) <= 20 else None
    if only is not None:
        return only[1].upper()
    letters = set(_LONE_CAPITAL.findall(text))
    return letters.pop() if len(letters) == 1 else None


def _final(answer: str) -> str:
    boxed = last_boxed(answer)
    return answer if boxed is None else boxed


EXTRACTORS: dict[AnswerFormat, Callable[[str], str | None]] = {"exact": extract_exact, "letter": extract_letter}


def score(item: Item, answer: str | None) -> Score:
    """The score of an answer, which is None where the student gave none: that is wrong, not missing.

    Raises:
        ValueError: the item's reference is not an answer in its own format, so that nothing could be right.
    """
    extract = EXTRACTORS[item.answer_format]
    extracted = None if answer is None else extract(answer)
    reference = extract(item.reference)
    if reference is None:
        raise ValueError(f"the reference {item.reference!r} holds no answer of format {item.answer_format!r}")
    correct = extracted is not None and extracted.casefold() == reference.casefold()
    return Score(extracted=extracted, correct=correct, scorer=item.answer_format)
