"""Reads the logs of Inspect AI into import rows: `.eval` (a zip of JSON) and `.json`. Called by api.import_results.

The format is that of inspect_ai.log (https://inspect.aisi.org.uk/eval-logs.html), version 2. Newer `.eval` files are
packed with Zstandard, which Python's zipfile does not unpack before 3.14; pyarrow does.
"""

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from isothink.domain.sample import StopReason
from isothink.errors import UsageError
from isothink.run.import_facts import ToldFacts, known_architecture
from isothink.run.import_record import ImportedCell
from isothink.run.import_row import ImportRow
from isothink.run.import_values import (
    SHOWN,
    STOP_REASONS,
    as_count,
    as_item,
    as_name,
    as_score,
    as_text,
    is_empty,
    shown,
)
from isothink.store.fingerprint import fingerprint

LOG = "a log of Inspect: an .eval file, or the .json that `inspect eval --log-format json` writes"
ZSTANDARD = 93
"""Its number among the compression methods of zip files (APPNOTE.TXT 6.3.8)."""
LARGEST_MEMBER = 512 * 2**20
LARGEST_LOG = 4 * 2**30
GRADES: Mapping[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partly correct, no answer: the values that inspect_ai.scorer.value_to_float gives them."""


def read_inspect(
    logs: Sequence[Path], *, told: ToldFacts, scorer: str | None
) -> tuple[list[ImportRow], list[Path], tuple[str, ...]]:
    """Rows, the files they were read from, and notes; of several scorers the first counts unless one is named.

    Raises:
        UsageError: a log cannot be read, has no samples, or lacks the scorer or a fact.
    """
    files = sorted({path for log in logs for path in _log_files(log)})
    rows: list[ImportRow] = []
    notes: dict[str, None] = {}
    for path in files:
        header, samples = _open(path)
        evaluation = _mapping(header.get("eval"))
        where = str(path)
        task = as_name(evaluation.get("task_display_name") or evaluation.get("task"), where, "task") or path.stem
        model = as_name(evaluation.get("model"), where, "model") or "unknown"
        cell = _cell(model, told, where)
        chosen = scorer or _first_scorer(evaluation)
        if header.get("status") != "success":
            notes[f"{path.name}: the log's status is {shown(header.get('status'))}; what it holds is imported"] = None
        found = [_row(f"{path}: {name}", sample, cell, task, model, chosen) for name, sample in samples]
        if not found:
            raise UsageError(
                f"{path}: found no sample", hint="inspect eval keeps them unless --no-log-samples is given"
            )
        if chosen is not None and not any(row.score is not None for row in found):
            names = sorted({name for _, sample in _open(path)[1] for name in _mapping(sample.get("scores"))})
            if scorer is not None and scorer not in names:
                raise UsageError(
                    f"{path}: scorer {shown(scorer)}: allowed are {', '.join(map(shown, names)) or 'none'}"
                )
        notes[f"{task}: scores are those of {shown(chosen or 'the only scorer')}"] = None
        rows.extend(found)
    return rows, files, tuple(notes)


def _log_files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError(f"{path}: no such file", hint="inspect eval writes its logs into ./logs")
    if path.is_file():
        return [path]
    found = sorted([*path.rglob("*.eval"), *path.rglob("*.json")])
    if not found:
        raise UsageError(f"{path}: found no .eval or .json log")
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _cell(model: str, told: ToldFacts, where: str) -> ImportedCell:
    """Inspect names a model with its provider first: `hf/Qwen/Qwen2.5-7B`."""
    published = model.partition("/")[2]
    known = {"student": published or model}
    if published and known_architecture(published) is not None:
        known["model"] = published
    return told.of(model, known, where)


def _first_scorer(evaluation: Mapping[str, Any]) -> str | None:
    scorers = evaluation.get("scorers")
    first = _mapping(scorers[0]) if isinstance(scorers, list) and scorers else {}
    return as_text(first.get("name"))


def _open(path: Path) -> tuple[Mapping[str, Any], Iterator[tuple[str, Mapping[str, Any]]]]:
    """The log's header, and its samples with a name of each."""
    if zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return _zip_header(path, file), _zip_samples(path)
    if path.stat().st_size > LARGEST_LOG:
        raise UsageError(f"{path}: larger than {LARGEST_LOG} bytes", hint="inspect log convert makes .eval files of it")
    data = _json(path, path.read_bytes())
    samples = data.get("samples")
    listed = samples if isinstance(samples, list) else []
    return data, ((f"sample {number}", _mapping(sample)) for number, sample in enumerate(listed, start=1))


def _zip_header(path: Path, file: IO[bytes]) -> Mapping[str, Any]:
    with zipfile.ZipFile(file) as archive:
        for name in ("header.json", "_journal/start.json"):  # a log that was interrupted has no header yet
            if name in archive.namelist():
                return _json(path, _member(path, archive, file, name))
    raise UsageError(f"{path}: found a zip file without header.json, allowed is {LOG}")


def _zip_samples(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for name in sorted(set(archive.namelist())):
            if name.startswith("samples/") and name.endswith(".json"):
                yield name, _json(path, _member(path, archive, file, name))


def _member(path: Path, archive: zipfile.ZipFile, file: IO[bytes], name: str) -> bytes:
    """One member's content. Sizes are those that the archive states, so that none unpacks into more."""
    entry = archive.getinfo(name)
    if max(entry.file_size, entry.compress_size) > LARGEST_MEMBER:
        raise UsageError(f"{path}: {shown(name)}: larger than {LARGEST_MEMBER} bytes")
    try:
        if entry.compress_type != ZSTANDARD:
            return archive.read(entry)
        file.seek(entry.header_offset)
        names, extra = struct.unpack("<HH", file.read(30)[26:30])
        file.seek(names + extra, 1)
        packed = file.read(entry.compress_size)
        unpacked: bytes = pa.Codec("zstd").decompress(packed, decompressed_size=entry.file_size, asbytes=True)
        return unpacked
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, struct.error) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(f"{path}: {shown(name)}: cannot be unpacked: {reason}") from None


def _json(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        start = shown(content[:SHOWN].decode("utf-8", "replace"))
        raise UsageError(f"{path}: found {start} and no JSON, allowed is {LOG}", hint=_other_reader(path)) from None
    if not isinstance(data, dict):
        raise UsageError(f"{path}: found JSON that is no mapping, allowed is {LOG}", hint=_other_reader(path))
    return data


def _other_reader(path: Path) -> str:
    if path.suffix.lower() in (".csv", ".jsonl", ".parquet", ".json"):
        return "`isothink import table` reads tables with one row per answer"
    return "inspect eval writes its logs into ./logs"


def _row(
    where: str, sample: Mapping[str, Any], cell: ImportedCell, task: str, model: str, scorer: str | None
) -> ImportRow:
    output = _mapping(sample.get("output"))
    usage = _mapping(_mapping(sample.get("model_usage")).get(model)) or _mapping(output.get("usage"))
    scores = _mapping(sample.get("scores"))
    score = _mapping(scores.get(scorer) if scorer is not None else next(iter(scores.values()), None))
    error = _mapping(sample.get("error")).get("message")
    item = as_item(sample.get("id"), where)
    prompt = _text_of(sample.get("input"))
    trace = as_count(usage.get("reasoning_tokens"), where, "reasoning_tokens")
    written = as_count(usage.get("output_tokens"), where, "output_tokens")
    asked = [as_count(usage.get(f"input_tokens{kind}"), where, "input_tokens") for kind in ("", *CACHED)]
    epoch = as_count(sample.get("epoch"), where, "epoch") or 1
    return ImportRow(
        where=where,
        cell=cell,
        benchmark=task,
        family=task,
        item=item,
        cluster=item,
        repeat=max(0, epoch - 1),
        score=None if error is not None else _score(score.get("value"), where),
        error=None if error is None else (as_text(error) or "").splitlines()[0][:500],
        text=_written(output),
        prompt=prompt,
        reference=_text_of(sample.get("target")),
        extracted=as_text(score.get("answer")),
        stop_reason="failed" if error is not None else _stop_reason(output),
        think_state="closed" if trace else None,
        prompt_tokens=None if asked[0] is None else sum(count or 0 for count in asked),
        trace_tokens=trace,
        answer_tokens=None if written is None else written - (trace or 0) if trace is None or trace <= written else 0,
        document=f"inspect:{fingerprint([prompt, _text_of(sample.get('target'))])}",
    )


CACHED = ("_cache_read", "_cache_write")
"""Inspect counts tokens that a provider's cache served or stored apart from `input_tokens`."""


def _score(value: Any, where: str) -> float | None:
    """A grade, a truth value or a number from 0 to 1; a score of several numbers is none."""
    if isinstance(value, str) and value.strip().upper() in GRADES:
        return GRADES[value.strip().upper()]
    if isinstance(value, dict | list):
        raise UsageError(f"{where}: score: found several values in one, allowed is one", hint="--metric names a scorer")
    return None if is_empty(value) else as_score(value, where)


def _written(output: Mapping[str, Any]) -> str | None:
    """What the model wrote after its reasoning, which Inspect keeps apart."""
    completion = output.get("completion")
    if isinstance(completion, str):
        return as_text(completion)
    return _text_of(_message(output).get("content"))


def _message(output: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = output.get("choices")
    return _mapping(_mapping(choices[0]).get("message")) if isinstance(choices, list) and choices else {}


def _stop_reason(output: Mapping[str, Any]) -> StopReason:
    choices = output.get("choices")
    stated = _mapping(choices[0]).get("stop_reason") if isinstance(choices, list) and choices else None
    # other words than isothink's (tool_calls, unknown) are ends of another kind, not failures
    return STOP_REASONS.get(str(stated).lower(), "end") if stated != "content_filter" else "end"


def _text_of(value: Any) -> str | None:
    """A text, or the texts of messages and their parts one after the other."""
    if isinstance(value, list):
        parts = [_text_of(part) for part in value]
        return "\n".join(part for part in parts if part) or None
    if isinstance(value, dict):
        return _text_of(value.get("text", value.get("content")))
    return as_text(value)
