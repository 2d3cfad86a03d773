"""What the live view costs the scheduler's process, in CPU seconds: steps that do nothing, with the view and without.

    python benchmarks/live_view.py                       2,000 steps of 20 ms on two workers, and 4 of 10 s
    python benchmarks/live_view.py --rounds 5

Scheduler, listener and view are those of a run; the workers are threads that wait. Each round is a process of its own
in a pseudo-terminal of 40 lines by 120 columns, whose output is read and thrown away.
"""

import argparse
import os
import pty
import statistics
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from isothink.run.progress import Progress
from isothink.run.scheduler import Inbox, Scheduler, Step, Worker
from isothink.run.step_progress import StepProgress
from isothink.run.study_progress import Watched, WatchedStep
from isothink.store.run_folder import RunFolder

TELL_SECONDS = 0.5


class Waiting(Worker):
    """A worker that waits, and says how far it is as the real ones do."""

    def __init__(self, inbox: Inbox, seconds: float) -> None:
        self.step = None
        self._inbox = inbox
        self._seconds = seconds

    def start(self, step: str) -> None:
        """See Worker."""
        self.step = step
        threading.Thread(target=self._wait, args=(step,), daemon=True).start()

    def _wait(self, step: str) -> None:
        began = time.monotonic()
        while (left := began + self._seconds - time.monotonic()) > 0:
            time.sleep(min(left, TELL_SECONDS))
            share = min(1.0, (time.monotonic() - began) / self._seconds)
            progress = StepProgress(flops=1e15 * share).model_dump()
            self._inbox.put((self, {"event": "progress", "step": step, "progress": progress}))
        self._inbox.put((self, {"event": "done", "step": step}))

    def interrupt(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""

    def wait(self) -> None:
        """Nothing."""


def work(steps: int, seconds: float, quiet: bool) -> float:
    """Runs so many steps in trees of ten; returns the CPU seconds."""
    tree = [
        Step(id=f"s{n}", needs=(f"s{n - 1}",) if n % 10 else (), work=1e15, begins_tree=not n % 10)
        for n in range(steps)
    ]
    described = {
        step.id: WatchedStep(
            id=step.id,
            kind="train",
            label=f"445k sequential(0.5) seed 0 trunk to step {n}",
            phase="training",
            flops=1e15,
            student="445k",
            tree=f"445k ift seed {n // 10}",
        )
        for n, step in enumerate(tree)
    }
    watched = Watched(
        title="bench", steps=tuple(tree), described=described, planned={"training": 1e15 * steps}, workers=2
    )
    with TemporaryDirectory() as folder:
        began = time.process_time()
        with Progress(watched, quiet=quiet) as progress:
            Scheduler(
                RunFolder(Path(folder)),
                processes=2,
                threads=1,
                listener=progress,
                hire=lambda inbox: Waiting(inbox, seconds),
            ).run(tree)
        return time.process_time() - began


def measured(steps: int, seconds: float, quiet: bool) -> tuple[float, float]:
    """CPU and wall seconds of a process in a pseudo-terminal."""
    reader, writer = os.pipe()
    began = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="120", LINES="40")
        os.environ.pop("CI", None)
        os.write(writer, str(work(steps, seconds, quiet)).encode())
        os._exit(0)
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the child has ended
        pass
    os.waitpid(child, 0)
    wall = time.monotonic() - began
    os.close(writer)
    with os.fdopen(reader) as found:
        return float(found.read()), wall


def main() -> None:
    """Prints one line per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for steps, seconds in ((2000, 0.02), (4, 10.0)):
        found = {quiet: [measured(steps, seconds, quiet) for _ in range(rounds)] for quiet in (True, False)}
        for quiet, times in found.items():
            cpu, wall = (statistics.median(column) for column in zip(*times, strict=True))
            name = "quiet" if quiet else "live"
            print(
                f"{steps} steps of {seconds} s, {name}: {cpu:.2f} CPU s in {wall:.1f} s, {cpu / wall:.1%} of one core"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
