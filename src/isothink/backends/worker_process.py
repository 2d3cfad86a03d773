"""The side of a worker process: reads questions as lines of JSON, answers each with one. Used by `*_worker.py`.

A question may make it hang or die. The system ends it when a question has used its processor time, even inside a C
function that holds Python's lock; what waits is ended by its parent, or by an alarm should that be dead.
"""

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO


def serve(answer: Callable[[Any], object], *, prepare: Callable[[], object], memory_limit: int) -> None:
    """Works until standard input ends. The arguments are the seconds of processor time and of the clock that one
    question may take.

    `prepare` imports what takes long, before the first deadline begins; `memory_limit` is of address space.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    processor_seconds, clock_seconds = float(sys.argv[1]), int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # only answers go to standard output
    with suppress(OSError, ValueError):  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    logging.disable()
    try:
        prepare()
    except Exception as error:
        _write(answers, error=_described(error))
        return
    _write(answers, ready=True)
    for line in sys.stdin:
        # Both signals have their default action, which ends the process.
        signal.setitimer(signal.ITIMER_PROF, processor_seconds)
        signal.alarm(clock_seconds)
        try:
            value = answer(json.loads(line))
        except Exception as error:
            _write(answers, error=_described(error))
        else:
            _write(answers, value=value)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)


def _write(answers: TextIO, **facts: object) -> None:
    answers.write(json.dumps(facts) + "\n")
    answers.flush()


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
