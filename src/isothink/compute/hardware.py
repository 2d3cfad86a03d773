"""Seconds that a phase takes on a device: bound by arithmetic or by memory traffic, whichever takes longer.

`devices.json` holds dense bf16 peaks (data sheets often print the sparse figure, twice that) with their source.
"""

import difflib
import json
from functools import cache
from importlib.resources import files

from pydantic import PositiveFloat

from isothink.compute.architecture import Architecture
from isothink.compute.flops import causal_pairs, decode_flops, prefill_flops
from isothink.compute.lengths import token_count
from isothink.compute.parameters import parameter_counts
from isothink.domain.record import Record
from isothink.errors import UsageError

SERVING = ("prefill_flops", "decode_flops", "weight_bytes", "cache_bytes")
"""What one query asks of a device; see `serving_work`."""


class Device(Record):
    """One accelerator."""

    name: str
    peak_flops: PositiveFloat
    """Dense bf16 matrix products with fp32 accumulation, in FLOPs per second."""
    bandwidth: PositiveFloat
    """Of the device's memory, in bytes per second."""
    memory_bytes: PositiveFloat
    source: str
    """Where the numbers were published."""


def device(name: str) -> Device:
    """Look a device up by name, or by the start of one name alone, ignoring case; hyphens may stand for spaces.

    Raises:
        UsageError: an unknown device, or a start of several: nothing is guessed.
    """
    devices = _devices()
    wanted = name.strip().lower().replace("-", " ")
    started = [key for key in devices if key.startswith(f"{wanted} ")]
    found = devices.get(wanted) or (devices[started[0]] if len(started) == 1 else None)
    if len(started) > 1 and found is None:
        raise UsageError(f"device {name!r} is one of several", hint=", ".join(devices[key].name for key in started))
    if found is None:
        near = [devices[key].name for key in devices if _alike(key[: len(wanted)], wanted)]
        known = f"known are {', '.join(device_names())}"
        raise UsageError(f"unknown device {name!r}", hint=f"did you mean {' or '.join(near)}?" if near else known)
    return found


def _alike(start: str, wanted: str) -> bool:
    """Whether what was typed may be a misspelled start of a name: a name's end, such as SXM, is often left out."""
    return bool(wanted) and difflib.SequenceMatcher(None, start, wanted).ratio() >= 0.75


def device_names() -> list[str]:
    """The names of all known devices."""
    return [known.name for known in _devices().values()]


def phase_seconds(
    *, flops: float, bytes_moved: float, peak_flops: float, utilisation: float, bandwidth: float
) -> float:
    """Seconds of a phase: max(FLOPs / (peak x utilisation), bytes / bandwidth).

    Raises UsageError unless 0 < utilisation <= 1 and both rates are positive.
    """
    if not 0 < utilisation <= 1:
        raise UsageError(f"utilisation is {utilisation!r}; it must be above 0 and at most 1")
    if not (peak_flops > 0 and bandwidth > 0):
        raise UsageError("peak_flops and bandwidth must be positive")
    return max(flops / (peak_flops * utilisation), bytes_moved / bandwidth)


def serving_work(
    architecture: Architecture, prompt_tokens: int, output_tokens: int, *, value_bytes: int = 2
) -> tuple[float, float, float, float]:
    """What one query asks of a device: the values of `SERVING`, in that order.

    FLOPs of prefill and of decoding; bytes of weights that its decoding steps read, once for a whole batch, and of its
    own keys and values.
    """
    weights, cached = _bytes_read(architecture, prompt_tokens, output_tokens)
    return (
        float(prefill_flops(architecture, prompt_tokens)),
        float(decode_flops(architecture, prompt_tokens, output_tokens)),
        float(weights * value_bytes),
        float(cached * value_bytes),
    )


def decode_bytes(
    architecture: Architecture, prompt_tokens: int, output_tokens: int, *, batch_size: int, value_bytes: int = 2
) -> int:
    """Bytes read by decoding a batch of equal sequences: the weights once per step, each sequence's keys and values.

    Counts all experts' weights, which a large batch visits between them: an upper bound for a small batch.
    """
    weights, cached = _bytes_read(architecture, prompt_tokens, output_tokens)
    return (weights + token_count("batch_size", batch_size) * cached) * value_bytes


def _bytes_read(architecture: Architecture, prompt_tokens: int, output_tokens: int) -> tuple[int, int]:
    """Values, not bytes: weights read by all decoding steps, and one sequence's keys and values."""
    prompt_tokens = token_count("prompt_tokens", prompt_tokens)
    last = prompt_tokens + token_count("output_tokens", output_tokens) - 1
    keys = sum(
        layers * (causal_pairs(last, window) - causal_pairs(prompt_tokens, window))
        for window, layers in architecture.window_counts().items()
    )
    weights = (last - prompt_tokens) * parameter_counts(architecture).matmul
    return weights, keys * 2 * architecture.key_value_heads * architecture.head_size


@cache
def _devices() -> dict[str, Device]:
    table = json.loads(files("isothink.compute").joinpath("devices.json").read_text(encoding="utf-8"))
    return {name.lower(): Device(name=name, **fields) for name, fields in table.items()}
