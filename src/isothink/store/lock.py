"""The lock of a run folder: one scheduler at a time. Taken by run/ before it changes anything.

It is the operating system's lock on an open file, so that of a process that died is free at once: there is no stale
lock to clear. The file names who holds it.
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isothink.errors import RunFolderError


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Holds the lock until the block ends.

    Raises:
        RunFolderError: another process holds it; the message names its host and pid.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFolderError(
                f"{path.parent} is in use by {_holder(descriptor)}", hint="wait for it, or give output=DIR"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        data = json.loads(os.pread(descriptor, 4096, 0))
        return f"host {data['host']}, pid {data['pid']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
