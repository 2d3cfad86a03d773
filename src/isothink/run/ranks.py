"""The processes that train one student together, started by torchrun or any launcher that sets WORLD_SIZE and RANK.

The first process leads: it alone writes, prints and decides. The others hear what it does and do the same
(run/training.py); they share nothing with it but the run folder and these messages.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from isothink.domain.record import Record
from isothink.errors import GroupError, IsothinkError
from isothink.run.backends import load_process_group
from isothink.run.interruption import Terminated, deferring_stop
from isothink.student.protocol import Processes

LAUNCHER_VARIABLES = (
    "WORLD_SIZE",
    "RANK",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "GROUP_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
)


class SegmentOrder(Record):
    """Which segment is trained, into which folder, and from which checkpoints it may go on: the first that loads.

    `workspace` changes whenever study or plan may have.
    """

    run: str
    workspace: str
    segment: str
    folder: str
    starts: tuple[tuple[str, int], ...]


class Group:
    """The processes that train together; alone, when no launcher says otherwise."""

    def __init__(self, processes: Processes | None = None) -> None:
        self._processes = processes
        self.rank = 0 if processes is None else processes.rank()
        self.size = 1 if processes is None else processes.size()

    @property
    def leads(self) -> bool:
        """Whether this process decides."""
        return self.rank == 0

    def tell(self, message: Mapping[str, Any]) -> None:
        """Says something to the others."""
        if self._processes is not None:
            self._processes.broadcast_text(json.dumps(message))

    def hear(self) -> dict[str, Any]:
        """What the leader says next."""
        assert self._processes is not None, "a process alone leads"
        message: dict[str, Any] = json.loads(self._processes.broadcast_text(None))
        return message

    def dismiss(self) -> None:
        """Tells the others that there is nothing more to do."""
        self.tell({})

    def close(self) -> None:
        """Ends the connection."""
        if self._processes is not None:
            self._processes.close()


ALONE = Group()


def launched_together() -> bool:
    """Whether a launcher started this process as one of several."""
    return os.environ.get("WORLD_SIZE", "1") not in ("", "1")


def this_process_leads() -> bool:
    """Whether this process is alone, or the first of several."""
    return not launched_together() or os.environ.get("RANK", "0") in ("", "0")


def join_group() -> Group:
    """The group that the launcher's variables describe."""
    return Group(load_process_group()) if launched_together() else ALONE


@contextmanager
def leading(group: Group) -> Iterator[None]:
    """Sends the others home when the block ends, however it ends, unless they wait in the middle of a segment.

    There, no message would reach them: this process just ends, and the launcher ends the others.
    """
    try:
        yield
    except (IsothinkError, Terminated) as error:
        if not isinstance(error, GroupError):
            group.dismiss()
            group.close()
        raise
    group.dismiss()
    group.close()


def follow(group: Group, obey: Callable[[SegmentOrder], None]) -> None:
    """Obeys the leader until it says that there is nothing more to do.

    What fails for this process fails for the leader as well, who records it and goes on with another segment. SIGTERM
    comes to all of them; the leader says what is done about it.

    Raises:
        GroupError: something failed here that the leader does not know.
        Terminated: SIGTERM came, and the leader has sent the others home.
    """
    with deferring_stop() as stop:
        while message := group.hear():
            try:
                obey(SegmentOrder.model_validate(message))
            except GroupError:
                raise
            except (IsothinkError, Terminated):
                continue
    group.close()
    if stop.came:
        raise Terminated
