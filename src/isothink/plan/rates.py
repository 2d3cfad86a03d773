"""The peak learning rates of a student: by rule, table, publication, or what a sweep has chosen. Called by plan/."""

from collections.abc import Mapping

from isothink.domain.study import Study
from isothink.domain.training_settings import FormatRates, RateRule, RateSweep, RateTable, rule_rate
from isothink.errors import StudyError
from isothink.plan.published_rates import PUBLISHED_RATES


def student_rates(
    study: Study, index: int, hidden_size: int, chosen: Mapping[str, FormatRates] | None = None
) -> FormatRates:
    """Peak rates of one student.

    `chosen` holds by student what a sweep has chosen. A student that it does not have yet gets the middle of the grid:
    FLOPs do not depend on rates.

    Raises:
        StudyError: no rates were published for the student.
    """
    settings = study.training.learning_rate
    student = study.students[index]
    if isinstance(settings, RateRule):
        rate = rule_rate(settings, hidden_size)
        return FormatRates(ift=rate, reasoning=rate)
    if isinstance(settings, RateTable):
        return settings.rates[student.name]
    if isinstance(settings, RateSweep):
        middle = sorted(settings.grid)[len(settings.grid) // 2]
        return (chosen or {}).get(student.name) or FormatRates(ift=middle, reasoning=middle)
    if student.model not in PUBLISHED_RATES:
        shown = "random weights" if student.model is None else student.model
        raise StudyError(
            f"training.learning_rate.by: found published, which has no rates for student {student.name} ({shown}),"
            f" only for {', '.join(PUBLISHED_RATES)}",
            hint="allowed for other students are a table, a rule or a sweep",
        )
    return PUBLISHED_RATES[student.model]
