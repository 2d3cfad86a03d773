"""The machine that a command runs on: cores, memory, disk, known devices. Called by doctor.py."""

import os
import platform
import shutil
from pathlib import Path

from isothink.domain.record import Record
from isothink.run.utilisation import known_device


class DeviceFound(Record):
    """A device that torch sees. Peak and bandwidth are of data sheets, None where its name is not in the table."""

    torch_name: str
    name: str | None
    memory_bytes: int | None
    table_name: str | None
    peak_flops: float | None
    bandwidth: float | None


class Machine(Record):
    """What the machine has; None where the system does not say."""

    system: str
    processor: str | None
    cores: int | None
    memory_bytes: int | None
    folder: str
    disk_free_bytes: int | None
    folder_is_writable: bool
    has_nvidia_driver: bool


def this_machine() -> Machine:
    """The machine, and the disk of the current folder."""
    folder = Path.cwd()
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        free = None
    return Machine(
        system=platform.platform(),
        processor=_processor(),
        cores=_cores(),
        memory_bytes=_memory(),
        folder=str(folder),
        disk_free_bytes=free,
        folder_is_writable=os.access(folder, os.W_OK),
        has_nvidia_driver=Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None,
    )


def device_found(torch_name: str, name: str | None, memory_bytes: int | None) -> DeviceFound:
    """A device with what the table knows of it."""
    known = known_device(name)
    return DeviceFound(
        torch_name=torch_name,
        name=name,
        memory_bytes=memory_bytes,
        table_name=None if known is None else known.name,
        peak_flops=None if known is None else known.peak_flops,
        bandwidth=None if known is None else known.bandwidth,
    )


def _processor() -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip() or None
    except OSError:  # not Linux
        pass
    return platform.processor() or None


def _cores() -> int | None:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
