"""The verdict in a terminal: a table and one sentence per family, printed by cli/."""

from rich.table import Table

from isothink.evidence.record import Evidence
from isothink.report.sentences import verdict_sentences

__all__ = ["verdict_sentences", "verdict_table"]


def verdict_table(evidence: Evidence) -> Table:
    """One row per verdict."""
    raise NotImplementedError(evidence.study)
