"""Shows how far a study is, on standard error: a live view in a terminal, plain lines elsewhere."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from isothink.report.numbers import plural
from isothink.report.text import one_line
from isothink.run.clock_time import clock_time
from isothink.run.step_progress import StepProgress
from isothink.run.study_progress import Snapshot, StepResult, StudyProgress, Watched, WatchedStep

if TYPE_CHECKING:
    from isothink.run.live_terminal import LiveTerminal

PLAIN_INTERVAL_SECONDS = 15.0

ReadResult = Callable[[WatchedStep], StepResult]


def nothing_read(step: WatchedStep) -> StepResult:
    """Nobody looks at what a step left."""
    return StepResult()


class Progress:
    """The scheduler's listener. Progress is measured in work: FLOPs, with decoding weighed by its lower speed."""

    def __init__(self, watched: Watched, *, quiet: bool = False, read: ReadResult = nothing_read) -> None:
        """`read` is asked once for what each finished step left; without a live view, nobody is."""
        self._watched = watched
        self._read = read
        self._quiet = quiet
        self._said = time.monotonic()
        self._progress = StudyProgress(watched, now=self._said)
        self._lock = threading.Lock()  # the live view is drawn by a thread of its own
        self._live: LiveTerminal | None = None

    def __enter__(self) -> Self:
        if not self._quiet and shows_live_view(os.environ):
            from isothink.run.live_terminal import LiveTerminal

            self._live = LiveTerminal(self._snapshot)
            self._live.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.close()
            self._live = None
            self._say(self._summary(time.monotonic()))

    def started(self, step: str) -> None:
        """See Listener."""
        with self._lock:
            self._progress.started(step, time.monotonic())

    def progressed(self, step: str, progress: StepProgress) -> None:
        """See Listener."""
        with self._lock:
            self._progress.progressed(step, progress, time.monotonic())
        self._show(force=False)

    def finished(self, step: str, error: str | None, *, cause: str | None = None) -> None:
        """See Listener."""
        described = self._watched.described.get(step)
        result = StepResult()
        if self._live is not None and error is None and described is not None:
            result = self._read(described)
        with self._lock:
            self._progress.finished(step, error, result, time.monotonic())
        if error is not None and cause is None:  # what cannot be done without it is counted, and would say the same
            self._say(f"failed: {step}: {error}")
        self._show(force=self._progress.steps_done == self._progress.steps)

    def interrupted(self) -> None:
        """See Listener."""
        with self._lock:
            self._progress.interrupted()
        if self._live is not None:
            self._live.draw()

    def _snapshot(self) -> Snapshot:
        with self._lock:
            return self._progress.snapshot(time.monotonic())

    def _show(self, *, force: bool) -> None:
        now = time.monotonic()
        if self._live is not None or (not force and now - self._said < PLAIN_INTERVAL_SECONDS):
            return
        self._said = now
        self._say(self._words(now))

    def _words(self, now: float) -> str:
        progress = self._progress
        failed = f", {progress.failed} failed" if progress.failed else ""
        left = progress.seconds_left(now)
        rest = "" if left is None else f", {left:.0f} s left"
        return (
            f"{progress.steps_done} of {progress.steps} steps{failed}, {100 * progress.share():.0f}% of the work{rest}"
        )

    def _summary(self, now: float) -> str:
        """What stays in the terminal when the view is gone."""
        snapshot = self._progress.snapshot(now)
        cells = f", {snapshot.cells_done} of {plural(snapshot.cells, 'cell')}" if snapshot.cells else ""
        failed = f", {snapshot.failed} failed" if snapshot.failed else ""
        steps = f"{snapshot.steps_done} of {plural(snapshot.steps, 'step')}"
        return f"{steps}{cells}{failed} in {clock_time(snapshot.seconds)}"

    def _say(self, line: str) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._live.say(one_line(line))
        else:
            say(line)


def shows_live_view(environment: Mapping[str, str]) -> bool:
    """Whether standard error is a terminal that can be drawn on, with somebody before it: builds keep every line."""
    in_ci = environment.get("CI", "").lower() not in ("", "0", "false")
    is_dumb = environment.get("TERM", "").lower() in ("", "dumb", "unknown")
    return sys.stderr.isatty() and not in_ci and not is_dumb


def say(line: str) -> None:
    """One line on standard error."""
    print(one_line(line), file=sys.stderr, flush=True)
