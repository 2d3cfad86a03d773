"""`isothink import`: results of other tools as cells of a run. Added to the command line by main.py."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from isothink.cli import options
from isothink.cli.output import one_line, print_json, print_rows, wide_console
from isothink.errors import UsageError

if TYPE_CHECKING:
    from isothink.run.import_record import ImportResult

app = typer.Typer(
    help="Turn other tools' per-sample results into cells, items matched by id.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="One row per answer: .csv, .jsonl, .json or .parquet.", show_default=False),
]
Folders = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", help="What lm_eval --log_samples --output_path wrote.", show_default=False),
]
Logs = Annotated[
    list[Path], typer.Argument(metavar="LOG...", help="Logs of Inspect: .eval, .json, or folders.", show_default=False)
]
Into = Annotated[
    Path,
    typer.Option("--into", metavar="RUN", help="A run folder, its study file, or a new folder.", show_default=False),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="OURS=THEIRS", help="What the file calls one of isothink's columns.", show_default=False
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="COLUMN=VALUE", help="A value for every row, where no column has it.", show_default=False
    ),
]
Student = Annotated[str | None, typer.Option("--student", help="The student; the model's name by default.")]
Arm = Annotated[str | None, typer.Option("--arm", help="ift, reasoning, or any label for how it was trained.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Which training run of several; 0 by default.")]
Parameters = Annotated[
    float | None, typer.Option("--parameters", help="Parameters of the model, where its log has none.")
]
TrainingFlops = Annotated[
    float | None, typer.Option("--training-flops", help="What its training cost; 0 for a model taken as it is.")
]
Shape = Annotated[
    str | None, typer.Option("--shape", help="A published model of the same shape, which makes costs exact.")
]
Cells = Annotated[
    Path | None,
    typer.Option(
        "--cells",
        metavar="TABLE",
        help="A table with a row per model: model, student, arm, seed, parameters, training_flops.",
        show_default=False,
    ),
]
Metric = Annotated[str | None, typer.Option("--metric", help="The score that counts, of several.")]


@app.command()
def table(file: File, into: Into, map: Map = None, set: Set = None, json: options.Json = False) -> None:
    """Import a table with one row per answer: item, score or correct, student, arm, parameters, training_flops.

    Example: isothink import table studies/made-up/answers.csv --into runs/imported --map student=model
    """
    from isothink import api

    _print(api.import_results(file, into=into, map=_pairs(map, "--map"), set=_pairs(set, "--set")), into, json)


@app.command(name="lm-eval")
def lm_eval(
    folders: Folders,
    into: Into,
    student: Student = None,
    arm: Arm = None,
    seed: Seed = None,
    parameters: Parameters = None,
    training_flops: TrainingFlops = None,
    shape: Shape = None,
    cells: Cells = None,
    metric: Metric = None,
    json: options.Json = False,
) -> None:
    """Import the samples that lm-evaluation-harness logged.

    Example: isothink import lm-eval studies/made-up/lm-eval --into runs/imported --cells studies/made-up/cells.csv
    """
    told = {"student": student, "arm": arm, "seed": seed, "parameters": parameters, "training_flops": training_flops}
    facts = told | {"shape": shape}
    _import("lm-eval", folders, into, facts, cells, metric, json)


@app.command()
def inspect(
    logs: Logs,
    into: Into,
    student: Student = None,
    arm: Arm = None,
    seed: Seed = None,
    parameters: Parameters = None,
    training_flops: TrainingFlops = None,
    shape: Shape = None,
    cells: Cells = None,
    metric: Metric = None,
    json: options.Json = False,
) -> None:
    """Import the samples in logs of Inspect AI.

    Example: isothink import inspect studies/made-up/inspect.json --into runs/imported --cells studies/made-up/cells.csv
    """
    told = {"student": student, "arm": arm, "seed": seed, "parameters": parameters, "training_flops": training_flops}
    facts = told | {"shape": shape}
    _import("inspect", logs, into, facts, cells, metric, json)


def _import(
    kind: Literal["lm-eval", "inspect"],
    paths: list[Path],
    into: Path,
    facts: dict[str, Any],
    cells: Path | None,
    metric: str | None,
    json: bool,
) -> None:
    from isothink import api

    _print(api.import_results(paths, into=into, kind=kind, facts=facts, cells=cells, metric=metric), into, json)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """Options such as `student=model_name`."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise UsageError(f"{option}: found {text!r}, allowed is NAME=VALUE")
        if name.strip() in found:
            raise UsageError(f"{option}: found {name.strip()!r} twice, allowed is once")
        found[name.strip()] = value.strip()
    return found


def _print(result: "ImportResult", into: Path, json: bool) -> None:
    """Data to standard output; what was guessed, and what was there already, below it."""
    if into.is_file():  # who names a study file may not know that its run is changed
        print(
            one_line(f"note: {into} is a file: what was imported lies in its run folder, {result.run}"), file=sys.stderr
        )
    if json:
        print_json(result.model_dump(mode="json"))
        return
    console = wide_console()
    if result.parts:
        print_rows([_row(part) for part in result.parts])
    lines = [f"{result.run}: {len(result.parts)} imported (a cell on a benchmark each), {result.present} there already"]
    lines += [f"note: {note}" for note in result.notes]
    lines += [f"caveat: {caveat}" for caveat in result.caveats]
    for line in lines:
        console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)


def _row(part: Any) -> dict[str, Any]:
    cell = part.cell
    return {
        "student": cell.student,
        "arm": cell.arm,
        "seed": cell.seed,
        "parameters": f"{cell.parameters:.4g}",
        "training FLOPs": f"{cell.training_flops:.4g}",
        "benchmark": part.benchmark,
        "items": part.items,
        "accuracy": "" if part.accuracy is None else f"{100 * part.accuracy:.2f}%",
        "unscored": part.unscored,
    }
