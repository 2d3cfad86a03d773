"""Runs the steps of a plan on local worker processes, each as soon as what it needs is complete.

A step that fails takes those that need it along; all others go on.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from isothink.run.interruption import STOPPED_STATUS, Terminated
from isothink.run.ranks import LAUNCHER_VARIABLES
from isothink.run.step_progress import StepProgress
from isothink.store.run_folder import RunFolder

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
QUIET = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
STOP_SECONDS = 5.0


def thread_environment(threads: int) -> dict[str, str]:
    """What tells the libraries of a process that executes steps how many threads they may use."""
    return {**QUIET, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step to do: what must be complete before it, and how much work it is (in FLOPs, or what takes as long).

    `begins_tree`: it makes files that stay until the last of all steps that come from it is complete.
    """

    id: str
    needs: tuple[str, ...]
    work: float
    begins_tree: bool = False


class Listener(Protocol):
    """Hears what happens; the progress display is one."""

    def started(self, step: str) -> None:
        """A worker begins a step."""

    def progressed(self, step: str, progress: StepProgress) -> None:
        """A running step says how far it is."""

    def finished(self, step: str, error: str | None, *, cause: str | None = None) -> None:
        """A step is complete, or failed with an error; `cause` is another step that failed, without which it cannot."""

    def interrupted(self) -> None:
        """The run was told to stop, and waits for what runs to keep its state."""


@dataclass(kw_only=True)
class Outcome:
    """What became of the steps: ids that are complete now, and the error of each that is not, perhaps with a hint.

    `wrong_usage` holds those that failed through a mistake of the user's.
    """

    completed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    wrong_usage: set[str] = field(default_factory=set)


class Worker:
    """One worker process, and the thread that reads its answers into `inbox` as (worker, message); None at its end."""

    def __init__(self, folder: RunFolder, number: int, threads: int, inbox: "Inbox") -> None:
        log = folder.path / "logs" / f"worker{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        alone = {name: value for name, value in os.environ.items() if name not in LAUNCHER_VARIABLES}
        environment = {**alone, **thread_environment(threads)}
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "isothink.run.worker", str(folder.path), str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
                encoding="utf-8",
            )
        self.number = number
        self.step: str | None = None
        threading.Thread(target=self._read, args=(inbox,), daemon=True).start()

    def _read(self, inbox: "Inbox") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):
                inbox.put((self, json.loads(line)))
        inbox.put((self, None))

    def start(self, step: str) -> None:
        """Hands the worker a step."""
        self.step = step
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # a dead worker is noticed by its reader
            self.process.stdin.write(step + "\n")
            self.process.stdin.flush()

    def interrupt(self) -> None:
        """Tells the process to keep what it can and to end."""
        self.process.terminate()

    def wait(self) -> None:
        """Waits for its end."""
        self.process.wait()

    def stop(self) -> None:
        """Ends the process."""
        with suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


Inbox = queue.Queue[tuple[Worker, Any]]


class Scheduler:
    """Executes steps on `processes` workers; those on the longest remaining chain go first.

    Before all of them go steps of trees that were begun: the disk then never holds more trees than there are workers,
    which the plan's peak takes for granted.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        processes: int,
        threads: int,
        listener: Listener,
        on_settled: Callable[[str], None] = lambda step: None,
        hire: "Callable[[Inbox], Worker] | None" = None,
    ) -> None:
        """`hire` makes a worker of another kind; a process of its own is the usual one."""
        self._processes = processes
        self._hire = hire or (lambda inbox: Worker(folder, len(self._workers), threads, inbox))
        self._listener = listener
        self._on_settled = on_settled
        self._inbox: Inbox = queue.Queue()
        self._workers: list[Worker] = []

    def run(self, steps: Iterable[Step]) -> Outcome:
        """Runs until every step is complete or has failed."""
        waiting = {step.id: step for step in steps}
        ranks = chain_lengths(waiting)
        outcome = Outcome()
        try:
            while waiting or any(worker.step for worker in self._workers):
                self._assign(waiting, ranks)
                self._hear(waiting, outcome)
        except (KeyboardInterrupt, Terminated):
            self._listener.interrupted()
            for worker in self._workers:
                worker.interrupt()
            for worker in self._workers:
                worker.wait()  # segments keep their states; whoever interrupts again does not wait
            raise
        finally:
            for worker in self._workers:
                worker.stop()
            self._workers = []
        return outcome

    def _assign(self, waiting: dict[str, Step], ranks: Mapping[str, float]) -> None:
        running = {worker.step for worker in self._workers}
        ready = [
            step for step in waiting.values() if not any(need in waiting or need in running for need in step.needs)
        ]
        ready.sort(key=lambda step: precedence(step, ranks))
        for step in ready:
            worker = self._idle()
            if worker is None:
                return
            del waiting[step.id]
            self._listener.started(step.id)
            worker.start(step.id)

    def _idle(self) -> Worker | None:
        for worker in self._workers:
            if worker.step is None:
                return worker
        if len(self._workers) < self._processes:
            self._workers.append(self._hire(self._inbox))
            return self._workers[-1]
        return None

    def _hear(self, waiting: dict[str, Step], outcome: Outcome) -> None:
        worker, message = self._inbox.get()
        step = worker.step
        if message is None:
            self._bury(worker)
            if step is not None:
                code = worker.process.wait()
                how = f"signal {-code}" if code < 0 else f"exit status {code}"
                how = "SIGTERM; what it trained kept its state" if code == STOPPED_STATUS else how
                self._fail(step, f"the worker ended with {how}; see logs/worker{worker.number}.log", waiting, outcome)
        elif message["event"] == "progress":
            self._listener.progressed(message["step"], StepProgress.model_validate(message["progress"]))
        elif step is not None:
            worker.step = None
            if message["event"] == "done":
                outcome.completed.append(step)
                self._listener.finished(step, None)
                self._on_settled(step)
            else:
                outcome.hints[step] = str(message.get("hint") or "")
                if message.get("is_usage"):
                    outcome.wrong_usage.add(step)
                self._fail(step, str(message["error"]), waiting, outcome)

    def _bury(self, worker: Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)

    def _fail(self, step: str, error: str, waiting: dict[str, Step], outcome: Outcome) -> None:
        failed = [step]
        while failed:
            name = failed.pop()
            outcome.failed[name] = error if name == step else f"{step} failed: {error}"
            self._listener.finished(name, outcome.failed[name], cause=None if name == step else step)
            dependents = [other.id for other in waiting.values() if name in other.needs]
            for dependent in dependents:
                del waiting[dependent]
            failed.extend(dependents)
        self._on_settled(step)


def chain_lengths(steps: Mapping[str, Step]) -> dict[str, float]:
    """For each step the work of the longest chain that begins with it."""
    children: dict[str, list[str]] = defaultdict(list)
    for step in steps.values():
        for need in step.needs:
            children[need].append(step.id)
    lengths: dict[str, float] = {}
    order = parents_first(steps)
    for identity in reversed(order):
        longest = max((lengths[child] for child in children[identity]), default=0.0)
        lengths[identity] = steps[identity].work + longest
    return lengths


def precedence(step: Step, ranks: Mapping[str, float]) -> tuple[bool, float, str]:
    """Which of the steps that are ready go first: those of trees that were begun, then those on the longest chain."""
    return step.begins_tree, -ranks[step.id], step.id


def parents_first(steps: Mapping[str, Step]) -> list[str]:
    """Ids in an order in which every step comes after those that it needs.

    Raises:
        AssertionError: steps need each other in a circle.
    """
    order: list[str] = []
    placed: set[str] = set()
    left = list(steps.values())
    while left:
        later = []
        for step in left:
            if any(need in steps and need not in placed for need in step.needs):
                later.append(step)
            else:
                order.append(step.id)
                placed.add(step.id)
        if len(later) == len(left):
            raise AssertionError(f"steps need each other in a circle: {[step.id for step in later]}")
        left = later
    return order
