"""What is installed, what works, what the machine has. Called by api.doctor; docs/cli.md shows the command.

Libraries are looked for without importing them; backends are then tried in processes of their own, side by side, so
that one that hangs or crashes is a finding about that one.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from isothink.domain.record import Record
from isothink.domain.study import Study
from isothink.domain.teacher_settings import OpenAITeacher
from isothink.errors import UsageError
from isothink.run.load import load_study_file
from isothink.run.machine import DeviceFound, Machine, device_found, this_machine

DEADLINE_SECONDS = 90.0
HUB = "https://huggingface.co"
HUB_SECONDS = 5.0
VARIABLES = ("HF_TOKEN", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES")

LIBRARIES = {
    "numpy": None,
    "pyarrow": None,
    "duckdb": None,
    "altair": None,
    "torch": "train",
    "transformers": "train",
    "tokenizers": "train",
    "safetensors": "train",
    "peft": "train",
    "aiohttp": "generate",
    "tenacity": "generate",
    "datasets": "generate",
    "math-verify": "generate",
    "lm-eval": "ifeval",
    "langdetect": "ifeval",
    "immutabledict": "ifeval",
    "nltk": "ifeval",
    "vllm": "vllm",
}
"""Libraries by the name that pip knows, and the extra that brings each; the first come with isothink."""


class _Trial(NamedTuple):
    what: str
    libraries: tuple[str, ...]
    extra: str
    test: str


TRIALS = (
    _Trial("students train and answer", ("torch", "transformers", "tokenizers", "safetensors"), "train", "training"),
    _Trial("low-rank adapters", ("peft", "torch"), "train", "adapters"),
    _Trial("served teachers, students, judges", ("aiohttp", "tenacity"), "generate", "servers"),
    _Trial("data sets of the Hub", ("datasets",), "generate", "hub-sets"),
    _Trial("comparing mathematics", ("math_verify",), "generate", "mathematics"),
    _Trial("IFEval's instructions", ("lm_eval", "langdetect", "immutabledict", "nltk"), "ifeval", "instructions"),
    _Trial("students answer with vLLM", ("vllm",), "vllm", "vllm"),
)
_TOGETHER = (("training", "adapters"), ("servers", "hub-sets", "mathematics", "instructions"), ("vllm",))
"""Trials that share a process, and so what they import."""


class Library(Record):
    """A library; `version` is None where it is not installed, and `extra` None where isothink itself needs it."""

    name: str
    version: str | None
    extra: str | None


class Trial(Record):
    """A backend, tried; `works` is None where it was not, because libraries are missing."""

    name: str
    what: str
    works: bool | None
    detail: str
    seconds: float | None = None


class TrainingTime(Record):
    """What a study trains, and how long that takes on the best known device; None where none is known."""

    study: str
    training_flops: float
    device: str | None
    utilisation: float
    seconds: float | None
    guessed_seconds: float | None
    """All that is left, by the study's own `flops_per_second` or by what was measured in its run folder."""


class Health(Record):
    """Everything. `toy_works` is what the command's exit status says."""

    isothink: str
    python: str
    libraries: tuple[Library, ...]
    trials: tuple[Trial, ...]
    devices: tuple[DeviceFound, ...]
    machine: Machine
    variables: dict[str, bool]
    """Whether each environment variable is set; never what it holds."""
    hub: str | None = None
    training: TrainingTime | None = None
    toy_works: bool


def examine(study: Path | None = None, *, network: bool = False, utilisation: float = 0.4) -> Health:
    """Looks at everything; a few seconds, most of them for importing torch.

    Raises:
        UsageError, StudyError: the study file or the utilisation is wrong; nothing else does.
    """
    from isothink import __version__

    if not 0 < utilisation <= 1:
        raise UsageError(f"--utilisation: found {utilisation:g}, allowed are numbers above 0 up to 1")
    found = _tried()
    devices = tuple(_devices(found))
    loaded = None if study is None else load_study_file(study)
    trials = tuple(_trial(trial, found) for trial in TRIALS)
    return Health(
        isothink=__version__,
        python=platform.python_version(),
        libraries=tuple(Library(name=name, version=_version(name), extra=extra) for name, extra in LIBRARIES.items()),
        trials=trials,
        devices=devices,
        machine=this_machine(),
        variables={name: bool(os.environ.get(name)) for name in (*VARIABLES, *_variables(loaded))},
        hub=_reach_hub() if network else None,
        training=None if loaded is None else _training_time(loaded, devices, utilisation),
        toy_works=trials[0].works is True,
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _missing(trial: _Trial) -> list[str]:
    return [library for library in trial.libraries if find_spec(library) is None]


def _tried() -> dict[str, dict[str, Any]]:
    """What the self-test says of every backend whose libraries are there."""
    able = {trial.test for trial in TRIALS if not _missing(trial)}
    groups = [[name for name in names if name in able] for names in _TOGETHER]
    with ThreadPoolExecutor(max_workers=len(groups)) as pool:
        results = list(pool.map(run_self_test, [group for group in groups if group]))
    return {name: found for result in results for name, found in result.items()}


def run_self_test(
    names: Sequence[str], *, module: str = "isothink.backends.self_test", deadline: float = DEADLINE_SECONDS
) -> dict[str, dict[str, Any]]:
    """Tries backends in one process, and says of each how it went, whatever becomes of the process."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *names], stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
        )
        try:
            output, _ = process.communicate(timeout=deadline)
            end = f"its process ended with status {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            end = f"no answer within {deadline:g} s"
        errors.seek(0)
        said = errors.read()[-4000:].strip().splitlines()
    found = {}
    for line in output.splitlines():
        try:
            row = json.loads(line)
            found[str(row["name"])] = row
        except (ValueError, KeyError, TypeError):  # a library that prints
            continue
    detail = f"{end}: {said[-1]}" if said else end
    return {name: found.get(name, {"name": name, "works": False, "detail": detail}) for name in names}


def _trial(trial: _Trial, found: dict[str, dict[str, Any]]) -> Trial:
    missing = _missing(trial)
    if missing:
        detail = f"{', '.join(missing)} not installed: pip install 'isothink[{trial.extra}]'"
        return Trial(name=trial.test, what=trial.what, works=None, detail=detail)
    row = found[trial.test]
    return Trial(
        name=trial.test,
        what=trial.what,
        works=bool(row["works"]),
        detail=str(row.get("detail", "")),
        seconds=row.get("seconds"),
    )


def _devices(found: dict[str, dict[str, Any]]) -> list[DeviceFound]:
    rows = found.get("training", {}).get("devices", [])
    return [device_found(row["torch_name"], row["name"], row["memory_bytes"]) for row in rows]


def _variables(study: Study | None) -> list[str]:
    """The environment variables that a study's teacher needs."""
    if study is None or not isinstance(study.teacher, OpenAITeacher):
        return []
    teacher = study.teacher
    key = [] if teacher.api_key_variable is None else [teacher.api_key_variable]
    return [*key, *teacher.headers_from_environment.values()]


def _reach_hub() -> str:
    """One sentence; it follows the proxy of the environment."""
    address = os.environ.get("HF_ENDPOINT") or HUB
    if not address.startswith(("http://", "https://")):
        return "not tried: HF_ENDPOINT is no http address"
    try:
        with urlopen(Request(address, method="HEAD"), timeout=HUB_SECONDS) as reply:
            return f"reached (status {reply.status})"
    except HTTPError as error:  # it answers, if only with a refusal
        return f"reached (status {error.code})"
    except (URLError, OSError, ValueError) as error:
        return f"not reached within {HUB_SECONDS:g} s: {getattr(error, 'reason', error)}"


def _training_time(study: Study, devices: Sequence[DeviceFound], utilisation: float) -> TrainingTime:
    from isothink.run.pipeline import plan_study

    plan = plan_study(study)
    known = [device for device in devices if device.peak_flops is not None]
    best = max(known, key=lambda device: device.peak_flops or 0.0, default=None)
    total = float(plan.total_flops) + float(plan.phases.get("search", 0.0))
    peak = None if best is None else best.peak_flops
    return TrainingTime(
        study=study.name,
        training_flops=total,
        device=None if best is None else best.table_name,
        utilisation=utilisation,
        seconds=None if peak is None else total / (peak * utilisation),
        guessed_seconds=plan.seconds,
    )
