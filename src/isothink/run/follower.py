"""A process that trains together with the first one, and does nothing else. Called by run/pipeline.py."""

from pathlib import Path

from isothink.run.ranks import Group, SegmentOrder, follow
from isothink.run.training import follow_segment
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder


def follow_leader(group: Group) -> None:
    """Takes part in the training of every segment until the leader has no more.

    Raises:
        GroupError, Terminated: see run/ranks.py.
    """
    held: dict[str, Workspace] = {}

    def obey(order: SegmentOrder) -> None:
        if order.workspace not in held:
            held.clear()
            held[order.workspace] = Workspace(RunFolder(Path(order.run)), group=group)
        follow_segment(held[order.workspace], order)

    follow(group, obey)
