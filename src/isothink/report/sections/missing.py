"""The study as planned against as run, by student and arm, and planned cells without a result, in plain sight."""

from dataclasses import dataclass

from isothink.report import numbers
from isothink.report.data import MissingResult, ReportData
from isothink.report.section import Section
from isothink.report.table import Column, Table, table_of

STATUS_NAMES = {"failed": "failed", "infeasible": "infeasible", "not_run": "not run yet", "no_result": "no result"}
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
    planned: tuple[Table, ...]


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
    planned = _planned(data)
    content = MissingContent(rows=rows, summary=missing_summary(data), planned=planned)
    absent = (table_of("missing", "Missing cells", content.summary, rows),) if rows else ()
    return Section(
        id="missing", title="As planned and as run", short="Plan and run", content=content, tables=(*planned, *absent)
    )


def _planned(data: ReportData) -> tuple[Table, ...]:
    """Counts of cells; the last line sums them up."""
    if not data.planned:
        return ()
    counts = ("planned", "complete", "failed", "infeasible")
    groups = [(one.student, one.arm, *(getattr(one, name) for name in counts)) for one in data.planned]
    lines = [(*group, group[2] - sum(group[3:])) for group in groups]
    total = ("all", "all", *(sum(line[index] for line in lines) for index in range(2, len(lines[0]))))
    names = ("student", "arm", *counts, "not run yet")
    return (
        Table(
            id="planned",
            title="Cells as planned and as run",
            caption=(
                "Cells by student and arm: all budgets and seeds that the study asks for. "
                f"n = {numbers.plural(int(total[2]), 'planned cell')}."
            ),
            columns=tuple(
                Column(name=name, kind=("name", "text", "number")[min(index, 2)]) for index, name in enumerate(names)
            ),
            rows=tuple(
                tuple(f"{value:,}" if isinstance(value, int) else value for value in line) for line in [*lines, total]
            ),
            data=[dict(zip(names, line, strict=True)) for line in lines],
        ),
    )


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
