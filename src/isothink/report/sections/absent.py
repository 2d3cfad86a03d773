"""Why a pattern is not shown, in sentences; used by the sections of patterns."""

from isothink.evidence.pattern_record import PatternName
from isothink.report.data import ReportData

NOTHING = "No configuration has a result, so there is nothing to show."
NO_PATTERNS = "This evidence holds no samples to find it in."


def why_absent(data: ReportData, pattern: PatternName, is_shown: bool) -> tuple[str, ...]:
    """The reasons that the analysis gives, and where it gives none and nothing is shown, what is missing at all."""
    patterns = data.evidence.patterns
    reasons = tuple(
        f"{one.family}: {_sentence(one.reason)}" if one.family else _sentence(one.reason)
        for one in (patterns.absent if patterns else ())
        if one.pattern == pattern
    )
    if reasons or is_shown:
        return reasons
    return (NO_PATTERNS if data.evidence.configurations else NOTHING,)


def _sentence(reason: str) -> str:
    text = reason.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
