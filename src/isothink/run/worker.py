"""A worker process: executes the steps that the scheduler names, one after the other.

It reads step ids from standard input and answers with JSON lines; when the scheduler dies, standard input ends and the
worker stops at once, in the middle of whatever it does. On SIGTERM it stops as well, but a segment keeps its state
first; an interrupt from the keyboard is the scheduler's to hear.
"""

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from isothink.errors import IsothinkError
from isothink.run.interruption import STOPPED_STATUS, Terminated, stopped_by_sigterm
from isothink.run.step import execute_step
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder


def main() -> None:
    """Works until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print to standard output; only answers may go there
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopped_by_sigterm():
            workspace = Workspace(RunFolder(Path(sys.argv[1])), device=int(sys.argv[2]))
            for step in _requests():
                _work(workspace, step, answers)
    except Terminated:
        sys.exit(STOPPED_STATUS)


def _requests() -> Any:
    """Step ids as they come; the process ends with its input, even while it works."""
    waiting: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            waiting.put(line.strip())
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield waiting.get()


def _work(workspace: Workspace, step: str, answers: TextIO) -> None:
    def answer(**facts: object) -> None:
        answers.write(json.dumps({"step": step, **facts}) + "\n")
        answers.flush()

    try:
        execute_step(workspace, step, lambda progress: answer(event="progress", progress=progress.model_dump()))
    except Terminated:
        if workspace.folder.manifest("segments", step) is not None:
            answer(event="done")
        raise
    except IsothinkError as error:
        answer(event="failed", error=error.message, hint=error.hint, is_usage=error.exit_status == 2)
    except Exception as error:  # a failure of one step is data; its log holds the traceback
        answer(event="failed", error=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
    else:
        answer(event="done")


if __name__ == "__main__":
    main()
