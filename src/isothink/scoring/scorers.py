"""Scorers: what an answer says in its format. Called by `verification.py`, and by benchmark/ for references.

They see only what follows the trace: a pattern must not pick a letter or number from inside of it
(EleutherAI/lm-evaluation-harness PR 3675). The last boxed answer wins where there is one.
"""

import re
from collections.abc import Callable

from isothink.domain.sample import AnswerFormat
from isothink.scoring.boxed import last_boxed
from isothink.scoring.instructions import read_instructions
from isothink.scoring.math_answer import extract_math, extract_math_reference
from isothink.scoring.number_answer import extract_number, read_number

# A capital that stands alone: not part of a word or of a contraction such as "I'm", nor a pronoun or an article, as in
# "I think" and "A dog"; "A is right" names an option.
_LONE_CAPITAL = re.compile(
    r"(?<![\w'’])(?:[B-HJ-Z]|[AI](?!\s+(?!(?:is|was|and|or|because|since|as)\b)[a-z]))(?!\w|['’]\w)"
)
_MARKER = re.compile(r"(?i:\banswer[ \t*_]{0,8}(?:is\b|[:：]))")
# The letter right behind a marker, unless another one is joined to it, as in "A or B".
_CHOSEN = re.compile(
    r"[^\w\n]{0,12}(?:(?i:option|choice)\s{1,2}\W{0,2})?(?P<letter>[A-Z])(?!\w|['’]\w)"
    r"(?![ \t,/&()*]{1,4}(?:(?:or|and|nor)[ \t(]{1,3})?[A-Z](?!\w))"
)
_ONLY_A_LETTER = re.compile(r"[^\w]*([A-Za-z])[^\w]*")


def extract_exact(answer: str) -> str | None:
    """The answer with its white space normalised; None for a blank one."""
    return " ".join(final(answer).split()) or None


def extract_letter(answer: str) -> str | None:
    """The one letter that the answer names: `B`, `(B)`, `B.`, `the answer is B`, or `b` with nothing around it.

    Of several, the one right behind the last `answer is` or `Answer:`. None where it names no letter, or several
    otherwise: an answer that lists the options has not chosen among them.
    """
    text = final(answer).strip()
    only = _ONLY_A_LETTER.fullmatch(text) if len(text) <= 20 else None
    if only is not None:
        return only[1].upper()
    letters = {match[0] for match in _LONE_CAPITAL.finditer(text)}
    if len(letters) == 1:
        return letters.pop()
    markers = list(_MARKER.finditer(text))
    chosen = _CHOSEN.match(text, markers[-1].end()) if markers else None
    return None if chosen is None else str(chosen["letter"])


def extract_span(answer: str) -> str:
    """The answer to a question about a passage; an empty one says that the passage does not answer it."""
    return final(answer).strip()


def final(answer: str) -> str:
    """The last boxed answer, or all of it."""
    boxed = last_boxed(answer)
    return answer if boxed is None else boxed


def _whole(answer: str) -> str:
    return answer


def _number_reference(reference: str) -> str | None:
    return reference if read_number(reference) is not None else None


def _instructions_reference(reference: str) -> str | None:
    return reference if read_instructions(reference) is not None else None


def _text_reference(reference: str) -> str | None:
    return reference.strip() or None


Extractor = Callable[[str], str | None]
EXTRACTORS: dict[AnswerFormat, Extractor] = {
    "exact": extract_exact,
    "letter": extract_letter,
    "math": extract_math,
    "number": extract_number,
    "squad_em": extract_span,
    "squad_f1": extract_span,
    "ifeval": _whole,
    "jury": _whole,
}
REFERENCE_EXTRACTORS: dict[AnswerFormat, Extractor] = {
    **EXTRACTORS,
    "math": extract_math_reference,
    "number": _number_reference,
    "squad_em": str.strip,
    "squad_f1": str.strip,
    "ifeval": _instructions_reference,
    "jury": _text_reference,
}


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


def same_text(extracted: str | None, reference: str) -> bool:
    """Whether they are equal in any case of letters."""
    return extracted is not None and extracted.casefold() == reference.casefold()
