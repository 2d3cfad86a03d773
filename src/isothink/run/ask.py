"""Answers a question from published evidence alone. Called by `isothink ask` and api.ask; must stay quick to import."""

import difflib
import math
from collections.abc import Sequence
from pathlib import Path

from isothink.compute.registry import lookup
from isothink.errors import UsageError
from isothink.evidence.prior import PriorQuestion, prior_evidence
from isothink.evidence.published_table import TEACHER
from isothink.evidence.record import Evidence, Verdict
from isothink.run.published_evidence import published_table

ORGANISATION = "Qwen/"
LARGER = ("Qwen2.5-32B", "Qwen2.5-72B")
"""Students of the same series that were not published."""
LARGEST = 1e40
"""FLOPs or queries; more is no question but a mistake."""


def published_evidence(
    *, corpus: str, family: str, budget: float, queries: float, pairs: Path | None = None
) -> Evidence:
    """The evidence behind an answer.

    Raises:
        UsageError: an unknown corpus or family, an impossible number, or an unusable file.
    """
    table = published_table()
    _require(corpus, [item.corpus for item in table.corpora], "corpus", "corpora")
    _require(family, table.families, "family", "families")
    _require_number("budget", budget)
    _require_number("queries", queries, zero=True)
    lengths = None
    if pairs is not None:
        from isothink.run.pair_lengths import pair_lengths

        lengths = pair_lengths(pairs, bytes_per_token=table.corpus(corpus).bytes_per_token)
    return prior_evidence(
        table,
        PriorQuestion(corpus=corpus, family=family, budget_flops=budget, queries=queries),
        students={student: lookup(ORGANISATION + student) for student in table.students},
        teacher=lookup(TEACHER),
        larger={student: lookup(ORGANISATION + student) for student in LARGER},
        lengths=lengths,
    )


def ask(
    *,
    corpus: str,
    family: str,
    budget: float,
    queries: float,
    inference_budget: float | None = None,
    lifetime_budget: float | None = None,
    pairs: Path | None = None,
) -> Verdict:
    """The verdict of published evidence; its `basis` is "published".

    Raises:
        UsageError: as `published_evidence`.
    """
    from isothink.evidence.verdict import decide

    for name, value in (("inference-budget", inference_budget), ("lifetime-budget", lifetime_budget)):
        if value is not None:
            _require_number(name, value)
    return decide(
        published_evidence(corpus=corpus, family=family, budget=budget, queries=queries, pairs=pairs),
        family=family,
        budget_flops=budget,
        queries=queries,
        inference_budget=inference_budget,
        lifetime_budget=lifetime_budget,
    )


def _require(found: str, allowed: Sequence[str], name: str, several: str) -> None:
    if found not in allowed:
        near = difflib.get_close_matches(found[:80], allowed, n=1)
        hint = f"did you mean {near[0]}?" if near else f"{several}: {', '.join(allowed)}"
        raise UsageError(f"{name}: found {found[:80]!r}, allowed are {', '.join(allowed)}", hint=hint if near else "")


def _require_number(name: str, value: float, *, zero: bool = False) -> None:
    least = value >= 0 if zero else value > 0
    if not (math.isfinite(value) and least and value <= LARGEST):
        lowest = "from 0" if zero else "above 0"
        raise UsageError(f"{name}: found {value:g}, allowed is a number {lowest} to {LARGEST:g}")
