"""SIGTERM, a cluster's notice that the machine is needed: a training segment saves its state first, all else stops.

Used by the command line, by workers and by run/training.py. A process that was stopped so ends with status 143.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPPED_STATUS = 128 + signal.SIGTERM
"""What a shell reports of a process that SIGTERM ended."""


class Terminated(BaseException):
    """SIGTERM came; as of an interrupt from the keyboard, no handler of ordinary errors hears of it."""


@dataclass(slots=True)
class StopRequest:
    """Whether SIGTERM came while it was deferred."""

    came: bool = False


_deferred: list[StopRequest] = []
_seen = StopRequest()


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    for request in _deferred:
        request.came = True
    if not _deferred and not _seen.came:  # the second of two notices must not disturb what the first one began
        _seen.came = True
        raise Terminated


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM raises Terminated while the block runs; outside the main thread, which hears none, nothing changes."""
    try:
        before = signal.signal(signal.SIGTERM, _on_sigterm)
    except ValueError:
        yield
        return
    _seen.came = False
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def deferring_stop() -> Iterator[StopRequest]:
    """SIGTERM is noted while the block runs, for whoever saves something before it raises Terminated by itself."""
    request = StopRequest()
    _deferred.append(request)
    try:
        yield request
    finally:
        _deferred.remove(request)
