"""Notices a training run that diverges without overflowing. Used by run/training.py."""

import math
from collections import deque
from collections.abc import Iterable

from isothink.errors import StepError

WINDOW = 20
"""So many steps are averaged: single steps of a healthy run may be far above their neighbours."""


class DivergenceWatch:
    """Compares the mean loss of the last steps with that of the segment's first, and with the loss of guessing.

    A run that rose from 0.1 to 0.4 may be learning a harder phase; one above half of the logarithm of the vocabulary's
    size knows little of its language any more.
    """

    def __init__(self, factor: float, vocabulary_size: int) -> None:
        self._factor = factor
        self._least = math.log(vocabulary_size) / 2
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=WINDOW)

    def restore(self, losses: Iterable[float]) -> None:
        """Takes in what was seen before an interruption."""
        for loss in losses:
            self._take(loss)

    def diverges(self, loss: float) -> bool:
        """Whether the run diverges with this step."""
        self._take(loss)
        if len(self._last) < WINDOW:
            return False
        return self.mean > max(self._factor * sum(self._first) / WINDOW, self._least)

    @property
    def mean(self) -> float:
        """Of the last steps."""
        return sum(self._last) / len(self._last)

    def error(self, step: int) -> StepError:
        """What is said of a run that diverges at `step`."""
        return StepError(
            f"training diverges: the mean loss of {WINDOW} steps is {self.mean:.4g} at step {step}, more than"
            f" {self._factor:g} times that of the segment's first {WINDOW} steps ({sum(self._first) / WINDOW:.4g})",
            hint="a lower learning rate, or a longer warm-up",
        )

    def _take(self, loss: float) -> None:
        if len(self._first) < WINDOW:
            self._first.append(loss)
        self._last.append(loss)
