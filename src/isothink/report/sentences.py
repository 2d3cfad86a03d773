"""The verdict in plain English: the same sentences for the page and the terminal."""

from isothink.evidence.record import Evidence


def verdict_sentences(evidence: Evidence) -> list[str]:
    """One text per family, in the order of `evidence.families`."""
    raise NotImplementedError(evidence.study)
