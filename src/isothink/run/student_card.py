"""The card of a finished student: what was trained, on what, and what it cost. Written by run/training.py."""

import json
from collections.abc import Iterator
from typing import Any

from isothink import __version__
from isothink.domain.ledger import LedgerRow
from isothink.domain.numbers import scientific
from isothink.domain.student_settings import StudentSettings
from isothink.plan.record import PlannedCell, Segment
from isothink.run.card_text import base_name, fenced, inline, printable, table
from isothink.run.identity import corpus_step, pairs_step
from isothink.run.workspace import Workspace


def student_card(workspace: Workspace, segment: Segment, row: LedgerRow) -> str:
    """The text of the card; `row` is what the segment's own training cost, which no manifest says yet."""
    study = workspace.study
    settings = study.students[workspace.student_index(segment.student)]
    cells = [cell for cell in workspace.plan.cells if cell.path and cell.path[-1] == segment.id]
    rows = [*_rows_before(workspace, segment), row]
    made = workspace.folder.manifest("pairs", pairs_step(study)) or {}
    parts = [
        _header(study.name, settings),
        f"# {inline(segment.id)}",
        f"One student of the study {inline(study.name)}, trained by isothink {__version__} to compare reasoning traces"
        " with plain answers at equal compute.",
        _student(settings, cells, segment),
        "## Budget",
        "A budget is a cap on training FLOPs (`exact` convention): training ends with the last optimizer step in it.",
        _budgets(cells) if cells else f"A trial of the search for a learning rate, at {inline(segment.peak_rate)}.",
        "## Data",
        _data(workspace, made),
        "Every pair holds one prompt and two answers of the teacher. They are written as follows:",
        fenced(study.rendering.model_dump(mode="json")),
        "## Training",
        fenced(study.training.model_dump(mode="json", exclude={"learning_rate"})),
        "## Ledger",
        "What was trained on the way, the part that other students share included:",
        _ledger(rows),
        "## Licence",
        "The weights keep the licence of the model that they began as, and the pairs that of the prompts and of the"
        " teacher's answers. Neither is known here: whoever publishes this student must state both.",
    ]
    return "\n\n".join(parts) + "\n"


def _header(study: str, settings: StudentSettings) -> str:
    """The YAML that the Hub reads. A JSON text is a YAML text; the license is left to the user."""
    lines = ["---", "library_name: transformers", "pipeline_tag: text-generation", "tags:", "- isothink"]
    lines.append(f"- {json.dumps(printable(f'isothink-study:{study}'), ensure_ascii=False)}")
    if settings.model is not None and settings.digest is None:  # folders of this machine are no models of the Hub
        lines.append(f"base_model: {json.dumps(printable(settings.model), ensure_ascii=False)}")
    return "\n".join([*lines, "---"])


def _student(settings: StudentSettings, cells: list[PlannedCell], segment: Segment) -> str:
    began = "random weights" if settings.model is None else base_name(settings.model)
    if settings.revision is not None:
        began = f"{began} at {settings.revision}"
    arm = cells[0].arm if cells else segment.arm
    facts: list[tuple[str, Any]] = [
        ("student", settings.name),
        ("began as", began),
        ("arm", arm),
        ("seed", segment.seed),
    ]
    facts.append(("peak learning rate of its last phase", segment.peak_rate))
    return table(("", ""), [(name, inline(value)) for name, value in facts])


def _budgets(cells: list[PlannedCell]) -> str:
    head = ("cell", "budget", "cap, FLOPs", "used, FLOPs", "steps", "prompts", "unique prompts", "epochs")
    return table(head, [tuple(inline(value) for value in _budget(cell)) for cell in cells])


def _budget(cell: PlannedCell) -> Iterator[Any]:
    yield from (cell.id, cell.budget, scientific(cell.budget_flops), scientific(cell.flops or 0))
    yield from (cell.steps, cell.prompts, cell.unique_prompts, f"{cell.epochs or 0:.2f}")


def _data(workspace: Workspace, made: dict[str, Any]) -> str:
    facts = [
        ("corpus", corpus_step(workspace.study)),
        ("teacher", base_name(made.get("teacher") or "not stated")),
        ("pairs", workspace.lengths.unique_prompts),
        ("tokenizer", workspace.inputs.corpus.tokenizer),
    ]
    return table(("", ""), [(name, inline(value)) for name, value in facts])


def _ledger(rows: list[LedgerRow]) -> str:
    lines = [(row.phase, row.step, scientific(row.flops or 0), str(row.tokens), f"{row.seconds:.0f}") for row in rows]
    spent = [row for row in rows if row.phase != "waste"]
    total = (
        "all but waste",
        "",
        scientific(sum(row.flops or 0 for row in spent)),
        str(sum(row.tokens for row in spent)),
        "",
    )
    return table(
        ("phase", "segment", "FLOPs", "tokens", "seconds"),
        [tuple(inline(value) for value in line) for line in (*lines, total)],
    )


def _rows_before(workspace: Workspace, segment: Segment) -> list[LedgerRow]:
    """The rows of the segments on the way, the first of all at the top."""
    rows: list[LedgerRow] = []
    parent = segment.parent
    while parent is not None:
        manifest = workspace.folder.manifest("segments", parent) or {}
        rows = [*(LedgerRow.model_validate(row) for row in manifest.get("ledger", [])), *rows]
        parent = manifest.get("parent")
    return rows
