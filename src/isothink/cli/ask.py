"""What `isothink ask` prints: the paragraph of a verdict, marked as resting on published results."""

from isothink.cli.verdict import verdict_text
from isothink.evidence.record import Verdict


def ask_text(verdict: Verdict) -> str:
    """The decision as a paragraph that begins with what it rests on."""
    return f"From published results, not from a run of yours: {verdict_text(verdict)}"
