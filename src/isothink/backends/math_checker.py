"""Compares mathematics with math-verify in processes that may hang or die: each comparison has a deadline.

Implements `scoring.verification.MathChecker`; the caller's own process never imports math-verify.
"""

from collections.abc import Sequence
from importlib.util import find_spec

from isothink.backends.worker_pool import Answer, WorkerPool
from isothink.errors import MissingDependencyError
from isothink.scoring.verification import Comparison

DEADLINE_SECONDS = 1.0
"""Of processor time: more than four times what the longest comparison in benchmarks/scoring.py takes (0.22 s; the
median is 0.025 s). Expressions that hang cost that much each, on as many cores as there are processes."""


class MathVerifyChecker(WorkerPool):
    """A pool of processes that compare."""

    def __init__(self, *, processes: int | None = None, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        super().__init__(
            "isothink.backends.math_worker",
            purpose="comparing mathematics",
            deadline_seconds=deadline_seconds,
            processes=processes,
        )

    def check(self, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        """See MathChecker. A process that hangs or dies costs the one comparison that it is at.

        Raises:
            MissingDependencyError: math-verify is not installed.
            StepError: a process cannot start.
        """
        if pairs and find_spec("math_verify") is None:
            raise MissingDependencyError(
                "comparing mathematics needs math-verify, which is not installed",
                hint="pip install 'isothink[generate]'",
            )
        return [as_comparison(answer) for answer in self.ask([list(pair) for pair in pairs])]


def as_comparison(answer: Answer) -> Comparison:
    """What a process said, which is true or false where it is no error."""
    return Comparison(equal=None if answer.value is None else bool(answer.value), error=answer.error)
