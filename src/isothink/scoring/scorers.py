"""Scorers: whether an answer is the reference. Called by benchmark/ for single ones, by `verification.py` for many.

They see only what follows the trace: a pattern must not pick a letter or number from inside of it
(EleutherAI/lm-evaluation-harness PR 3675). The last boxed answer wins where there is one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from isothink.domain.sample import AnswerFormat, Item
from isothink.scoring.boxed import last_boxed
from isothink.scoring.math_answer import extract_math, extract_math_reference

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


Extractor = Callable[[str], str | None]
EXTRACTORS: dict[AnswerFormat, Extractor] = {"exact": extract_exact, "letter": extract_letter, "math": extract_math}
REFERENCE_EXTRACTORS: dict[AnswerFormat, Extractor] = {**EXTRACTORS, "math": extract_math_reference}


def extract_reference(reference: str, answer_format: AnswerFormat) -> str:
    """The answer that a reference holds.

    Raises:
        ValueError: it is not an answer in its own format, so that nothing could be right.
    """
    extracted = reference.strip() if answer_format == "jury" else REFERENCE_EXTRACTORS[answer_format](reference)
    extracted = extracted or None
    if extracted is None:
        raise ValueError(f"the reference {reference[:100]!r} holds no answer of format {answer_format!r}")
    return extracted


def score(item: Item, answer: str | None) -> Score:
    """The score of an answer, which is None where the student gave none: that is wrong, not missing.

    Raises:
        ValueError: the item's reference is not an answer in its own format, or the format is `math`, whose answers are
            compared in batches, by `verification.verify`.
    """
    if item.answer_format == "math":
        raise ValueError("answers of format 'math' are compared in batches, by scoring.verification.verify")
    extracted = None if answer is None else EXTRACTORS[item.answer_format](answer)
    correct = same_text(extracted, extract_reference(item.reference, item.answer_format))
    return Score(extracted=extracted, correct=correct, scorer=item.answer_format)


def same_text(extracted: str | None, reference: str) -> bool:
    """Whether they are equal in any case of letters."""
    return extracted is not None and extracted.casefold() == reference.casefold()
