"""The processes that train together, as `torchrun` starts them: who one is, and short messages from the first.

Used by the trainer, and by run/, whose first process leads. Alone, every function returns at once.
"""

import os
from datetime import timedelta

import torch
from torch import distributed

CONTROL_TIMEOUT = timedelta(days=30)
"""Processes that do not lead wait for the next message however long the first one evaluates."""

_control: list[distributed.ProcessGroup] = []


def rank() -> int:
    """This process's number; the first, 0, leads."""
    return distributed.get_rank() if distributed.is_initialized() else _number("RANK", 0)


def local_rank() -> int:
    """This process's number on its machine."""
    return _number("LOCAL_RANK", rank())


def size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else _number("WORLD_SIZE", 1)


def join() -> None:
    """Meets the others, once; every process must come."""
    if size() == 1 or _control:
        return
    if not distributed.is_initialized():
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.set_device(local_rank() % torch.cuda.device_count())
        distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    _control.append(distributed.new_group(backend="gloo", timeout=CONTROL_TIMEOUT))


def close() -> None:
    """Leaves the others; the last thing that a process does with them."""
    if distributed.is_initialized():
        _control.clear()
        distributed.destroy_process_group()


def broadcast_text(text: str | None) -> str:
    """The first process's text, in all of them; the others hand over None."""
    if size() == 1:
        return text or ""
    join()
    data = (text or "").encode()
    length = torch.tensor([len(data)])
    distributed.broadcast(length, src=0, group=_control[0])
    content = torch.empty(int(length), dtype=torch.uint8)
    if rank() == 0:
        content = torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else content
    if len(content):
        distributed.broadcast(content, src=0, group=_control[0])
    return bytes(content.tolist()).decode()


def broadcast_flag(value: bool) -> bool:
    """The first process's answer, in all of them."""
    return broadcast_text("yes" if value else "no") == "yes"


def any_of(value: bool) -> bool:
    """Whether it is so in any process."""
    return value if size() == 1 else total(float(value)) > 0


def total(value: float) -> float:
    """The sum over all processes."""
    if size() == 1:
        return value
    join()
    shared = torch.tensor([value], dtype=torch.float64)
    distributed.all_reduce(shared, group=_control[0])
    return float(shared)


def _number(variable: str, default: int) -> int:
    return int(os.environ.get(variable) or default)
