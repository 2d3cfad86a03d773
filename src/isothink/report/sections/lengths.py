"""Output tokens of right against wrong answers, a line per family and arm over its configurations."""

from dataclasses import dataclass
from statistics import mean, median

from isothink.evidence.pattern_record import LengthRatio, TraceLength
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import Row, significant
from isothink.report.section import Section
from isothink.report.sections.absent import NO_PATTERNS, NOTHING
from isothink.report.table import Column, Table

CAPTION = (
    "Output tokens of right answers over those of wrong ones, the median over an arm's configurations and the range. "
    "Answers that were cut off are left out; within items compares only answers to one item, since hard items are long "
    "and wrong whatever a student does. n = {n}."
)
COLUMNS = (
    Column(name="family", kind="name"),
    Column(name="arm", kind="text"),
    Column(name="right over wrong"),
    Column(name="range"),
    Column(name="configurations with both"),
    Column(name="shorter, resolved"),
    Column(name="longer, resolved"),
    Column(name="within items"),
    Column(name="cut off"),
)


@dataclass(frozen=True, kw_only=True)
class LengthsContent:
    """A table, or the sentence why there is none."""

    tables: tuple[Table, ...]
    absent: str


def section(data: ReportData) -> Section:
    """The section of lengths."""
    patterns = data.evidence.patterns
    arms = {(one.family, one.configuration): one.arm for one in data.evidence.configurations}
    groups: dict[tuple[str, str], list[TraceLength]] = {}
    for length in patterns.trace_lengths if patterns else ():
        key = (length.family, arms.get((length.family, length.configuration), "unknown arm"))
        groups.setdefault(key, []).append(length)
    absent = "" if groups else (NO_PATTERNS if data.evidence.configurations else NOTHING)
    tables = (_table(groups),) if groups else ()
    content = LengthsContent(tables=tables, absent=absent)
    return Section(
        id="lengths", title="Length of right and of wrong answers", short="Lengths", content=content, tables=tables
    )


def _table(groups: dict[tuple[str, str], list[TraceLength]]) -> Table:
    everything = [(arm, length) for (_, arm), lengths in groups.items() for length in lengths]
    n = sum(length.all_answers.right + length.all_answers.wrong for _, length in everything)
    return Table(
        id="lengths",
        title="Lengths of right and wrong answers",
        caption=CAPTION.format(
            n=f"{numbers.plural(len(everything), 'configuration')} by family, {numbers.count(n)} answers"
        ),
        columns=COLUMNS,
        rows=tuple(_line(family, arm, lengths) for (family, arm), lengths in groups.items()),
        data=[_row(arm, length) for arm, length in everything],
    )


def _line(family: str, arm: str, lengths: list[TraceLength]) -> tuple[str, ...]:
    known = [one.completed.ratio for one in lengths if one.completed.ratio is not None]
    within = [one.same_item.ratio for one in lengths if one.same_item.ratio is not None]
    intervals = [one.completed.interval for one in lengths if one.completed.interval is not None]
    return (
        family,
        arm,
        f"{median(known):.2f}" if known else numbers.NONE,
        f"{min(known):.2f} to {max(known):.2f}" if known else numbers.NONE,
        f"{len(known)} of {len(lengths)}",
        str(sum(one.high < 1 for one in intervals)),
        str(sum(one.low > 1 for one in intervals)),
        f"{median(within):.2f}" if within else numbers.NONE,
        numbers.percent(mean(one.truncated for one in lengths)),
    )


def _row(arm: str, length: TraceLength) -> Row:
    row: Row = {"family": length.family, "configuration": length.configuration, "arm": arm}
    row["cut_off"] = round(length.truncated, 5)
    for name in ("all_answers", "completed", "same_item"):
        row |= {f"{name}_{key}": value for key, value in _ratio(getattr(length, name)).items()}
    return row


def _ratio(ratio: LengthRatio) -> Row:
    return {
        "right": ratio.right,
        "wrong": ratio.wrong,
        "right_tokens": _short(ratio.right_tokens),
        "wrong_tokens": _short(ratio.wrong_tokens),
        "ratio": _short(ratio.ratio),
        "low": _short(ratio.interval.low) if ratio.interval else None,
        "high": _short(ratio.interval.high) if ratio.interval else None,
        "reason": ratio.reason,
    }


def _short(value: float | None) -> float | None:
    return None if value is None else significant(value)
