"""The entry of `devices.json` for a device, from the name that its driver gives it. Used by run/."""

import re

from isothink.compute.hardware import Device, device

_NAMES = (
    (r"NVIDIA A100[- ](SXM4|PCIE)-40GB", "A100 40GB"),
    (r"NVIDIA A100-SXM4-80GB|NVIDIA A100 80GB PCIe", "A100 80GB"),
    (r"NVIDIA H100 80GB HBM3", "H100 SXM"),
    (r"NVIDIA (H200|B200|L4|L40S)", None),
    (r"NVIDIA GeForce (RTX 3090|RTX 4090)", None),
)
"""What `torch.cuda.get_device_name` returns, and the entry of `devices.json`; the name's first group where that is it.

Names must match as a whole: an H100 PCIe or an H200 NVL has another peak, which the table does not hold.
"""


def peak_flops(name: str | None) -> float | None:
    """FLOPs per second, or None for a CPU and for a device that the table does not hold."""
    known = known_device(name)
    return None if known is None else float(known.peak_flops)


def known_device(name: str | None) -> Device | None:
    """The device of that name, None where the table does not hold it."""
    for pattern, entry in _NAMES:
        match = re.fullmatch(pattern, name or "")
        if match:
            return device(entry or match[1])
    return None
