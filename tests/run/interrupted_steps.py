"""Executes steps of run folders in children of one process, and has some of them killed at a given moment.

Run as a script: `interrupted_steps.py JSON`, where the JSON holds [[run, step, fault or null], ...]; prints the exit
status of each child, negative for a signal. Importing torch once and forking makes a step as cheap as it is.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path

import pyarrow.dataset  # noqa: F401 - imported once, for all children
import transformers.models.qwen3.modeling_qwen3  # noqa: F401

from isothink.backends import transformers_trainer  # noqa: F401
from isothink.run import checkpoints, training
from isothink.run.interruption import STOPPED_STATUS, Terminated, stopped_by_sigterm
from isothink.run.open import open_run
from isothink.run.segment_log import SegmentLog
from isothink.run.step import execute_step
from isothink.store import attempts

EVERY = 10
"""Checkpoints are written after so many steps, whatever the clock says."""


def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)


def at_step(count, act):
    """Acts while the step is added, before anything of it is on the disk."""
    add = SegmentLog.add

    def patched(self, metrics):
        if self.steps + 1 == count:
            act()
        return add(self, metrics)

    SegmentLog.add = patched


def by_steps(every):
    init, keep = training._Lead.__init__, training._Lead._keep

    def patched(self, *arguments):
        init(self, *arguments)
        self._seconds = 0.0

    def only_now_and_then(self, *, stops):
        if stops or self.log.steps % every == 0:
            keep(self, stops=stops)

    training._Lead.__init__, training._Lead._keep = patched, only_now_and_then


def plant(fault):
    by_steps(EVERY if fault is None or not fault.endswith("every step") else 1)
    attempts.INTERVAL_SECONDS = 0.0
    moment = (fault or "").removesuffix(", every step")
    if moment.startswith("killed at step "):
        at_step(int(moment.rsplit(" ", 1)[1]), die)
    elif moment.startswith("told to stop at step "):
        at_step(int(moment.rsplit(" ", 1)[1]), lambda: os.kill(os.getpid(), signal.SIGTERM))
    elif moment == "killed while a second checkpoint is written":
        at_step(EVERY + 1, lambda: setattr(checkpoints, "_digests", die))
    elif moment == "killed between two checkpoints' renaming and removal":
        at_step(EVERY + 1, lambda: setattr(checkpoints, "_remove", die))
    elif moment == "killed while the segment is written":
        training._save = die
    elif moment == "the disk is full":

        def full(*arguments, **named):
            raise OSError(28, "No space left on device")

        checkpoints.filled_beside = full
        at_step(EVERY + 5, lambda: os.kill(os.getpid(), signal.SIGTERM))
    else:
        assert fault is None, fault


def child(run, step, fault):
    plant(fault)
    try:
        with stopped_by_sigterm():
            execute_step(open_run(Path(run)), step)
    except Terminated:
        os._exit(STOPPED_STATUS)
    except Exception:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main():
    statuses = []
    for run, step, fault in json.loads(sys.argv[1]):
        pid = os.fork()
        if pid == 0:
            child(run, step, fault)
        status = os.waitpid(pid, 0)[1]
        statuses.append(os.waitstatus_to_exitcode(status))
    print(json.dumps(statuses))


if __name__ == "__main__":
    main()
