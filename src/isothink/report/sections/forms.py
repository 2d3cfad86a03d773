"""Gains on multiple choice against those on open-ended answers, an arm and a budget per line."""

from dataclasses import dataclass

from isothink.evidence.interval import Interval
from isothink.evidence.pattern_record import AnswerForms
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import Row
from isothink.report.section import Section
from isothink.report.sections.absent import why_absent
from isothink.report.table import Column, Table

COLUMNS = (
    Column(name="arm", kind="name"),
    Column(name="budget, FLOPs"),
    Column(name="multiple choice"),
    Column(name="open-ended"),
    Column(name="difference"),
    Column(name="students"),
)


@dataclass(frozen=True, kw_only=True)
class FormsContent:
    """A table, or the sentences why there is none."""

    tables: tuple[Table, ...]
    absent: tuple[str, ...]


def section(data: ReportData) -> Section:
    """The section of answer forms."""
    patterns = data.evidence.patterns
    found = patterns.answer_forms if patterns else ()
    tables = (_table(found),) if found else ()
    content = FormsContent(tables=tables, absent=why_absent(data, "answer_forms", bool(tables)))
    return Section(
        id="forms", title="Multiple choice against open-ended", short="Answer forms", content=content, tables=tables
    )


def _table(found: tuple[AnswerForms, ...]) -> Table:
    choice = sorted({family for one in found for family in one.multiple_choice})
    open_ended = sorted({family for one in found for family in one.open_ended})
    students = max(len(one.students) for one in found)
    return Table(
        id="forms",
        title="Gains by form of the answer",
        caption=(
            f"Gain over IFT in points with its {numbers.level(found[0].interval)} interval, by form of the answer: the "
            f"mean over families and over the students that have both. Multiple choice: {', '.join(choice)}. "
            f"Open-ended: {', '.join(open_ended)}. n = {numbers.plural(students, 'student')} at most."
        ),
        columns=COLUMNS,
        rows=tuple(_line(one) for one in found),
        data=[_row(one) for one in found],
    )


def _line(one: AnswerForms) -> tuple[str, ...]:
    return (
        one.arm,
        numbers.scientific(one.budget_flops),
        _gain(one.multiple_choice_gain, one.multiple_choice_interval),
        _gain(one.open_ended_gain, one.open_ended_interval),
        _gain(one.difference, one.interval),
        str(len(one.students)),
    )


def _gain(value: float, interval: Interval) -> str:
    return f"{numbers.points(value)} ({numbers.points_interval(interval)})"


def _row(one: AnswerForms) -> Row:
    row: Row = {"arm": one.arm, "budget_flops": one.budget_flops, "students": " ".join(one.students)}
    for name, value, interval in (
        ("multiple_choice", one.multiple_choice_gain, one.multiple_choice_interval),
        ("open_ended", one.open_ended_gain, one.open_ended_interval),
        ("difference", one.difference, one.interval),
    ):
        row |= {f"{name}_points": round(100 * value, 3), f"{name}_low": round(100 * interval.low, 3)}
        row[f"{name}_high"] = round(100 * interval.high, 3)
    return row
