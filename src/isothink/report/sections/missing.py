"""Planned cells without a result and why, in plain sight."""

from dataclasses import dataclass

from isothink.report import numbers
from isothink.report.data import MissingResult, ReportData
from isothink.report.section import Section

STATUS_NAMES = {"failed": "failed", "infeasible": "infeasible", "not_run": "has not run", "no_result": "no result"}
WITHOUT_WORDS = {"not_run": "the run has not reached it yet"}
ORDER = ("failed", "no_result", "not_run", "infeasible")


@dataclass(frozen=True, kw_only=True)
class MissingRow:
    """One cell."""

    cell: str
    configuration: str
    status: str
    error: str


@dataclass(frozen=True, kw_only=True)
class MissingContent:
    """What the template shows; the page's banner repeats `summary`."""

    rows: tuple[MissingRow, ...]
    summary: str


def section(data: ReportData) -> Section:
    """The section of missing cells."""
    found = missing_results(data)
    ordered = sorted(found, key=lambda one: ORDER.index(one[0]))
    rows = tuple(
        MissingRow(
            cell=one.cell,
            configuration=one.configuration,
            status=STATUS_NAMES[status],
            error=one.error or WITHOUT_WORDS.get(status, "no reason was recorded"),
        )
        for status, one in ordered
    )
    content = MissingContent(rows=rows, summary=missing_summary(data))
    return Section(id="missing", title="Missing cells", content=content)


def missing_results(data: ReportData) -> list[tuple[str, MissingResult]]:
    """The run's own list, and what the analysis misses beyond it, each with its status."""
    known = {one.cell for one in data.missing}
    beyond = [
        MissingResult(cell=one.cell, configuration=one.configuration, status="not_run", error=one.reason)
        for one in data.evidence.missing
        if one.cell not in known
    ]
    return [*((str(one.status), one) for one in data.missing), *(("no_result", one) for one in beyond)]


def missing_summary(data: ReportData) -> str:
    """For example `2 cells have no result: 1 failed, 1 infeasible.`; empty where nothing is missing."""
    statuses = [status for status, _ in missing_results(data)]
    if not statuses:
        return ""
    parts = [f"{statuses.count(status):,} {STATUS_NAMES[status]}" for status in ORDER if status in statuses]
    has = "has" if len(statuses) == 1 else "have"
    return f"{numbers.plural(len(statuses), 'planned cell')} {has} no result: {', '.join(parts)}."
