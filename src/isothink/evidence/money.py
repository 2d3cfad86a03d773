"""Seconds and dollars of training and of serving on a device, from counted FLOPs and bytes.

Called by candidates.py and api.py. Training, a teacher's answers and prefill are bound by arithmetic at a stated
utilisation; decoding by arithmetic or by memory traffic, whichever takes longer: the weights are read once per step for
the whole batch, keys and values once for each sequence.
"""

from typing import Literal

from isothink.compute.hardware import device, phase_seconds
from isothink.errors import UsageError
from isothink.evidence.observations import Floats
from isothink.evidence.record import Money, ServingCost

UTILISATION = 0.4
"""Of the peak, in training: an assumption; PaLM 540B reached 0.46 (Chowdhery et al. 2022, arXiv:2204.02311)."""
BATCH_SIZE = 32
"""Sequences decoded together: an assumption."""


def terms_of(
    axis: Literal["flops", "seconds", "usd"],
    *,
    device_name: str | None,
    price_per_hour: float | None,
    batch_size: int | None = None,
    utilisation: float | None = None,
) -> Money | None:
    """The checked record of an axis, None of FLOPs, which know no device.

    Raises:
        UsageError: see `money`; or a device, or what is said of one, beside FLOPs, where it would change nothing.
    """
    if axis != "flops":
        return money(
            axis,
            device_name=device_name,
            price_per_hour=price_per_hour,
            batch_size=batch_size,
            utilisation=utilisation,
        )
    given = {
        "--device": device_name,
        "--price": price_per_hour,
        "--batch-size": batch_size,
        "--utilisation": utilisation,
    }
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option}: found {value}, allowed is it only where costs are in seconds or dollars",
                hint="add --axis seconds or --axis usd",
            )
    return None


def money(
    axis: Literal["seconds", "usd"],
    *,
    device_name: str | None,
    price_per_hour: float | None,
    batch_size: int | None = None,
    utilisation: float | None = None,
) -> Money:
    """The checked record of an axis.

    Raises:
        UsageError: no device, an unknown one, or an impossible number.
    """
    if device_name is None:
        raise UsageError(f"--axis {axis}: found no device", hint="--device h100, for example")
    if axis == "usd" and price_per_hour is None:
        raise UsageError("--axis usd: found no price", hint="--price 2.5, in dollars per hour of the device")
    price = 0.0 if price_per_hour is None else price_per_hour
    batch = BATCH_SIZE if batch_size is None else batch_size
    share = UTILISATION if utilisation is None else utilisation
    if not 0 <= price < float("inf") or (axis == "usd" and price == 0):
        raise UsageError(f"--price: found {price:g}, allowed are dollars per hour above 0")
    if batch < 1:
        raise UsageError(f"--batch-size: found {batch}, allowed are whole numbers from 1")
    if not 0 < share <= 1:
        raise UsageError(f"--utilisation: found {share:g}, allowed is more than 0 and at most 1")
    return Money(
        axis=axis,
        device=device(device_name).name,
        price_per_hour=price,
        batch_size=batch,
        utilisation=share,
    )


def seconds_to_compute(flops: Floats, terms: Money) -> Floats:
    """Device-seconds of work that is bound by arithmetic."""
    return flops / (device(terms.device).peak_flops * terms.utilisation)


def seconds_to_serve(serving: ServingCost, terms: Money) -> float:
    """Device-seconds of the mean query: its prefill and its part of the decoding of its batch."""
    chip = device(terms.device)
    rates = {"peak_flops": chip.peak_flops, "utilisation": terms.utilisation, "bandwidth": chip.bandwidth}
    prefill = phase_seconds(flops=serving.prefill_flops, bytes_moved=0.0, **rates)
    moved = serving.weight_bytes / terms.batch_size + serving.cache_bytes
    return prefill + phase_seconds(flops=serving.decode_flops, bytes_moved=moved, **rates)
