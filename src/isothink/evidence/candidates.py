"""What a verdict chooses among: one family's configurations as arrays, read from stored evidence.

Built by verdict.py; read by choice.py, break_even.py and sensitivity.py. The page of the report computes from the same
numbers, so that a terminal and a page never disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from isothink.errors import UsageError
from isothink.evidence.money import seconds_to_compute, seconds_to_serve
from isothink.evidence.observations import Floats
from isothink.evidence.record import ConfigurationResult, Evidence, Money

DRAW_UNIT = 1e-4
"""Draws are stored as whole numbers of it."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Configurations [n] with their draws [draws, n].

    `training_flops` is what a training budget caps. `training`, `once` (training, teacher and search) and `per_query`
    are in the unit of the cost axis: FLOPs, seconds or dollars. `choice_draws` decide which are not resolvably worse
    than the best: the same draws, but for published configurations, whose others hold the variation between setups.
    """

    results: tuple[ConfigurationResult, ...]
    accuracy: Floats
    draws: Floats
    choice_draws: Floats
    training_flops: Floats
    training: Floats
    once: Floats
    per_query: Floats
    per_query_draws: Floats

    def lifetime(self, queries: float) -> Floats:
        """F + V q of every configuration."""
        return np.asarray(self.once + queries * self.per_query)

    def at_prices(self, *, training: Floats, once: Floats, per_query: Floats) -> "Candidates":
        """The same candidates at the prices of another FLOPs convention."""
        return replace(
            self,
            training_flops=training,
            training=training,
            once=once,
            per_query=per_query,
            per_query_draws=_draws([one.inference_draws for one in self.results]) * per_query,
        )

    def of_kind(self, kind: str, among: Sequence[int]) -> list[int]:
        """Those of a kind of arm."""
        return [index for index in among if self.results[index].arm_kind == kind]


def candidates(results: Sequence[ConfigurationResult], money: Money | None = None) -> Candidates:
    """Configurations of one family; on an axis of money those whose serving is not known are left out."""
    kept = tuple(one for one in results if money is None or one.serving is not None)
    flops = np.array([one.training_flops for one in kept], dtype=np.float64)
    fixed = np.array([one.fixed_flops for one in kept], dtype=np.float64)
    per_query = np.array([one.inference_flops_per_query for one in kept], dtype=np.float64)
    training, once = flops, flops + fixed
    if money is not None:
        training, once = (seconds_to_compute(value, money) for value in (flops, flops + fixed))
        per_query = np.array([seconds_to_serve(one.serving, money) for one in kept if one.serving is not None])
        if money.axis == "usd":
            training, once, per_query = (value * money.price_per_hour / 3600 for value in (training, once, per_query))
    return Candidates(
        results=kept,
        accuracy=np.array([one.expected_accuracy for one in kept], dtype=np.float64),
        draws=_draws([one.accuracy_draws for one in kept]),
        choice_draws=_draws([one.conditional_draws or one.accuracy_draws for one in kept]),
        training_flops=flops,
        training=np.asarray(training),
        once=np.asarray(once),
        per_query=per_query,
        per_query_draws=_draws([one.inference_draws for one in kept]) * per_query,
    )


def family_results(evidence: Evidence, family: str) -> list[ConfigurationResult]:
    """One family's configurations in their canonical order.

    Raises:
        UsageError: the evidence has no such family.
    """
    if family not in evidence.families:
        known = ", ".join(evidence.families) or "none"
        raise UsageError(f"family: {family!r} was not evaluated in this study", hint=f"families here: {known}")
    return [one for one in evidence.configurations if one.family == family]


def _draws(stored: Sequence[tuple[int, ...]]) -> Floats:
    if not stored:
        return np.zeros((0, 0))
    return np.array(stored, dtype=np.float64).T * DRAW_UNIT
