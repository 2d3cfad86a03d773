"""How to get this report again: the command, the study as resolved, versions, and how numbers were computed."""

from dataclasses import dataclass

from isothink.report import numbers
from isothink.report.data import ReportData
from isothink.report.section import Section


@dataclass(frozen=True, kw_only=True)
class ReproduceContent:
    """What the template shows."""

    command: str
    study_text: str
    versions: tuple[tuple[str, str], ...]
    students: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]


def section(data: ReportData) -> Section:
    """The last section."""
    content = ReproduceContent(
        command=data.command,
        study_text=data.study_text,
        versions=tuple(data.versions.items()),
        students=tuple((student.name, numbers.parameters(student.parameters)) for student in data.students),
        facts=_facts(data),
    )
    return Section(id="reproduce", title="How to reproduce this", short="Reproduce", content=content)


def _facts(data: ReportData) -> tuple[tuple[str, str], ...]:
    evidence = data.evidence
    facts = [
        ("FLOPs convention", evidence.convention),
        ("Draws per interval", numbers.count(evidence.draws)),
        ("Intervals cover", f"{100 * evidence.level:g}%"),
        ("Queries in whole-life costs", numbers.count(evidence.queries)),
        ("Cells", _cells(data)),
    ]
    for variance in evidence.seed_variance:
        spread = variance.standard_deviation
        text = numbers.NONE if spread is None else f"{100 * spread:.2f} points"
        facts.append((f"Spread over seeds, {variance.family}", f"{text} ({variance.degrees_of_freedom} d.f.)"))
    return tuple(facts)


def _cells(data: ReportData) -> str:
    plan = data.plan
    if not data.has_study:
        return f"{len({row.cell for row in data.imports}):,} imported, none trained here"
    return (
        f"{plan.cells_planned:,} planned, {plan.cells_complete:,} complete, {plan.cells_failed:,} failed, "
        f"{plan.cells_infeasible:,} infeasible"
    )
