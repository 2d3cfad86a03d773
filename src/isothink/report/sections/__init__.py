"""The sections of the page, in the order in which a reader meets them; each is a file with a template of its name."""

from isothink.report.data import ReportData
from isothink.report.section import Section
from isothink.report.sections import (
    areas,
    configurations,
    curricula,
    differences,
    equal_cost,
    forms,
    frontiers,
    gains,
    health,
    imports,
    learning,
    ledger,
    lengths,
    missing,
    pairs,
    predictions,
    reproduce,
    samples,
    verdict,
)

ORDER = (
    *(
        verdict,
        frontiers,
        areas,
        differences,
        equal_cost,
        gains,
        curricula,
        forms,
        lengths,
        predictions,
        learning,
        ledger,
    ),
    *(health, configurations, imports, missing, pairs, samples, reproduce),
)
OF_A_STUDY = (learning, ledger, pairs, samples)
"""Those that tell of training and teaching, which imported results alone have none of."""


def all_sections(data: ReportData) -> tuple[Section, ...]:
    """Every section of a report; one with nothing to show says so itself, or is left out."""
    left_out = (() if data.imports else (imports,)) + (() if data.has_study else OF_A_STUDY)
    return tuple(module.section(data) for module in ORDER if module not in left_out)
