"""The accelerators of this machine, as torch sees them. Looked up by run/."""

import torch


def choose_accelerator(number: int) -> str | None:
    """Makes one of the accelerators this process's own, counting round, and returns its name; None without any."""
    count = torch.cuda.device_count()
    if not count:
        return None
    torch.cuda.set_device(number % count)
    return str(torch.cuda.get_device_name(number % count))
