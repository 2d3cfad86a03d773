"""What the shell offers for arguments and options: at a key press, so each imports little. Used by options.py.

`isothink --install-completion` sets it up.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

Completer = Callable[[str], list[str]]


def among(*values: str) -> Completer:
    """Completes one of these."""

    def complete(incomplete: str) -> list[str]:
        return _starting(values, incomplete)

    return complete


def models(incomplete: str) -> list[str]:
    """Published architectures by their Hub id, whatever the case; paths are the shell's to complete."""
    from isothink.compute.registry import published_names

    return _in_any_case(published_names(), incomplete)


def devices(incomplete: str) -> list[str]:
    """Known devices, without the spaces that a shell would take for ends."""
    from isothink.compute.hardware import device_names

    return _in_any_case([name.lower().replace(" ", "-") for name in device_names()], incomplete)


def conventions(incomplete: str) -> list[str]:
    """FLOPs conventions."""
    from isothink.compute.conventions import CONVENTIONS

    return _starting(CONVENTIONS, incomplete)


def benchmarks(incomplete: str) -> list[str]:
    """Procedural tasks and published benchmarks; files are the shell's to complete."""
    return _starting(_benchmark_names(), incomplete)


def several_benchmarks(incomplete: str) -> list[str]:
    """The last of several benchmarks with commas between."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _starting(_benchmark_names(), last)]


def families_of_run(context: typer.Context, incomplete: str) -> list[str]:
    """The families that the run's evidence holds; none where it has none yet."""
    run = next(iter(context.args), None)  # what stands on the line is not read as a parameter while it is completed
    try:
        evidence = json.loads((Path(str(run)) / "evidence.json").read_text(encoding="utf-8"))
        names = [str(name) for name in evidence["families"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return _starting(names, incomplete)


def _benchmark_names() -> list[str]:
    """By the names of their files: to read these takes longer than a key press may."""
    from importlib.resources import files

    from isothink.procedural.tasks import TASKS

    published = files("isothink.benchmark").joinpath("published").iterdir()
    return [*TASKS, *sorted(file.name.removesuffix(".yaml") for file in published if file.name.endswith(".yaml"))]


def _starting(values: Iterable[str], incomplete: str) -> list[str]:
    return [value for value in values if value.startswith(incomplete)]


def _in_any_case(values: Iterable[str], incomplete: str) -> list[str]:
    """Goes on from what was typed: where case does not count, a shell would still compare it."""
    found = [value for value in values if value.lower().startswith(incomplete.lower())]
    return [incomplete + value[len(incomplete) :] for value in found]
