"""Seconds that a phase takes on a device: bound by arithmetic or by memory traffic, whichever takes longer.

`devices.json` holds dense bf16 peaks (data sheets often print the sparse figure, twice that) with their source.
"""

import difflib
import json
from functools import cache
from importlib.resources import files

from pydantic import PositiveFloat

from isothink.compute.architecture import Architecture
from isothink.compute.flops import causal_pairs
from isothink.compute.lengths import token_count
from isothink.compute.parameters import parameter_counts
from isothink.domain.record import Record
from isothink.errors import UsageError


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
    """Look a device up by name, ignoring case; raises UsageError for an unknown one rather than guess."""
    devices = _devices()
    found = devices.get(name.strip().lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), devices, n=3) or list(devices)
        raise UsageError(f"unknown device {name!r}", hint="known: " + ", ".join(devices[key].name for key in near))
    return found


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


def decode_bytes(
    architecture: Architecture, prompt_tokens: int, output_tokens: int, *, batch_size: int, value_bytes: int = 2
) -> int:
    """Bytes read by decoding a batch of equal sequences: the weights once per step, each sequence's keys and values.

    Counts all experts' weights, which a large batch visits between them: an upper bound for a small batch.
    """
    prompt_tokens, batch_size = token_count("prompt_tokens", prompt_tokens), token_count("batch_size", batch_size)
    last = prompt_tokens + token_count("output_tokens", output_tokens) - 1
    keys = sum(
        layers * (causal_pairs(last, window) - causal_pairs(prompt_tokens, window))
        for window, layers in architecture.window_counts().items()
    )
    weights = (last - prompt_tokens) * parameter_counts(architecture).matmul
    cached = keys * 2 * architecture.key_value_heads * architecture.head_size
    return (weights + batch_size * cached) * value_bytes


@cache
def _devices() -> dict[str, Device]:
    table = json.loads(files("isothink.compute").joinpath("devices.json").read_text(encoding="utf-8"))
    return {name.lower(): Device(name=name, **fields) for name, fields in table.items()}
