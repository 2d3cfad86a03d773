"""Gain over IFT against extra output tokens, with the rank correlation: one plot per family."""

from dataclasses import dataclass

from isothink.evidence.pattern_record import GainByTokens
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.figure import ROWS, Figure, Row
from isothink.report.figures import arms_of
from isothink.report.gain_figure import gain_chart, gain_rows
from isothink.report.palette import only
from isothink.report.section import Section
from isothink.report.sections.absent import why_absent

CAPTION = (
    "Each mark is one student and arm at one budget; hollow where its interval holds zero. {found} n = {n}. It "
    "describes: it enters no verdict."
)


@dataclass(frozen=True, kw_only=True)
class GainsContent:
    """What the template shows: plots by family, or why there is none."""

    figures: tuple[Figure, ...]
    absent: tuple[str, ...]


def section(data: ReportData) -> Section:
    """The section of gains against tokens."""
    patterns = data.evidence.patterns
    found = patterns.gain_by_tokens if patterns else ()
    figures = tuple(
        _figure(data, index, pattern, rows) for index, pattern in enumerate(found) if (rows := gain_rows(pattern))
    )
    content = GainsContent(figures=figures, absent=why_absent(data, "gain_by_tokens", bool(figures)))
    return Section(id="gains", title="Gain against extra tokens", short="Gains", content=content, figures=figures)


def _figure(data: ReportData, index: int, pattern: GainByTokens, rows: list[Row]) -> Figure:
    arms = only(arms_of(data.evidence), {row["arm"] for row in rows})
    found = _correlation(pattern)
    factors = [row["token_factor"] for row in rows]
    return Figure(
        id=f"gain-{index}",
        title="Gain over IFT against extra output tokens",
        chart=gain_chart(ROWS, arms, factors).to_dict(validate=False),
        rows=rows,
        label=(
            f"{pattern.family}: {numbers.plural(len(rows), 'gain')} over IFT at {min(factors):.1f} to "
            f"{max(factors):.1f} times its output tokens. {found}"
        ),
        caption=CAPTION.format(found=found, n=numbers.plural(len(rows), "gain")),
        height=260,
        subject=pattern.family,
    )


def _correlation(pattern: GainByTokens) -> str:
    value, interval = pattern.rank_correlation, pattern.interval
    if value is None or interval is None:
        return f"No rank correlation: {pattern.reason}."
    says = f"{numbers.level(interval)} interval {interval.low:+.2f} to {interval.high:+.2f}"
    return f"Rank correlation (Spearman) {value:+.2f}, {says}."
