"""What `isothink doctor` prints: libraries, backends, devices, the machine; exit status 1 where the toy cannot run."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isothink import api
from isothink.cli.output import one_line, print_json, wide_console
from isothink.domain.numbers import scientific
from isothink.run.doctor import Health, TrainingTime
from isothink.run.machine import DeviceFound

if TYPE_CHECKING:
    from rich.table import Table

WORKS = {True: "works", False: "fails", None: "not installed"}
LONGEST_DETAIL = 300


def examine_and_print(study: Path | None, *, network: bool, utilisation: float, as_json: bool) -> None:
    """Examines and prints everything."""
    health = api.doctor(study, network=network, utilisation=utilisation)
    if as_json:
        print_json(health.model_dump(mode="json"))
    else:
        print_health(health)
    if not health.toy_works:
        raise typer.Exit(1)


def print_health(health: Health) -> None:
    """Tables and lines."""
    console = wide_console()
    console.print(_libraries(health))
    console.print(_trials(health))
    for line in [*_machine(health), *map(_device, health.devices), *_rest(health)]:
        console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)


def _libraries(health: Health) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"isothink {health.isothink}, Python {health.python}", title_justify="left")
    for name in ("library", "version", "comes with"):
        table.add_column(name)
    for library in health.libraries:
        comes_with = "isothink" if library.extra is None else f"isothink[{library.extra}]"
        table.add_row(library.name, Text(library.version or "not installed"), Text(comes_with))
    return table


def _trials(health: Health) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title="backends, tried", title_justify="left")
    for name in ("what", "", "detail"):
        table.add_column(name, overflow="fold")
    for trial in health.trials:
        table.add_row(trial.what, WORKS[trial.works], Text(one_line(trial.detail)[:LONGEST_DETAIL]))
    return table


def _machine(health: Health) -> list[str]:
    machine = health.machine
    cores = "unknown" if machine.cores is None else str(machine.cores)
    folder = f"{machine.folder}: {_bytes(machine.disk_free_bytes)} free"
    return [
        f"system: {machine.system}",
        f"cores: {cores} ({machine.processor or 'unknown processor'}); memory: {_bytes(machine.memory_bytes)}",
        folder if machine.folder_is_writable else f"{folder}, not writable",
    ]


def _device(device: DeviceFound) -> str:
    if device.name is None:
        return f"{device.torch_name}: no peak is known of processors"
    start = f"{device.torch_name}: {device.name}, {_bytes(device.memory_bytes)}"
    if device.peak_flops is None or device.bandwidth is None:
        return f"{start}; unknown device: its peak and bandwidth are not in the table"
    return (
        f"{start}; {device.table_name}: peak {scientific(device.peak_flops)} FLOPs per second in bf16,"
        f" {device.bandwidth / 1e12:.3g} TB per second"
    )


def _rest(health: Health) -> list[str]:
    lines = []
    if health.machine.has_nvidia_driver and len(health.devices) == 1:
        lines.append("there is an NVIDIA driver, but torch sees no GPU: a CPU build of torch, or CUDA_VISIBLE_DEVICES")
    lines.append(f"environment: {', '.join(_set(name, found) for name, found in health.variables.items())}")
    lines.append(f"Hugging Face Hub: {health.hub or 'not tried (--network tries)'}")
    if health.training is not None:
        lines.extend(_training(health.training))
    if health.toy_works:
        lines.append("the toy study can run: isothink init, then isothink run study.yaml")
    else:
        lines.append("the toy study cannot run: see the first backend above")
    return lines


def _set(name: str, found: bool) -> str:
    return f"{name} is {'set' if found else 'not set'}"


def _training(training: TrainingTime) -> list[str]:
    start = f"training of {training.study}: {scientific(training.training_flops)} FLOPs"
    if training.seconds is None:
        lines = [f"{start}; how long that takes here is not known: no device whose peak is in the table"]
    else:
        share = f"{100 * training.utilisation:g}% of the peak of one {training.device}"
        lines = [f"{start}; {_duration(training.seconds)} at {share}"]
    if training.guessed_seconds is not None:
        guess = _duration(training.guessed_seconds)
        lines.append(f"all that is left of it, by `flops_per_second` or by what was measured: {guess}")
    return lines


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:,.3g} h"


def _bytes(count: int | None) -> str:
    if count is None:
        return "unknown"
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
