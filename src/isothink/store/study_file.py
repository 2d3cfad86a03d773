"""Reads and writes study files: YAML, dotted overrides, and one-line errors. Called by run/ for every command.

Files of benchmarks are read in the same way.
"""

import difflib
import json
import math
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, SafeConstructor, YAMLError
from ruamel.yaml.nodes import ScalarNode

from isothink.domain.benchmark_settings import Benchmark
from isothink.domain.study import PairStudy, Study
from isothink.domain.study_record import StudyRecord
from isothink.errors import StudyError, UsageError
from isothink.store.commented_yaml import TextRepresenter

Parsed = TypeVar("Parsed", bound=StudyRecord)

LARGEST_FILE = 256 * 1024
MOST_VALUES = 100_000
DEEPEST = 64
LARGEST_INTEGER = 10**30
LONGEST_SHOWN = 80

_DOT_OUTSIDE_PARENTHESES = re.compile(r"\.(?![^()]*\))")


class _Unreadable:
    """Stands for a scalar that cannot be what its tag or form says, until its key is known."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class _Constructor(SafeConstructor):  # type: ignore[misc]
    """Makes plain data; what raises anything but a YAML error (a month 13, 5,000 digits) is refused by key later."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """See ruamel.yaml."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError):
            if not isinstance(node, ScalarNode):
                raise
            return _Unreadable(str(node.value))


def read_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """The study that `path` holds, with `key.sub=value` overrides (values are YAML) put in.

    Raises:
        StudyError: naming the file, the key, the value found and what is allowed.
        UsageError: an override that is no `key=value`.
    """
    return parse_study(_overridden(path, overrides), name=str(path))


def read_pair_study(path: Path, overrides: Sequence[str] = ()) -> PairStudy:
    """The study that `path` holds: a whole one, or one without any key of training, which makes pairs only.

    Raises:
        StudyError, UsageError: see `read_study`.
    """
    data = _overridden(path, overrides)
    if any(key in data for key in Study.model_fields if key not in PairStudy.model_fields):
        return parse_study(data, name=str(path))
    return _parse(PairStudy, data, str(path))


def parse_study(data: Any, *, name: str) -> Study:
    """Turns plain data into a study; `name` is what errors begin with."""
    return _parse(Study, data, name)


def read_benchmark(path: Path) -> Benchmark:
    """The benchmark that a file holds.

    Raises:
        StudyError: naming the file, the key, the value found and what is allowed.
    """
    return _parse(Benchmark, _load(path), str(path))


def parse_benchmark(text: str, *, name: str) -> Benchmark:
    """The benchmark that a text of YAML holds; `name` is what errors begin with."""
    return _parse(Benchmark, load_yaml(text, name), name)


def _overridden(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = _load(path)
    for override in overrides:
        _override(data, override)
    return data


def _parse(record: type[Parsed], data: Any, name: str) -> Parsed:
    _refuse_unfit(data, name)
    try:
        return record.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise _one_line(error, name, data) from None


def write_study(study: PairStudy) -> str:
    """`study` as YAML, every default written out."""
    stream = StringIO()
    yaml = YAML()
    yaml.Representer = TextRepresenter
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
        raise StudyError(
            f"{path}: found a byte that is not UTF-8 at position {error.start}",
            hint="a study file is text: YAML in UTF-8",
        ) from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    data = load_yaml(text, str(path))
    _refuse_unfit(data, str(path))
    if not isinstance(data, dict):
        raise StudyError(f"{path}: found {_show(data)}, allowed is a mapping of keys to values")
    return data


def load_yaml(text: str, name: str) -> Any:
    """YAML 1.2 as plain data; a repeated key or a tag that makes objects is an error.

    Raises:
        StudyError: with line and column.
    """
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Constructor
        return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise StudyError(f"{name}:{where} not YAML: {problem}") from None
    except RecursionError:
        raise StudyError(f"{name}: found too many levels, allowed are {DEEPEST}") from None
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise StudyError(f"{name}: not YAML: {type(error).__name__}: {error}") from None


def _override(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *parents, last = _DOT_OUTSIDE_PARENTHESES.split(key)
    if not equals or not last or not all(parents):
        raise UsageError(
            f"override: found {_show(override)}, allowed is key=value with a dotted key", hint="e.g. name=second"
        )
    value = load_yaml(text, f"override {key}")
    target: Any = data
    for part in parents:
        target = _descend(target, part, key)
    if isinstance(target, list):
        target[_index(target, last, key)] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise _no_place(key, last, target)


def _descend(target: Any, part: str, key: str) -> Any:
    if isinstance(target, list):
        return target[_index(target, part, key)]
    if isinstance(target, dict):
        return target.setdefault(part, {})
    raise _no_place(key, part, target)


def _no_place(key: str, part: str, target: Any) -> UsageError:
    return UsageError(
        f"override {_show_key(key)}: found {_show(target)} where {_show(part)} should go,"
        " allowed is a mapping or a list"
    )


def _index(target: list[Any], part: str, key: str) -> int:
    if part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(target):
        return int(part)
    allowed = f"a position from 0 to {len(target) - 1}" if target else "no position, the list is empty"
    raise UsageError(f"override {_show_key(key)}: found {_show(part)}, allowed is {allowed}")


def _refuse_unfit(data: Any, name: str) -> None:
    """Refuses what JSON cannot hold, and aliases that would grow without bound."""
    left = MOST_VALUES
    waiting = [(data, "", 0)]
    while waiting:
        value, where, depth = waiting.pop()
        place = f"{name}: {_show_key(where) or 'top level'}"
        left -= 1
        if left < 0:
            raise StudyError(f"{name}: found more than {MOST_VALUES} values, allowed are at most {MOST_VALUES}")
        if depth > DEEPEST:
            raise StudyError(f"{place}: found more than {DEEPEST} levels, allowed are at most {DEEPEST}")
        if isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str) or not _is_unicode(key):
                    raise StudyError(f"{place}: found key {_show(key)}, allowed are words")
                waiting.append((inner, f"{where}.{key}" if where else key, depth + 1))
        elif isinstance(value, list):
            waiting.extend((inner, f"{where}[{index}]", depth + 1) for index, inner in enumerate(value))
        else:
            _refuse_unfit_scalar(value, place)


def _refuse_unfit_scalar(value: Any, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise StudyError(f"{place}: found {_show(value)}, allowed are finite numbers")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_INTEGER:
        raise StudyError(f"{place}: found a whole number of more than 30 digits, allowed are at most 30")
    if not isinstance(value, str | int | float | None):
        raise StudyError(
            f"{place}: found {_show(value)}, allowed are words, numbers, lists and mappings",
            hint="a date, and what else looks special, is a text when it stands in quotes",
        )
    if isinstance(value, str) and not _is_unicode(value):
        raise StudyError(f"{place}: found {_show(value)}, allowed are Unicode characters")


def _is_unicode(text: str) -> bool:
    """Whether `text` can be written as UTF-8: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _one_line(error: ValidationError, name: str, data: Any) -> StudyError:
    details = _distinct_mistakes(error.errors(include_url=False))
    first = details[0]
    where = _location(first, data)
    more = _more(details)
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
    if first["type"] == "union_tag_not_found":
        return StudyError(f"{name}: {where}.{_discriminator(first)}: found nothing, this key is required{more}")
    if first["type"] == "repeated":
        context = first.get("ctx", {})
        places = " and ".join(f"{where}[{context[name]}]" for name in ("first", "second"))
        value = _show(context["value"])
        return StudyError(f"{name}: {where}: found {value} twice, in {places}, allowed is each value once{more}")
    found = first["input"]
    if first["type"] == "union_tag_invalid":
        where = f"{where}.{_discriminator(first)}"
        found = found[_discriminator(first)]
    start = f"{where}: found {_show(found)}, " if where else ""
    return StudyError(f"{name}: {start}{_allowed(first)}{more}")


def _more(details: Sequence[ErrorDetails]) -> str:
    """How many mistakes there are beside the first, and whether they are of its kind."""
    if len(details) == 1:
        return ""
    alike = all(detail["type"] == details[0]["type"] for detail in details)
    noun = "error" if len(details) == 2 else "errors"
    return f" (and {len(details) - 1} more {noun}{' like it' if alike else ''})"


def _distinct_mistakes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the lists that pydantic calls too short only because their items are wrong."""
    wrong_items = {detail["loc"][:-1] for detail in details}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in wrong_items]


def _discriminator(detail: ErrorDetails) -> str:
    return str(detail.get("ctx", {}).get("discriminator")).strip("'")


_ALLOWED = {
    "string_pattern_mismatch": "allowed are 1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit",
    "string_type": "allowed is a text (in quotes, if it looks like something else)",
    "string_too_short": "allowed are texts that are not empty",
    "string_too_long": "allowed are at most {max_length} characters",
    "model_type": "allowed is a mapping of keys to values",
    "model_attributes_type": "allowed is a mapping of keys to values",
    "dict_type": "allowed is a mapping of keys to values",
    "tuple_type": "allowed is a list",
    "too_short": "allowed is a list of at least {min_length}",
    "int_type": "allowed are whole numbers",
    "int_from_float": "allowed are whole numbers",
    "int_parsing_size": "allowed are whole numbers of fewer digits",
    "float_type": "allowed are numbers",
    "greater_than": "allowed are numbers greater than {gt:g}",
    "greater_than_equal": "allowed are numbers from {ge:g} on",
    "less_than": "allowed are numbers less than {lt:g}",
    "less_than_equal": "allowed are numbers up to {le:g}",
    "union_tag_invalid": "allowed: {expected_tags}",
    "literal_error": "allowed: {expected}",
}
"""What is allowed, by pydantic's type of error and ours; the rest are messages from domain/study.py."""


def _allowed(detail: ErrorDetails) -> str:
    text = _ALLOWED.get(detail["type"])
    return text.format(**detail.get("ctx", {})) if text is not None else detail["msg"]


def _location(detail: ErrorDetails, data: Any) -> str:
    """The dotted key; the names of alternatives, which pydantic puts between the keys, are left out."""
    where = ""
    value = data
    last = len(detail["loc"]) - 1
    for place, part in enumerate(detail["loc"]):
        if isinstance(part, int):
            where += f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
            continue
        is_missing = place == last and detail["type"] == "missing"
        if not is_missing and (not isinstance(value, dict) or part not in value):
            continue
        where += f".{part}" if where else part
        value = value.get(part) if isinstance(value, dict) else None
    return _show_key(where)


def _show(value: Any) -> str:
    return _short(json.dumps(value, default=str))


def _show_key(key: str) -> str:
    return _short(key)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
