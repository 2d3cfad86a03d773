"""Verification: whether answers agree with their references, many at once. Called by run/ for pairs and for samples.

Exact and letter answers are compared here, and so is most mathematics: equal texts, plain numbers, words, letters of
options. Only what is left goes to a `MathChecker`, so that a study of plain numbers never starts one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from isothink.domain.sample import AnswerFormat
from isothink.scoring.math_answer import is_prose
from isothink.scoring.plain_number import read_plain_number
from isothink.scoring.scorers import EXTRACTORS, extract_reference, same_text

LONGEST_MATH = 1000
"""In characters. What is longer is no answer to a question of mathematics, and parsers take seconds for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """An answer without its trace (None where there was none) to be compared with a reference."""

    answer: str | None
    reference: str
    answer_format: AnswerFormat


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """What was taken for the answer, and whether it is right; `correct` is None exactly where `error` says why."""

    correct: bool | None
    extracted: str | None
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Whether two expressions are equal; `equal` is None exactly where `error` says why that could not be found out."""

    equal: bool | None
    error: str | None = None


class MathChecker(Protocol):
    """Compares mathematical expressions in LaTeX or plain notation."""

    def check(self, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        """One comparison for each (reference, answer), in their order: equality is not symmetric, `x = 5` is `5`.

        No text makes it raise or hang. A set is equal only to a set of the same elements.
        """


def verify(checks: Sequence[Check], math: MathChecker) -> list[CheckResult]:
    """The results of checks, in their order. An answer that was not given, or holds none, is wrong and not missing."""
    results: list[CheckResult | None] = []
    open_pairs: dict[tuple[str, str], list[int]] = {}
    for index, check in enumerate(checks):
        result = _verify_here(check)
        results.append(None if isinstance(result, tuple) else result)
        if isinstance(result, tuple):
            open_pairs.setdefault(result, []).append(index)
    comparisons = math.check(list(open_pairs)) if open_pairs else []
    for ((_, extracted), indices), comparison in zip(open_pairs.items(), comparisons, strict=True):
        for index in indices:
            results[index] = CheckResult(correct=comparison.equal, extracted=extracted, error=comparison.error)
    return [result for result in results if result is not None]


def _verify_here(check: Check) -> CheckResult | tuple[str, str]:
    """The result, or the reference and the answer that only a MathChecker can compare."""
    if check.answer_format == "jury":
        return CheckResult(correct=None, extracted=None, error="only a jury can judge this answer")
    extracted = None if check.answer is None else EXTRACTORS[check.answer_format](check.answer)
    try:
        reference = extract_reference(check.reference, check.answer_format)
    except ValueError as error:
        return CheckResult(correct=None, extracted=_shown(extracted), error=str(error))
    if check.answer_format != "math":
        return CheckResult(correct=same_text(extracted, reference), extracted=extracted)
    if extracted is None:
        return CheckResult(correct=False, extracted=None)
    equal = compare_plainly(reference, extracted)
    if equal is not None:
        return CheckResult(correct=equal, extracted=_shown(extracted))
    for name, text in (("reference", reference), ("answer", extracted)):
        if len(text) > LONGEST_MATH:
            found = f"the {name} has {len(text):,} characters of mathematics, more than {LONGEST_MATH:,}"
            return CheckResult(correct=None, extracted=_shown(extracted), error=found)
    return reference, extracted


def _shown(extracted: str | None) -> str | None:
    return None if extracted is None else extracted[:LONGEST_MATH]


_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s?\{([^{}]*)\}")
_OPTION = re.compile(r"\(?([A-Za-z])\)?[.:]?")
_PLAIN_WORDS = re.compile(r"[^\W\d_]+(?:[\s'’-]{1,3}[^\W\d_]+)*")


def compare_plainly(reference: str, answer: str) -> bool | None:
    """Whether they are equal, where that takes no algebra; None where it does.

    Decided are texts that are the same, pairs of plain numbers (exactly, in decimals), pairs of words, which to algebra
    would be products of letters, and an option letter in brackets against a letter, which math-verify does not read.
    """
    reference, answer = (" ".join(_TEXT.sub(r" \1 ", text).split()).rstrip(".") for text in (reference, answer))
    if reference == answer:
        return True
    numbers = read_plain_number(reference), read_plain_number(answer)
    if numbers[0] is not None and numbers[1] is not None:
        # Whether 50% is 50 or 0.5 is a convention, and left to the checker.
        return numbers[0].value == numbers[1].value if numbers[0].is_percent == numbers[1].is_percent else None
    options = _OPTION.fullmatch(reference), _OPTION.fullmatch(answer)
    if options[0] is not None and options[1] is not None and "(" in reference + answer:
        return options[0][1].casefold() == options[1][1].casefold()
    if all(_PLAIN_WORDS.fullmatch(text) is not None and is_prose(text) for text in (reference, answer)):
        return reference.casefold() == answer.casefold()
    return None
