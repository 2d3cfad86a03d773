"""Checks IFEval's instructions with the checks of lm-eval, in processes that may hang or die.

Implements `scoring.verification.InstructionChecker`.
"""

from collections.abc import Sequence

from isothink.backends.math_checker import as_comparison
from isothink.backends.worker_pool import WorkerPool
from isothink.scoring.verification import Comparison

DEADLINE_SECONDS = 10.0
"""Of processor time. Guessing a text's language takes longest."""
MAX_PROCESSES = 2
"""Checks are fast, but each process takes a second to start."""


class IfevalChecker(WorkerPool):
    """A pool of processes that check."""

    def __init__(self, *, processes: int = MAX_PROCESSES, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        super().__init__(
            "isothink.backends.instruction_worker",
            purpose="checking instructions",
            deadline_seconds=deadline_seconds,
            processes=processes,
        )

    def follow(self, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        """See InstructionChecker. A process that hangs or dies costs the one answer that it is at.

        Raises:
            StepError: a process cannot start, as where lm-eval is not installed.
        """
        return [as_comparison(answer) for answer in self.ask([list(pair) for pair in pairs])]
