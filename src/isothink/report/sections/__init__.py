"""The sections of the page, in the order in which a reader meets them; each is a file with a template of its name."""

from isothink.report.data import ReportData
from isothink.report.section import Section
from isothink.report.sections import (
    configurations,
    differences,
    frontiers,
    health,
    ledger,
    missing,
    pairs,
    reproduce,
    samples,
    verdict,
)

ORDER = (verdict, frontiers, differences, ledger, health, configurations, missing, pairs, samples, reproduce)


def all_sections(data: ReportData) -> tuple[Section, ...]:
    """Every section of a report; one with nothing to show says so itself."""
    return tuple(module.section(data) for module in ORDER)
