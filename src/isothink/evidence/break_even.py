"""At how many queries the whole-life costs of IFT and reasoning are equal, at one accuracy. Called by verdict.py.

Whole-life cost at V queries is F + V q. Each arm offers its cheapest configuration that reaches the target; that choice
may change with V, so the break-even is where the two lower envelopes of lines cross: V* = (F_r - F_i) / (q_i - q_r) of
the pair (r, i) that is cheapest in its arm at V* itself. Costs F within the stated tolerance are equal: a break-even
must not follow from one cell ending an optimizer step before another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from isothink.evidence.candidates import Candidates
from isothink.evidence.choice import tied
from isothink.evidence.observations import Floats
from isothink.evidence.record import BreakEven, Interval

JUST_BELOW = 1e-6
"""Of a crossing: where the order of the costs before it is read."""

Kind = Literal["at_queries", "ift_always", "reasoning_always", "no_equal_accuracy"]


@dataclass(frozen=True, kw_only=True)
class Offers:
    """One arm's configurations: accuracy, what is paid once, what each query costs."""

    accuracy: Floats
    once: Floats
    per_query: Floats

    def reaching(self, target: float) -> "Offers":
        """Those that reach the target."""
        keep = self.accuracy >= target
        return Offers(accuracy=self.accuracy[keep], once=self.once[keep], per_query=self.per_query[keep])


def solve(reasoning: Offers, ift: Offers, *, queries: float, target: float | None) -> tuple[Kind, float | None]:
    """The kind of break-even and its number of queries; the crossing nearest to `queries` if there are several.

    Where the costs never cross, the cheaper arm always wins; where they are the same line, IFT is named.
    """
    if not reasoning.accuracy.size or not ift.accuracy.size:
        return "no_equal_accuracy", None
    wanted = min(reasoning.accuracy.max(), ift.accuracy.max()) if target is None else target
    ours, theirs = reasoning.reaching(wanted), ift.reaching(wanted)
    if not ours.accuracy.size or not theirs.accuracy.size:
        return "no_equal_accuracy", None
    crossings = _crossings(ours, theirs)
    if crossings:
        return "at_queries", min(crossings, key=lambda value: abs(np.log(value / max(queries, 1.0))))
    at = max(queries, 1.0)  # without a crossing the order is the same at every positive number; at 0 it may be a tie
    return ("reasoning_always" if _cheaper(ours, theirs, at) == "reasoning" else "ift_always"), None


def _cheaper(reasoning: Offers, ift: Offers, queries: float) -> Literal["ift", "reasoning"]:
    ours, theirs = ((arm.once + queries * arm.per_query).min() for arm in (reasoning, ift))
    return "reasoning" if ours < theirs else "ift"


def _crossings(ours: Offers, theirs: Offers) -> list[float]:
    """Positive V at which a line of each arm cross and both are the cheapest of their arm."""
    saved = theirs.per_query[None, :] - ours.per_query[:, None]
    extra = ours.once[:, None] - theirs.once[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        candidates = np.unique((extra / saved)[(saved != 0) & (extra / saved > 0)])
    at = candidates[:, None]
    our_cost = (ours.once + at * ours.per_query).min(axis=1)
    their_cost = (theirs.once + at * theirs.per_query).min(axis=1)
    return [float(value) for value in candidates[np.isclose(our_cost, their_cost, rtol=1e-9, atol=0.0)]]


def break_even(
    among: Candidates,
    eligible: Sequence[int],
    *,
    queries: float,
    target_accuracy: float | None,
    level: float,
    tolerance: float,
) -> tuple[BreakEven | None, tuple[str, ...]]:
    """The break-even among eligible configurations and what is to be said of it; None where an arm has none."""
    groups = [among.of_kind(kind, eligible) for kind in ("reasoning", "ift")]
    if not all(groups):
        return None, ("no break-even: it needs an eligible configuration of both ift and reasoning",)
    once = tied(among.once, tolerance)

    def offers(accuracy: Floats, per_query: Floats) -> tuple[Offers, Offers]:
        reasoning, ift = (Offers(accuracy=accuracy[g], once=once[g], per_query=per_query[g]) for g in groups)
        return reasoning, ift

    reasoning, ift = offers(among.accuracy, among.per_query)
    kind, value = solve(reasoning, ift, queries=queries, target=target_accuracy)
    target = float(min(reasoning.accuracy.max(), ift.accuracy.max())) if target_accuracy is None else target_accuracy
    pairs = zip(among.draws, among.per_query_draws, strict=True)
    found = [solve(*offers(a, q), queries=queries, target=target_accuracy)[1] for a, q in pairs]
    values = [item for item in found if item is not None]
    record = BreakEven(
        kind=kind,
        target_accuracy=target,
        queries=value,
        interval=_interval(value, values, level),
        cheaper_below=(
            None
            if value is None
            else _cheaper(reasoning.reaching(target), ift.reaching(target), value * (1 - JUST_BELOW))
        ),
    )
    share = len(values) / max(len(found), 1)
    told = "fewer than 1%" if share < 0.01 else "more than 99%" if share > 0.99 else f"{share:.0%}"
    note = f"a break-even number of queries exists in {told} of the draws"
    return record, ((note,) if 0 < len(values) < len(found) else ())


def _interval(value: float | None, values: list[float], level: float) -> Interval | None:
    """Quantiles of the draws that have a break-even, where the point estimate has one."""
    if value is None or not values:
        return None
    tail = (1.0 - level) / 2
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(low=float(min(low, value)), high=float(max(high, value)), level=level)
