"""Compares mathematics with math-verify in processes that may hang or die: each comparison has a deadline.

Implements `scoring.verification.MathChecker`. The processes start with the first comparison and serve many batches; the
caller's own never imports math-verify. They are plain child processes rather than a library's pool: a process of
multiprocessing runs the user's script anew, and a killed one can hold a lock that the others of its pool need.
"""

import json
import math
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from threading import Lock
from types import TracebackType
from typing import Any, Self

from isothink.errors import MissingDependencyError, StepError
from isothink.scoring.verification import Comparison

DEADLINE_SECONDS = 5.0
START_SECONDS = 120.0
"""How long a process may take to import math-verify: 0.4 s where nothing is in its way."""
MAX_PROCESSES = 4
ORPHAN_SECONDS = 5
"""How much longer than the deadline a comparison may run before the system ends it, if its parent has died."""


class MathVerifyChecker:
    """A pool of processes, started when first needed; close it, or use it as a context manager."""

    def __init__(self, *, processes: int | None = None, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._size = processes or min(os.cpu_count() or 1, MAX_PROCESSES)
        self._deadline = deadline_seconds
        self._workers: list[_Worker] = []
        self._lock = Lock()

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
        with self._lock:
            try:
                return self._check(pairs)
            except BaseException:  # what comes late of an interrupted batch must not answer the next
                self._stop(tuple(self._workers))
                raise

    def close(self) -> None:
        """Ends the processes; another check starts new ones."""
        with self._lock:
            self._stop(tuple(self._workers))

    def __enter__(self) -> Self:
        """Starts nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the processes."""
        self.close()

    def _check(self, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        results: dict[int, Comparison] = {}
        waiting = deque(range(len(pairs)))
        self._stop([worker for worker in self._workers if worker.has_ended()])  # killed between two batches
        while len(results) < len(pairs):
            while len(self._workers) < min(self._size, len(pairs) - len(results)):
                self._workers.append(_Worker(self._deadline))
            for worker in self._workers:
                if waiting and worker.is_idle:
                    task = waiting.popleft()
                    worker.give(task, pairs[task])
            for worker, is_late in self._wait():
                answered, comparison = worker.task, worker.hear(is_late=is_late)
                if answered is not None and comparison is not None:
                    results[answered] = comparison
            self._stop([worker for worker in self._workers if worker.is_lost])
        return [results[index] for index in range(len(pairs))]

    def _wait(self) -> "list[tuple[_Worker, bool]]":
        """Waits for a process that has something to say, or is late: the processes, each with whether it is late."""
        due = min(worker.due for worker in self._workers)
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker.output, selectors.EVENT_READ, worker)
            ready = selector.select(None if due == math.inf else max(due - time.monotonic(), 0.0))
        speaking = [key.data for key, _ in ready]
        late = [worker for worker in self._workers if worker.due < time.monotonic() and worker not in speaking]
        return [(worker, False) for worker in speaking] + [(worker, True) for worker in late]

    def _stop(self, workers: "Iterable[_Worker]") -> None:
        for worker in workers:
            self._workers.remove(worker)
            worker.kill()


class _Worker:
    """One process: it starts, then is idle or busy with one task, until it is lost."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._process = subprocess.Popen(
            [sys.executable, "-m", "isothink.backends.math_worker", str(int(deadline) + 1 + ORPHAN_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "0"},  # SymPy's order of terms follows it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self.output = self._process.stdin, self._process.stdout
        self._has_started = False
        self.task: int | None = None
        self.due = time.monotonic() + START_SECONDS
        """When it is given up; never, while it is idle."""
        self.is_lost = False

    @property
    def is_idle(self) -> bool:
        return self._has_started and self.task is None

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def give(self, task: int, pair: tuple[str, str]) -> None:
        """Hands it a pair; its pipe has room, since texts are short and it has read those before."""
        self.task = task
        self.due = time.monotonic() + self._deadline
        with suppress(OSError):  # that it has ended shows at its output
            self._input.write(json.dumps(pair).encode() + b"\n")
            self._input.flush()

    def hear(self, *, is_late: bool) -> Comparison | None:
        """Its answer, or why there will be none; None where it had nothing to answer.

        Raises:
            StepError: it could not start.
        """
        line = b"" if is_late else self.output.readline()
        message: dict[str, Any] = (
            json.loads(line) if line.endswith(b"\n") else {"error": self._why_lost(is_late=is_late)}
        )
        if not self._has_started and "error" in message:
            raise StepError(f"comparing mathematics is not possible: {message['error']}")
        answered, self._has_started, self.task, self.due = self.task, True, None, math.inf
        return None if answered is None else Comparison(equal=message.get("equal"), error=message.get("error"))

    def _why_lost(self, *, is_late: bool) -> str:
        self.is_lost = True
        self.kill()
        if is_late:
            return f"no result within {self._deadline if self._has_started else START_SECONDS:g} s"
        return f"the process that compared them ended with status {self._process.returncode}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self.output):
            with suppress(OSError):  # an unsent rest
                pipe.close()
