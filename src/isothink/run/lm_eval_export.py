"""Writes a run's samples as lm-eval writes its own, so that viewers and scripts for it read them. Called by export.py.

One folder per cell with `results_DATE.json` and one `samples_TASK_DATE.jsonl` per benchmark, in the fields of
lm-evaluation-harness 0.4 (`lm_eval/loggers/evaluation_tracker.py`). What it has no field for (think state, counts of
tokens, why a score is missing) is under `isothink` in each sample, what the cell is and cost under `isothink` in the
results, where run/import_lm_eval.py reads it. A missing score is null in a sample and in no mean.
"""

import datetime
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isothink.domain.evaluation_settings import Evaluation
from isothink.plan.record import PlannedCell
from isothink.run.rate_search import search_share
from isothink.run.teacher_share import teacher_share
from isothink.store.run_folder import MANIFEST
from isothink.store.tables import SAMPLES_FILE, read_columns

if TYPE_CHECKING:
    from isothink.run.workspace import Workspace

METRICS = {
    "squad_em": "exact_match",
    "squad_f1": "f1",
    "ifeval": "prompt_level_strict_acc",
    "jury": "jury",
}
"""What lm-eval calls a score; `exact_match` where nothing else is said."""
OWN_FIELDS = (
    *("repeat", "extracted", "score", "error", "think_state", "stop_reason", "is_looping"),
    *("prompt_tokens", "trace_tokens", "answer_tokens", "inference_flops", "seconds"),
)
OWN = "isothink"
"""Where samples and results hold what lm-eval has no field for."""
SHARED_WITH_ITEM = ("item", "prompt", "reference")


def write_lm_eval(workspace: "Workspace", folder: Path) -> int:
    """Writes every complete cell into a folder of its own under `folder`; returns how many there are."""
    written = 0
    for cell in workspace.plan.cells:
        manifest = workspace.folder.manifest("samples", str(cell.samples)) if cell.samples is not None else None
        if manifest is not None:
            _write_cell(workspace, cell, manifest, folder / cell.id)
            written += 1
    return written


def _write_cell(workspace: "Workspace", cell: PlannedCell, manifest: Mapping[str, Any], folder: Path) -> None:
    samples = workspace.folder.step_folder("samples", str(cell.samples))
    table = read_columns(samples / SAMPLES_FILE).to_pylist()
    ended = (samples / MANIFEST).stat().st_mtime
    date = datetime.datetime.fromtimestamp(ended, datetime.UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    evaluation = workspace.study.evaluation
    arguments = _arguments(evaluation, cell.arm)
    folder.mkdir(parents=True)
    tasks = {}
    for task in dict.fromkeys(row["benchmark"] for row in table):
        rows = [row for row in table if row["benchmark"] == task]
        documents = [_document(number, repeats, arguments) for number, repeats in enumerate(_by_item(rows))]
        with (folder / f"samples_{task}_{date}.jsonl").open("w", encoding="utf-8", newline="\n") as lines:
            lines.writelines(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
        tasks[task] = _Task(rows, documents)
    results = _results(cell, tasks, evaluation, arguments, manifest, ended)
    results[OWN] = _facts(workspace, cell, manifest)
    text = json.dumps(results, indent=2, ensure_ascii=False)
    (folder / f"results_{date}.json").write_text(text + "\n", encoding="utf-8")


def _facts(workspace: "Workspace", cell: PlannedCell, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the cell is and cost, by the names that an import gives them."""
    student = next(one for one in workspace.plan.students if one.name == cell.student)
    return {
        "student": cell.student,
        "arm": cell.arm,
        "seed": cell.seed,
        "parameters": student.parameters,
        "training_flops": manifest["training"]["flops"],
        "budget_flops": cell.budget_flops,
        "fixed_flops": teacher_share(workspace, cell) + search_share(workspace.plan, workspace.folder, cell),
    }


def _arguments(evaluation: Evaluation, arm: str) -> dict[str, Any]:
    """How answers were written, as lm-eval's `gen_kwargs`."""
    sampling = evaluation.sampling_of(arm)
    drawn = {"do_sample": False} if isinstance(sampling, str) else {"do_sample": True, **sampling.model_dump()}
    return {"until": [], "max_gen_toks": evaluation.cap(arm), **drawn}


def _by_item(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The repeats of each item, items in their order."""
    items: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        items.setdefault(row["item"], []).append(row)
    for repeats in items.values():
        yield sorted(repeats, key=lambda row: row["repeat"])


def _document(number: int, repeats: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> dict[str, Any]:
    first = repeats[0]
    metric = _metric(first)
    document = {name: first[name] for name in SHARED_WITH_ITEM}
    return {
        "doc_id": number,
        "doc": document,
        "target": first["reference"],
        "arguments": {"gen_args_0": {"arg_0": first["prompt"], "arg_1": dict(arguments)}},
        "resps": [[row["text"] for row in repeats]],
        "filtered_resps": [row["extracted"] for row in repeats],
        "filter": "none",
        "metrics": [metric],
        "doc_hash": _hash(json.dumps(document, sort_keys=True)),
        "prompt_hash": _hash(first["prompt"]),
        "target_hash": _hash(first["reference"]),
        metric: _mean([row["score"] for row in repeats]),
        OWN: [{name: row[name] for name in OWN_FIELDS} for row in repeats],
    }


class _Task:
    """What is said of one benchmark over its documents."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], documents: Sequence[Mapping[str, Any]]) -> None:
        self.metric = _metric(rows[0])
        self.scores = [document[self.metric] for document in documents if document[self.metric] is not None]
        self.items = len(documents)
        parts = (document[name] for document in documents for name in ("doc_hash", "prompt_hash", "target_hash"))
        self.hash = _hash("".join(parts))
        self.family = str(rows[0]["family"])

    def result(self, name: str) -> dict[str, Any]:
        """The mean over items, with lm-eval's standard error (that of a mean of independent items)."""
        mean = _mean(self.scores)
        error: float | str = "N/A"
        if mean is not None and len(self.scores) > 1:
            error = math.sqrt(sum((score - mean) ** 2 for score in self.scores) / (len(self.scores) - 1))
            error /= math.sqrt(len(self.scores))
        return {"alias": name, f"{self.metric},none": mean, f"{self.metric}_stderr,none": error}


def _results(
    cell: PlannedCell,
    tasks: Mapping[str, _Task],
    evaluation: Evaluation,
    arguments: Mapping[str, Any],
    manifest: Mapping[str, Any],
    ended: float,
) -> dict[str, Any]:
    seconds = sum(float(row["seconds"]) for row in manifest["ledger"])
    settings = {"num_fewshot": 0, "output_type": "generate_until", "generation_kwargs": dict(arguments)}
    return {
        "results": {name: task.result(name) for name, task in tasks.items()},
        "group_subtasks": {name: [] for name in tasks},
        "configs": {
            name: {"task": name, **settings, "repeats": evaluation.repeats, "metadata": {"family": task.family}}
            for name, task in tasks.items()
        },
        "versions": dict.fromkeys(tasks, 1),
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {name: {task.metric: True} for name, task in tasks.items()},
        "n-samples": {name: {"original": task.items, "effective": len(task.scores)} for name, task in tasks.items()},
        "config": {
            "model": f"isothink ({evaluation.answerer.backend})",
            "model_args": f"pretrained={cell.id}",
            "batch_size": str(evaluation.batch_size),
            "gen_kwargs": dict(arguments),
            "random_seed": evaluation.seed,
        },
        "date": ended,
        "task_hashes": {name: task.hash for name, task in tasks.items()},
        "model_source": "isothink",
        "model_name": cell.id,
        "model_name_sanitized": cell.id,
        "start_time": ended - seconds,
        "end_time": ended,
        "total_evaluation_time_seconds": str(seconds),
    }


def _metric(row: Mapping[str, Any]) -> str:
    return METRICS.get(str(row["scorer"]), "exact_match")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
