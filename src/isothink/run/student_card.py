"""The card of a finished student. Written by run/training.py."""

from isothink.domain.ledger import LedgerRow
from isothink.plan.record import Segment
from isothink.run.workspace import Workspace


def student_card(workspace: Workspace, segment: Segment, row: LedgerRow) -> str:
    """The text of the card."""
    return ""
