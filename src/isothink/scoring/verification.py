"""Verification: whether answers agree with their references, many at once. Called by run/ for pairs and for samples.

Most formats are compared here, and so is most mathematics: equal texts, plain numbers, words, letters of options. Only
what is left goes to a `MathChecker`, so that a study of plain numbers never starts one; instructions go to an
`InstructionChecker`; what takes a jury has no score here. Of several references that which suits an answer best counts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from isothink.domain.sample import AnswerFormat
from isothink.scoring.math_answer import is_prose
from isothink.scoring.number_answer import is_close, read_number
from isothink.scoring.plain_number import read_plain_number
from isothink.scoring.scorers import EXTRACTORS, extract_reference, same_text
from isothink.scoring.squad import exact_match, token_f1

LONGEST_MATH = 1000
"""In characters. What is longer is no answer to a question of mathematics, and parsers take seconds for it."""
NEEDS_JURY = "needs a jury"
_SPANS = {"squad_em": exact_match, "squad_f1": token_f1}


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """An answer without its trace (None where there was none) to be compared with a reference.

    `alternatives` are further references, any of which is right; `tolerance` is the relative error of a number.
    """

    answer: str | None
    reference: str
    answer_format: AnswerFormat
    alternatives: tuple[str, ...] = ()
    tolerance: float | None = None

    @property
    def references(self) -> tuple[str, ...]:
        """All of them."""
        return (self.reference, *self.alternatives)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """What was taken for the answer, and its score from 0 to 1, which is None exactly where `error` says why."""

    score: float | None
    extracted: str | None
    error: str | None = None

    @property
    def correct(self) -> bool | None:
        """Whether it is entirely right; None where that is not known."""
        return None if self.score is None else self.score == 1


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


class InstructionChecker(Protocol):
    """Checks whether answers follow instructions, by IFEval's own checks."""

    def follow(self, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        """For each pair of instructions (see `instructions.py`) and answer, whether it follows all of them strictly.

        No text makes it raise or hang.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class _Open:
    """A check that others decide: right if one of the pairs is equal; otherwise `error`, where there is one, stands."""

    pairs: tuple[tuple[str, str], ...]
    extracted: str | None
    error: str | None = None


def verify(
    checks: Sequence[Check], math: MathChecker, instructions: InstructionChecker | None = None
) -> list[CheckResult]:
    """The results of checks, in their order. An answer that was not given, or holds none, is wrong and not missing."""
    results = [_verify_here(check) for check in checks]
    parts = list(zip(checks, results, strict=True))
    asked = [_asked(parts, instructions=which) for which in (False, True)]
    found = dict(zip(asked[0], math.check(asked[0]) if asked[0] else (), strict=True))
    if asked[1] and instructions is not None:
        found.update(zip(asked[1], instructions.follow(asked[1]), strict=True))
    return [_closed(result, found) if isinstance(result, _Open) else result for result in results]


def _asked(parts: "Sequence[tuple[Check, CheckResult | _Open]]", *, instructions: bool) -> list[tuple[str, str]]:
    """What one of the checkers is asked, each pair once."""
    pairs: dict[tuple[str, str], None] = {}
    for check, result in parts:
        if isinstance(result, _Open) and (check.answer_format == "ifeval") == instructions:
            pairs.update(dict.fromkeys(result.pairs))
    return list(pairs)


def _closed(result: _Open, found: Mapping[tuple[str, str], Comparison]) -> CheckResult:
    nobody = Comparison(equal=None, error="nothing here checks instructions")
    comparisons = [found.get(pair, nobody) for pair in result.pairs]
    if any(comparison.equal for comparison in comparisons):
        return CheckResult(score=1.0, extracted=result.extracted)
    errors = [comparison.error for comparison in comparisons if comparison.equal is None]
    return _missed(result.extracted, [*errors, result.error])


def _missed(extracted: str | None, errors: Sequence[str | None]) -> CheckResult:
    """Wrong, or unknown where a reference could not be compared, which might have been the right one."""
    error = next((error for error in errors if error is not None), None)
    return CheckResult(score=0.0 if error is None else None, extracted=extracted, error=error)


def _verify_here(check: Check) -> CheckResult | _Open:
    """The result, or what only a checker can tell."""
    extracted = None if check.answer is None else EXTRACTORS[check.answer_format](check.answer)
    references: list[str] = []
    errors: list[str] = []
    for text in check.references:
        try:
            references.append(extract_reference(text, check.answer_format))
        except ValueError as error:
            errors.append(str(error))
    shown = _shown(extracted)
    if not references:
        return CheckResult(score=None, extracted=shown, error=errors[0])
    if extracted is None:
        return _missed(None, errors)
    if check.answer_format == "jury":
        return CheckResult(score=None, extracted=shown, error=NEEDS_JURY)
    if check.answer_format == "ifeval":
        return _Open(pairs=tuple((reference, extracted) for reference in references), extracted=shown)
    if check.answer_format == "math":
        return _compare_math(extracted, references, errors)
    score = _score(check, extracted, references)
    return CheckResult(score=score, extracted=shown) if score > 0 else _missed(shown, errors)


def _score(check: Check, extracted: str, references: Sequence[str]) -> float:
    if check.answer_format in _SPANS:
        return _SPANS[check.answer_format](extracted, references)
    if check.answer_format == "number":
        return float(any(_same_number(extracted, reference, check.tolerance) for reference in references))
    return float(any(same_text(extracted, reference) for reference in references))


def _same_number(answer: str, reference: str, tolerance: float | None) -> bool:
    found, expected = read_number(answer), read_number(reference)
    return found is not None and expected is not None and is_close(found, expected, tolerance)


def _compare_math(extracted: str, references: Sequence[str], errors: Sequence[str]) -> CheckResult | _Open:
    pairs: list[tuple[str, str]] = []
    problems = list(errors)
    for reference in references:
        equal = compare_plainly(reference, extracted)
        if equal:
            return CheckResult(score=1.0, extracted=_shown(extracted))
        if equal is None:
            long = _too_long(reference, extracted)
            if long is None:
                pairs.append((reference, extracted))
            else:
                problems.append(long)
    if pairs:
        return _Open(pairs=tuple(pairs), extracted=extracted, error=problems[0] if problems else None)
    return _missed(_shown(extracted), problems)


def _too_long(reference: str, answer: str) -> str | None:
    for name, text in (("reference", reference), ("answer", answer)):
        if len(text) > LONGEST_MATH:
            return f"the {name} has {len(text):,} characters of mathematics, more than {LONGEST_MATH:,}"
    return None


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
