"""Published architectures by their Hub id, and users' own `config.json` files: `lookup` takes either.

`architectures.json` holds, for each id, the fields of its published configuration that decide its shape, other ids of
the same shape, where the fields were read, and whether they were read at all (`verified`).
"""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.errors import UsageError

LARGEST_CONFIG_BYTES = 4 * 2**20


def lookup(model: str) -> Architecture:
    """The architecture of a published model, or of a `config.json` or a folder that holds one.

    A published name is found whatever its case, and without its organisation if only one has it; a file of the same
    name is reached as ./name. Raises UsageError for an unknown name or an unreadable file, and
    ArchitectureError for a configuration that the formulas do not cover.
    """
    published = _published(model)
    if published is not None:
        return published
    path = _existing_path(model)
    if path is not None:
        return architecture_from_config(read_config(path), name=model)
    raise _unknown(model)


def published_names() -> list[str]:
    """The Hub ids of all published architectures, in the order of the table."""
    return list(_entries())


def published_config(name: str) -> Mapping[str, Any]:
    """The fields of the configuration of a published architecture, by its exact Hub id."""
    config: dict[str, Any] = _entries()[name]["config"]
    return dict(config)


def read_config(path: Path) -> Mapping[str, Any]:
    """The JSON object in a `config.json`, or in the one inside a folder; raises UsageError, one line, otherwise."""
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"{path}: no config.json there" if path.is_dir() else f"{path}: not a file")
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_CONFIG_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_CONFIG_BYTES:
        raise UsageError(f"{file}: larger than {LARGEST_CONFIG_BYTES} bytes; not a model configuration")
    try:
        config = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not a text file in UTF-8") from error
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if isinstance(error, ValueError) else "nested too deeply"
        raise UsageError(f"{file}: not valid JSON: {reason}") from error
    if not isinstance(config, dict):
        raise UsageError(f"{file}: holds a {type(config).__name__}; it must hold a JSON object")
    return config


def _published(model: str) -> Architecture | None:
    wanted = model.strip().lower()
    matches = [name for name in _entries() if wanted in (name.lower(), name.lower().split("/")[-1])]
    if len(matches) != 1:
        return None
    entry = _entries()[matches[0]]
    architecture = architecture_from_config(entry["config"], name=matches[0])
    return architecture.model_copy(update={"verified": entry["verified"]})


def _existing_path(model: str) -> Path | None:
    try:
        path = Path(model)
        return path if model and path.exists() else None
    except (OSError, ValueError):  # too long, or a null byte: a name at best
        return None


def _unknown(model: str) -> UsageError:
    shown = " ".join(repr(model).split())
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    names = list(_entries())
    ids = {name.lower(): name for name in names} | {name.lower().split("/")[-1]: name for name in names}
    close = difflib.get_close_matches(model.lower()[:80], ids, n=6, cutoff=0.5)
    near = list(dict.fromkeys(ids[key] for key in close))[:3]
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(names[:6])} ..."
    return UsageError(f"unknown model {shown}: neither a published name nor a path to a config.json", hint=hint)


@cache
def _entries() -> dict[str, dict[str, Any]]:
    """Every id, aliases included, with its entry in the table."""
    text = files("isothink.compute").joinpath("architectures.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = json.loads(text)
    return {name: entry for first, entry in table.items() for name in (first, *entry["aliases"])}
