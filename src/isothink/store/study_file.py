"""Reads and writes study files: YAML, dotted overrides, and one-line errors. Called by run/ for every command."""

import difflib
import json
import math
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, YAMLError

from isothink.domain.study import Study
from isothink.errors import StudyError, UsageError

LARGEST_FILE = 1_000_000
MOST_VALUES = 100_000
DEEPEST = 64


def read_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """The study that `path` holds, with `key.sub=value` overrides (values are YAML) put in.

    Raises:
        StudyError: naming the file, the key, the value found and what is allowed.
        UsageError: an override that is no `key=value`.
    """
    data = _load(path)
    for override in overrides:
        _override(data, override)
    return parse_study(data, name=str(path))


def parse_study(data: Any, *, name: str) -> Study:
    """Turns plain data into a study; `name` is what errors begin with."""
    _refuse_unfit(data, name)
    try:
        return Study.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise _one_line(error, name, data) from None


def write_study(study: Study) -> str:
    """`study` as YAML, every default written out."""
    stream = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(study.model_dump(mode="json", exclude_none=True), stream)
    return stream.getvalue()


def _load(path: Path) -> Any:
    try:
        if not path.is_file():
            raise StudyError(f"{path}: no such study file", hint="`isothink run STUDY` takes the path of a YAML file")
        if path.stat().st_size > LARGEST_FILE:
            raise StudyError(f"{path}: found {path.stat().st_size} bytes, allowed are {LARGEST_FILE}")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: found a byte that is not UTF-8 at position {error.start}") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    data = load_yaml(text, str(path))
    if not isinstance(data, dict):
        raise StudyError(f"{path}: found {_show(data)}, allowed is a mapping of keys to values")
    return data


def load_yaml(text: str, name: str) -> Any:
    """YAML 1.2 as plain data; a repeated key or a tag that makes objects is an error.

    Raises:
        StudyError: with line and column.
    """
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise StudyError(f"{name}:{where} not YAML: {problem}") from None
    except (ValueError, RecursionError, TypeError) as error:
        raise StudyError(f"{name}: not YAML: {str(error).splitlines()[0]}") from None


def _override(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key or any(not part for part in key.split(".")):
        raise UsageError(f"override {override!r}: allowed is key=value with a dotted key", hint="e.g. name=second")
    value = load_yaml(text, f"override {key}")
    target: Any = data
    *parents, last = key.split(".")
    for part in parents:
        target = _descend(target, part, key)
    if isinstance(target, list):
        target[_index(target, last, key)] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise UsageError(f"override {key}: {last} has no place in {_show(target)}")


def _descend(target: Any, part: str, key: str) -> Any:
    if isinstance(target, list):
        return target[_index(target, part, key)]
    if isinstance(target, dict):
        return target.setdefault(part, {})
    raise UsageError(f"override {key}: {part} has no place in {_show(target)}")


def _index(target: list[Any], part: str, key: str) -> int:
    if part.isascii() and part.isdigit() and int(part) < len(target):
        return int(part)
    raise UsageError(f"override {key}: found {part}, allowed is a position from 0 to {len(target) - 1}")


def _refuse_unfit(data: Any, name: str) -> None:
    """Refuses what JSON cannot hold, and aliases that would grow without bound."""
    left = MOST_VALUES
    waiting = [(data, "", 0)]
    while waiting:
        value, where, depth = waiting.pop()
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise StudyError(f"{name}: more than {MOST_VALUES} values or {DEEPEST} levels")
        if isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise StudyError(f"{name}: {where or 'top level'}: found key {_show(key)}, allowed are words")
                waiting.append((inner, f"{where}.{key}" if where else key, depth + 1))
        elif isinstance(value, list):
            waiting.extend((inner, f"{where}[{index}]", depth + 1) for index, inner in enumerate(value))
        elif isinstance(value, float) and not math.isfinite(value):
            raise StudyError(f"{name}: {where}: found {_show(value)}, allowed are finite numbers")
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
            raise StudyError(f"{name}: {where}: found an integer of more than 30 digits")
        elif not isinstance(value, str | int | float | None):
            raise StudyError(f"{name}: {where}: found {_show(value)}, allowed are words, numbers, lists and mappings")


def _one_line(error: ValidationError, name: str, data: Any) -> StudyError:
    details = error.errors(include_url=False)
    first = details[0]
    where = _location(first, data)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if first["type"] == "unknown_key":
        context = first.get("ctx", {})
        key, allowed = str(context["key"]), [str(field) for field in context["allowed"]]
        near = difflib.get_close_matches(key, allowed, n=1)
        path = f"{where}.{key}" if where else key
        return StudyError(
            f"{name}: {_show_key(path)}: found an unknown key, allowed are {', '.join(allowed)}{more}",
            hint=f"did you mean {near[0]}?" if near else "",
        )
    if first["type"] == "missing":
        return StudyError(f"{name}: {where}: found nothing, this key is required{more}")
    allowed_text = _allowed(first)
    found = "" if not where else f"found {_show(first['input'])}, "
    return StudyError(f"{name}: {where + ': ' if where else ''}{found}{allowed_text}{more}")


def _allowed(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "string_pattern_mismatch":
        return "allowed are 1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit"
    if detail["type"] in {"union_tag_invalid", "literal_error"}:
        return f"allowed: {context.get('expected_tags') or context.get('expected')}"
    if detail["type"] == "union_tag_not_found":
        return f"allowed is a mapping with the key {context.get('discriminator')}"
    if detail["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return "allowed is a mapping of keys to values"
    if detail["type"] == "too_short":
        return f"allowed are at least {context.get('min_length')} values"
    message = detail["msg"].removeprefix("Input should be ")
    if message.startswith(("allowed", "found")):
        return message
    return f"allowed: {message[0].lower()}{message[1:]}"


def _location(detail: ErrorDetails, data: Any) -> str:
    """The dotted key; the names of alternatives, which pydantic puts between the keys, are left out."""
    where = ""
    value = data
    for part in detail["loc"]:
        if isinstance(part, int):
            where += f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
            continue
        is_alternative = isinstance(value, dict) and part not in value and part in value.values()
        if is_alternative:
            continue
        where += f".{part}" if where else part
        value = value.get(part) if isinstance(value, dict) else None
    return _show_key(where)


def _show(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=True)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _show_key(key: str) -> str:
    return key.encode("unicode_escape").decode()[:200]
