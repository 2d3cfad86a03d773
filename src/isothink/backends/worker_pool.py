"""Processes that answer questions which may hang or kill them: each question has a deadline, and costs no other.

Used by `math_checker.py` and `instruction_checker.py`; the other side is `worker_process.py`. The processes start with
the first question and serve many batches. They are plain child processes rather than a library's pool: a process of
multiprocessing runs the user's script anew, and a killed one can hold a lock that the others of its pool need.

The deadline is one of processor time, which the process has the system watch: what is answered does not depend on how
busy the machine is. A process that waits, or that the system does not end, is killed here after a multiple of it.
"""

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Any, Self

from pydantic import JsonValue

from isothink.errors import StepError

START_SECONDS = 120.0
"""How long a process may take to import its library: 0.4 s for math-verify where nothing is in its way."""
MAX_PROCESSES = 4
PATIENCE = 6.0
"""How many times its processor time a question may take on the clock: machines are shared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a process said to a question, or why it said nothing."""

    value: JsonValue = None
    error: str | None = None


class WorkerPool:
    """A pool of processes, started when first needed; close it, or use it as a context manager.

    `module` is run in each with the deadline as its argument; `purpose` says in errors what it is for.
    """

    def __init__(self, module: str, *, purpose: str, deadline_seconds: float, processes: int | None = None) -> None:
        self._module = module
        self._purpose = purpose
        self._deadline = deadline_seconds
        self._size = processes or min(os.cpu_count() or 1, MAX_PROCESSES)
        self._workers: list[_Worker] = []
        self._lock = Lock()

    def ask(self, questions: Sequence[JsonValue]) -> list[Answer]:
        """One answer for each question, in their order. A process that hangs or dies costs the one that it is at.

        Raises:
            StepError: a process cannot start.
        """
        with self._lock:
            try:
                return self._ask(questions)
            except BaseException:  # what comes late of an interrupted batch must not answer the next
                self._stop(tuple(self._workers))
                raise

    def close(self) -> None:
        """Ends the processes; another question starts new ones."""
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

    def _ask(self, questions: Sequence[JsonValue]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        waiting = deque(range(len(questions)))
        self._stop([worker for worker in self._workers if worker.has_ended()])  # killed between two batches
        while len(answers) < len(questions):
            while len(self._workers) < min(self._size, len(questions) - len(answers)):
                self._workers.append(_Worker(self._module, self._purpose, self._deadline))
            for worker in self._workers:
                if waiting and worker.is_idle:
                    task = waiting.popleft()
                    worker.give(task, questions[task])
            for worker, is_late in self._wait():
                asked, answer = worker.task, worker.hear(is_late=is_late)
                if asked is not None and answer is not None:
                    answers[asked] = answer
            self._stop([worker for worker in self._workers if worker.is_lost])
        return [answers[index] for index in range(len(questions))]

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

    def __init__(self, module: str, purpose: str, deadline: float) -> None:
        self._purpose = purpose
        self._deadline = deadline
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, f"{deadline:g}", f"{math.ceil(PATIENCE * deadline) + 1}"],
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

    def give(self, task: int, question: JsonValue) -> None:
        """Hands it a question, which it reads as it is written, since it is idle."""
        self.task = task
        with suppress(OSError):  # that it has ended shows at its output
            self._input.write(json.dumps(question).encode() + b"\n")
            self._input.flush()
        self.due = time.monotonic() + PATIENCE * self._deadline

    def hear(self, *, is_late: bool) -> Answer | None:
        """Its answer, or why there will be none; None where it had nothing to answer.

        Raises:
            StepError: it could not start.
        """
        line = b"" if is_late else self.output.readline()
        message: dict[str, Any] = (
            json.loads(line) if line.endswith(b"\n") else {"error": self._why_lost(is_late=is_late)}
        )
        if not self._has_started and "error" in message:
            raise StepError(f"{self._purpose} is not possible: {message['error']}")
        answered, self._has_started, self.task, self.due = self.task, True, None, math.inf
        return None if answered is None else Answer(value=message.get("value"), error=message.get("error"))

    def _why_lost(self, *, is_late: bool) -> str:
        self.is_lost = True
        if not is_late:  # it has closed its output, and is about to end
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        self.kill()
        if self._process.returncode == -signal.SIGPROF:
            return f"no result within {self._deadline:g} s"
        if is_late:
            return f"no result within {PATIENCE * self._deadline if self._has_started else START_SECONDS:g} s"
        return f"its process ended with status {self._process.returncode}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self.output):
            with suppress(OSError):  # an unsent rest
                pipe.close()
