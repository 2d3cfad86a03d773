"""Reads the folders that lm-evaluation-harness writes with `--log_samples --output_path` into import rows.

Called by api.import_results. The files are those of lm_eval/loggers/evaluation_tracker.py (0.4): per model and run one
`results_DATE.json`, and one `samples_TASK_DATE.jsonl` per task with a line for each document and filter. What
isothink's own export says beyond that (run/lm_eval_export.py) is read too, so that a run comes back as it went out.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isothink.errors import UsageError
from isothink.run.import_facts import FACTS, ToldFacts, known_architecture
from isothink.run.import_record import ImportedCell
from isothink.run.import_row import ImportRow
from isothink.run.import_values import (
    as_count,
    as_float,
    as_item,
    as_name,
    as_score,
    as_stop_reason,
    as_text,
    as_think_state,
    shown,
)
from isothink.run.lm_eval_export import OWN
from isothink.store.rows import read_rows

METRICS = ("acc", "exact_match")
"""Taken without being asked for, the first that a task has; a task with one metric alone needs none of them."""
LARGEST_RESULTS = 256 * 2**20
_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """Which metric and filter of a task count."""

    metric: str
    filter: str


def read_lm_eval(
    folders: Sequence[Path], *, told: ToldFacts, metric: str | None
) -> tuple[list[ImportRow], list[Path], tuple[str, ...]]:
    """Rows, the files they were read from, and notes. `metric` is a name, or `name,filter` as lm-eval writes it.

    Raises:
        UsageError: no file is there, or a file, a metric or a fact is wrong or missing.
    """
    files = sorted({path for folder in folders for path in _sample_files(folder)})
    rows: list[ImportRow] = []
    notes: dict[str, None] = {}
    for path in files:
        match = _SAMPLES.fullmatch(path.name)
        assert match is not None, "only files of this name are listed"
        results = _results(path, match["date"])
        cell, task = _cell(results, told, path), as_name(match["task"], str(path), "task")
        assert task is not None, "the pattern asks for a name"
        lines = list(_lines(path))
        choice = _choice(path, lines, metric)
        notes[f"{task}: scores are {choice.metric}, of the filter {shown(choice.filter)}"] = None
        family = _family(results, task, str(path))
        for where, line in lines:
            if line.get("filter", "none") == choice.filter:
                rows.extend(_rows(where, line, cell, task, family, choice.metric))
    return rows, files, tuple(notes)


def _sample_files(folder: Path) -> list[Path]:
    if not folder.exists():
        raise UsageError(f"{folder}: no such folder", hint="lm_eval --log_samples --output_path DIR writes one")
    found = [folder] if folder.is_file() else sorted(folder.rglob("samples_*.jsonl"))
    found = [path for path in found if _SAMPLES.fullmatch(path.name)]
    if not found:
        raise UsageError(
            f"{folder}: found no samples_TASK_DATE.jsonl", hint="lm_eval writes them with --log_samples --output_path"
        )
    return found


def _results(samples: Path, date: str) -> Mapping[str, Any]:
    """What the run's other file says; empty where it is not there."""
    for path in sorted(samples.parent.glob("*.json")):
        if path.name.endswith(f"_{date}.json") and path.stat().st_size <= LARGEST_RESULTS:
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
            except (ValueError, OSError, RecursionError) as error:
                raise UsageError(f"{path}: cannot be read: {type(error).__name__}") from None
            return data if isinstance(data, dict) else {}
    return {}


def _cell(results: Mapping[str, Any], told: ToldFacts, path: Path) -> ImportedCell:
    config = _mapping(results.get("config"))
    name = as_name(results.get("model_name"), str(path), "model_name") or path.parent.name
    size = config.get("model_num_parameters")
    known: dict[str, Any] = {"student": name}
    if isinstance(size, int) and size > 0:
        known["parameters"] = size
    if known_architecture(name) is not None:
        known["model"] = name
    known |= {fact: value for fact, value in _mapping(results.get(OWN)).items() if fact in FACTS}
    return told.of(name, known, str(path))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _family(results: Mapping[str, Any], task: str, where: str) -> str:
    metadata = _mapping(_mapping(_mapping(results.get("configs")).get(task)).get("metadata"))
    return as_name(metadata.get("family"), where, "family") or task


def _lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in read_rows(path):
        where = f"{path}: row {row.number}"
        if row.values is None:
            raise UsageError(f"{where}: cannot be read: {row.problem}")
        if "doc_id" not in row.values or not isinstance(row.values.get("metrics"), list):
            raise UsageError(f"{where}: found no doc_id and metrics, as lm-evaluation-harness 0.4 writes them")
        yield where, row.values


def _choice(path: Path, lines: Sequence[tuple[str, Mapping[str, Any]]], asked: str | None) -> _Choice:
    """The metric asked for, else the obvious one, of the filter asked for, else that named first."""
    if not lines:
        raise UsageError(f"{path}: found no line")
    name, _, wanted = (asked or "").partition(",")
    filters = list(dict.fromkeys(str(line.get("filter", "none")) for _, line in lines))
    if wanted and wanted not in filters:
        raise UsageError(f"{path}: filter {shown(wanted)}: allowed are {', '.join(map(shown, filters))}")
    chosen = wanted or filters[0]
    metrics = next(line["metrics"] for _, line in lines if line.get("filter", "none") == chosen)
    if name and name not in metrics:
        raise UsageError(f"{path}: metric {shown(name)}: allowed are {', '.join(map(shown, metrics))}")
    obvious = next((metric for metric in METRICS if metric in metrics), metrics[0] if len(metrics) == 1 else None)
    if not name and obvious is None:
        raise UsageError(
            f"{path}: found the metrics {', '.join(map(shown, metrics))}, none of which counts by itself",
            hint="--metric NAME or --metric NAME,FILTER chooses",
        )
    return _Choice(metric=name or str(obvious), filter=chosen)


def _rows(
    where: str, line: Mapping[str, Any], cell: ImportedCell, task: str, family: str, metric: str
) -> Iterator[ImportRow]:
    own = line.get(OWN)
    document = _mapping(line.get("doc"))
    repeats = own if isinstance(own, list) and own else [None]
    item = as_item(document.get("item") if repeats[0] is not None else line["doc_id"], where)
    digest = as_text(line.get("doc_hash"))
    for number, extra in enumerate(repeats):
        facts = _mapping(extra)
        score = facts.get("score") if extra is not None else line.get(metric)
        yield ImportRow(
            where=where,
            cell=cell,
            benchmark=task,
            family=family,
            item=item,
            cluster=item,
            repeat=as_count(facts.get("repeat"), where, "repeat") or number,
            score=as_score(score, where, metric),
            error=as_text(facts.get("error")),
            text=_response(line, number),
            prompt=_prompt(line),
            reference=as_text(line.get("target")),
            extracted=_extracted(line, number),
            think_state=as_think_state(facts.get("think_state"), where),
            stop_reason=as_stop_reason(facts.get("stop_reason"), where),
            prompt_tokens=as_count(facts.get("prompt_tokens"), where, "prompt_tokens"),
            trace_tokens=as_count(facts.get("trace_tokens"), where, "trace_tokens"),
            answer_tokens=as_count(facts.get("answer_tokens"), where, "answer_tokens"),
            inference_flops=as_float(facts.get("inference_flops"), where, "inference_flops"),
            document=None if digest is None else f"lm-eval:{digest}",
        )


def _requests(line: Mapping[str, Any]) -> list[Sequence[Any]]:
    """The arguments of each request: context and continuation, or context and settings."""
    arguments = line.get("arguments")
    if isinstance(arguments, dict):
        return [list(_mapping(request).values()) for request in arguments.values()]
    return [request for request in arguments if isinstance(request, list)] if isinstance(arguments, list) else []


def _prompt(line: Mapping[str, Any]) -> str | None:
    requests = _requests(line)
    return requests[0][0] if requests and requests[0] and isinstance(requests[0][0], str) else None


def _response(line: Mapping[str, Any], number: int) -> str | None:
    """The text of one answer; of a multiple choice the likeliest continuation, which is what the model would write."""
    responses = line.get("resps")
    if not isinstance(responses, list) or not responses:
        return None
    first = responses[0]
    if isinstance(first, list) and len(first) > number and isinstance(first[number], str):
        return as_text(first[number])
    likelihoods = [_likelihood(response) for response in responses]
    requests = _requests(line)
    if None in likelihoods or len(requests) != len(likelihoods):
        return None
    best = max(range(len(likelihoods)), key=lambda index: likelihoods[index] or 0.0)
    return as_text(requests[best][1]) if len(requests[best]) > 1 and isinstance(requests[best][1], str) else None


def _likelihood(response: Any) -> float | None:
    """A log likelihood, which lm-eval writes as `[["-1.25", "False"]]`; log likelihoods are below 0."""
    while isinstance(response, list) and response:
        response = response[0]
    try:
        return float(response) - 1e-300
    except (TypeError, ValueError):
        return None


def _extracted(line: Mapping[str, Any], number: int) -> str | None:
    found = line.get("filtered_resps")
    if isinstance(found, list) and len(found) > number and isinstance(found[number], str):
        return as_text(found[number])
    return None
