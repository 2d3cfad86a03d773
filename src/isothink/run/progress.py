"""Shows how far a study is, on standard error: a bar with the time left in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from isothink.run.scheduler import Step

PLAIN_INTERVAL_SECONDS = 15.0


class Progress:
    """The scheduler's listener. Progress is measured in work: FLOPs, with decoding weighed by its lower speed."""

    def __init__(self, steps: Sequence[Step], *, done_before: int, quiet: bool = False) -> None:
        self._work = {step.id: step.work for step in steps}
        self._total = sum(self._work.values())
        self._finished = 0.0
        self._running: dict[str, float] = {}
        self._steps_done = done_before
        self._steps = done_before + len(steps)
        self._failed = 0
        self._started = self._said = time.monotonic()
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(compact=True),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task(self._words(), total=max(self._total, 1.0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progressed(self, step: str, flops: float) -> None:
        """See Listener."""
        self._running[step] = min(flops, self._work.get(step, flops))
        self._show(force=False)

    def finished(self, step: str, error: str | None) -> None:
        """See Listener."""
        self._running.pop(step, None)
        self._finished += self._work.get(step, 0.0)
        self._steps_done += 1
        if error is not None:
            self._failed += 1
            self._say(f"failed: {step}: {error}")
        self._show(force=self._steps_done == self._steps)

    def _words(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._steps_done} of {self._steps} steps{failed}"

    def _show(self, *, force: bool) -> None:
        done = self._finished + sum(self._running.values())
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=self._words())
            return
        now = time.monotonic()
        if not force and now - self._said < PLAIN_INTERVAL_SECONDS:
            return
        self._said = now
        share = done / self._total if self._total else 1.0
        left = (now - self._started) * (1.0 - share) / share if share > 0 else None
        rest = "" if left is None else f", {left:.0f} s left"
        self._say(f"{self._words()}, {100 * share:.0f}% of the work{rest}")

    def _say(self, line: str) -> None:
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            say(line)


def say(line: str) -> None:
    """One line on standard error."""
    print(line, file=sys.stderr, flush=True)
