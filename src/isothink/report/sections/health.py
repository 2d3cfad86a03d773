"""Did students finish their answers, and did they think: rates and token counts by configuration and family."""

from dataclasses import dataclass

from isothink.evidence.record import ConfigurationResult
from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.section import Section
from isothink.report.table import Table, table_of


@dataclass(frozen=True, kw_only=True)
class HealthRow:
    """One configuration on one family."""

    configuration: str
    completion: str
    bounds: str
    of_completed: str
    looping: str
    thinking: str
    prompt_tokens: str
    trace_tokens: str
    answer_tokens: str
    unscored: str


@dataclass(frozen=True, kw_only=True)
class FamilyHealth:
    """A family's summary line and its table."""

    family: str
    summary: str
    rows: tuple[HealthRow, ...]


@dataclass(frozen=True, kw_only=True)
class HealthContent:
    """All families, and what is to be said of the jury."""

    families: tuple[FamilyHealth, ...]
    jury: tuple[str, ...]


def section(data: ReportData) -> Section:
    """The health section."""
    evidence = data.evidence
    families = tuple(
        FamilyHealth(family=family, summary=_summary(results), rows=tuple(_row(one) for one in results))
        for family in evidence.families
        if (results := [one for one in evidence.configurations if one.family == family])
    )
    content = HealthContent(families=families, jury=data.jury)
    files = tuple(_file(index, family) for index, family in enumerate(families))
    return Section(id="health", title="Truncation and thinking", short="Truncation", content=content, tables=files)


def _file(index: int, family: FamilyHealth) -> Table:
    caption = f"{family.family}: truncation and thinking. Tokens are means per answer. n = {len(family.rows):,}."
    return table_of(f"health-{index}", family.family, caption, family.rows)


def _summary(results: list[ConfigurationResult]) -> str:
    worst = min(results, key=lambda one: one.completion_rate)
    unscored = sum(one.unscored for one in results)
    text = f"fewest answers completed: {numbers.percent(worst.completion_rate)} ({worst.configuration})"
    if worst.completion_rate == 1:
        text = "all answers completed"
    return f"{text}; {numbers.plural(unscored, 'answer')} without a score" if unscored else text


def _row(one: ConfigurationResult) -> HealthRow:
    return HealthRow(
        configuration=one.configuration,
        completion=numbers.percent(one.completion_rate),
        bounds=numbers.percent_interval(one.truncation_bounds),
        of_completed=numbers.percent(one.accuracy_of_completed),
        looping=numbers.percent(one.looping_rate),
        thinking=numbers.percent(one.thinking_rate),
        prompt_tokens=numbers.tokens(one.mean_prompt_tokens),
        trace_tokens=numbers.tokens(one.mean_trace_tokens),
        answer_tokens=numbers.tokens(one.mean_answer_tokens),
        unscored=numbers.count(one.unscored),
    )
