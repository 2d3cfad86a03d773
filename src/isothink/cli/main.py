"""The command line: one function per command, thin over api.py.

Data goes to standard output, everything else to standard error.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from isothink.cli import imports, options
from isothink.cli.output import (
    complain,
    complain_of_command_line,
    complain_of_system,
    print_json,
    print_rows,
    wide_console,
)
from isothink.errors import IsothinkError
from isothink.run.interruption import STOPPED_STATUS, Terminated, stopped_by_sigterm

INTERRUPTED_STATUS = 130

_COMMAND_LINE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""ClickException, wherever this version of typer has it from: a package of its own, or a copy inside."""

app = typer.Typer(
    name="isothink",
    help="Scale or reason? Distil reasoning traces, or instruction-tune a larger student, at equal compute.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Runs a command; errors become one line on standard error, a hint, and an exit status."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        with stopped_by_sigterm():
            status = app(standalone_mode=False)
        if status == INTERRUPTED_STATUS:  # of an interrupt from the keyboard, typer makes this
            print("interrupted; the same command resumes", file=sys.stderr)
        sys.exit(status if isinstance(status, int) else 0)
    except IsothinkError as error:
        complain(error, _command_of(sys.argv[1:]))
        sys.exit(error.exit_status)
    except Terminated:
        print("stopped by SIGTERM; the same command resumes", file=sys.stderr)
        sys.exit(STOPPED_STATUS)
    except _COMMAND_LINE_ERROR as error:
        sys.exit(complain_of_command_line(error, _command_of(sys.argv[1:])))
    except typer.Abort:
        print("\nstopped; nothing was written", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(complain_of_system(error))


def _command_of(words: Sequence[str]) -> str:
    """The command that these words begin with, `import table` for example; empty where they begin with none."""
    place: Any = typer.main.get_command(app)
    names = []
    for word in words:
        place = getattr(place, "commands", {}).get(word)
        if place is None:
            break
        names.append(word)
    return " ".join(names)


@app.callback(invoke_without_command=True)
def root(version: options.Version = False) -> None:
    """Scale or reason? Distil reasoning traces, or instruction-tune a larger student, at equal compute."""
    if version:
        from isothink import __version__

        print(__version__)
        raise typer.Exit


@app.command()
def init(
    file: options.NewStudy = Path("study.yaml"),
    kind: options.StarterKind = None,
    name: options.StudyName = None,
    base_url: options.BaseUrl = None,
    teacher_model: options.TeacherModel = None,
    toggle: options.Toggle = None,
    api_key_variable: options.KeyVariable = None,
    prompts: options.Prompts = None,
    prompt_column: options.PromptColumn = None,
    reference_column: options.ReferenceColumn = None,
    pairs: options.StarterPairs = None,
    students: options.Students = None,
    tasks: options.Tasks = None,
    with_schema: options.WithSchema = False,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Write a commented study file for a toy, a teacher of your own, or finished pairs; at a terminal it asks.

    Example: isothink init first.yaml --kind toy
    """
    from isothink.cli.init import init_and_print

    given = {
        "kind": kind,
        "name": name,
        "base_url": base_url,
        "teacher_model": teacher_model,
        "toggle": toggle,
        "api_key_variable": api_key_variable,
        "prompts": prompts,
        "prompt_column": prompt_column,
        "reference_column": reference_column,
        "pairs": pairs,
        "students": students,
        "tasks": tasks,
    }
    init_and_print(file, given, force=force, with_schema=with_schema, as_json=json)


@app.command()
def doctor(
    study: options.OptionalStudy = None,
    network: options.Network = False,
    utilisation: options.StudyUtilisation = 0.4,
    json: options.Json = False,
) -> None:
    """Tell what is installed, which backends work, and what this machine has; exit status 1 if the toy cannot run.

    Example: isothink doctor
    """
    from isothink.cli.doctor import examine_and_print

    examine_and_print(study, network=network, utilisation=utilisation, as_json=json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the study file, for editors.

    Example: isothink schema
    """
    from isothink.run.study_schema import schema_text

    print(schema_text(), end="")


@app.command()
def plan(
    study: options.Study,
    overrides: options.Overrides = None,
    power: options.Power = False,
    difference: options.Difference = None,
    accuracy: options.Accuracy = None,
    seed_deviation: options.SeedDeviation = None,
    item_correlation: options.ItemCorrelation = None,
    seed_correlation: options.SeedCorrelation = None,
    json: options.Json = False,
) -> None:
    """Derive and price everything, print it, spend nothing; with --power, say what the study can resolve.

    Example: isothink plan studies/quickstart.yaml budgets.training_flops=[1e11]
    """
    from isothink.cli.plan import plan_and_print

    numbers = {
        "difference": difference,
        "accuracy": accuracy,
        "seed_deviation": seed_deviation,
        "item_correlation": item_correlation,
        "seed_correlation": seed_correlation,
    }
    given = {name: value for name, value in numbers.items() if value is not None}
    plan_and_print(study, overrides or [], with_power=power, given=given, as_json=json)


def _until(stage: Any, study: Any, overrides: list[str] | None, json: bool) -> None:
    from isothink.cli.run import run_and_print

    run_and_print(study, overrides or [], until=stage, as_json=json)


@app.command()
def run(study: options.StudyOrRun, overrides: options.Overrides = None, json: options.Json = False) -> None:
    """Do what is missing of a study, up to the report; the same command resumes.

    Example: isothink run studies/quickstart.yaml
    """
    _until("report", study, overrides, json)


@app.command()
def generate(
    study: options.StudyOrRun,
    overrides: options.Overrides = None,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = False,
    json: options.Json = False,
) -> None:
    """Have the teacher answer every prompt twice and make the pairs; with --limit, ask a pilot and project the rest.

    Example: isothink generate studies/gsm8k.yaml --limit 50
    """
    from isothink.cli.generate import generate_and_print

    generate_and_print(study, overrides or [], limit=limit, retry_failed=retry_failed, as_json=json)


@app.command()
def export(
    run_folder: options.Run,
    format: options.Format = "messages",
    into: options.Into = None,
    json: options.Json = False,
) -> None:
    """Write a run's pairs for other trainers (messages, parquet, dataset), or its samples in lm-eval's form.

    Example: isothink export runs/quickstart --format dataset
    """
    from isothink.cli.generate import export_and_print

    export_and_print(run_folder, format, into, as_json=json)


@app.command()
def train(study: options.StudyOrRun, overrides: options.Overrides = None, json: options.Json = False) -> None:
    """Train every feasible cell through the training tree.

    Example: isothink train studies/quickstart.yaml
    """
    _until("train", study, overrides, json)


@app.command()
def evaluate(study: options.StudyOrRun, overrides: options.Overrides = None, json: options.Json = False) -> None:
    """Let every cell answer the benchmarks (training what is missing).

    Example: isothink evaluate runs/quickstart
    """
    _until("evaluate", study, overrides, json)


@app.command()
def analyze(run_folder: options.Run, json: options.Json = False) -> None:
    """Turn the samples of a run into evidence, and print the verdicts and how gains and lengths behave.

    Example: isothink analyze runs/quickstart
    """
    from isothink import api
    from isothink.cli.patterns import print_patterns
    from isothink.cli.run import print_verdicts

    evidence = api.analyze(run_folder)
    if json:
        print_json(evidence.model_dump(mode="json"))
    else:
        print_verdicts(evidence)
        print_patterns(evidence)


@app.command()
def report(run_folder: options.Run, figures: options.Figures = None, json: options.Json = False) -> None:
    """Write report.html from a run folder, finished or half-way.

    Example: isothink report runs/quickstart --figures figures
    """
    from isothink import api

    path = api.report(run_folder, figures=figures)
    if json:
        print_json({"report": str(path), "figures": None if figures is None else str(figures)})
    else:
        print(path)
        if figures is not None:
            print(figures)


@app.command()
def verdict(
    run_folder: options.Run,
    family: options.Family,
    budget: options.Budget = None,
    queries: options.Queries = None,
    inference_budget: options.InferenceBudget = None,
    lifetime_budget: options.LifetimeBudget = None,
    axis: options.CostAxis = "flops",
    device: options.Device = None,
    price: options.Price = None,
    batch_size: options.BatchSize = None,
    utilisation: options.Utilisation = None,
    convention: options.Convention = None,
    target: options.Target = None,
    sizes: options.Sizes = None,
    json: options.Json = False,
) -> None:
    """Decide for one family, a training budget and a number of queries to serve.

    Example: isothink verdict runs/quickstart --family arithmetic-oe --budget 5e11 --queries 1e6
    """
    from isothink import api
    from isothink.cli.options import numbers_of, one_of
    from isothink.cli.verdict import verdict_text

    decision = api.verdict(
        run_folder,
        family=family,
        budget=budget,
        queries=queries,
        inference_budget=inference_budget,
        lifetime_budget=lifetime_budget,
        axis=one_of(axis, ("flops", "seconds", "usd"), "--axis"),
        device=device,
        price=price,
        batch_size=batch_size,
        utilisation=utilisation,
        convention=convention,
        target=target,
        sizes=numbers_of(sizes, "--sizes"),
    )
    if json:
        print_json(decision.model_dump(mode="json"))
    else:
        print(verdict_text(decision))


@app.command()
def ask(
    corpus: options.Corpus,
    family: options.PublishedFamily,
    budget: options.TrainingBudget,
    queries: options.QueriesToServe = 1e6,
    inference_budget: options.InferenceBudget = None,
    lifetime_budget: options.LifetimeBudget = None,
    pairs: options.OwnPairs = None,
    json: options.Json = False,
) -> None:
    """Decide before anything was run, from published results alone: how far your setup may be from them is said.

    Example: isothink ask --corpus math --family math-oe --budget 5e19 --queries 1e6
    """
    from isothink import api
    from isothink.cli.verdict import verdict_text

    decision = api.ask(
        corpus=corpus,
        family=family,
        budget=budget,
        queries=queries,
        inference_budget=inference_budget,
        lifetime_budget=lifetime_budget,
        pairs=pairs,
    )
    if json:
        print_json(decision.model_dump(mode="json"))
    else:
        print(verdict_text(decision))


@app.command()
def price(
    model: options.Model,
    prompt_tokens: options.PromptTokens,
    output_tokens: options.OutputTokens,
    json: options.Json = False,
) -> None:
    """Count the FLOPs of training on, and of serving, one sequence, under every convention.

    Example: isothink price Qwen/Qwen2.5-7B --prompt-tokens 140 --output-tokens 435
    """
    from isothink import api
    from isothink.cli.price import price_table

    found = api.price(model, prompt_tokens=prompt_tokens, output_tokens=output_tokens)
    if json:
        print_json(found)
    else:
        wide_console().print(price_table(found))


@app.command()
def predict(
    table: options.Table,
    size: options.SizeColumn,
    value: options.ValueColumn,
    by: options.ByColumns,
    unit: options.Unit = None,
    scale: options.Scale = "logit",
    where: options.Where = None,
    cap: options.CapColumn = None,
    at: options.At = None,
    hold_out: options.HoldOut = None,
    hold_out_mode: options.HoldOutMode = "larger",
    gain: options.GainOver = None,
    json: options.Json = False,
) -> None:
    """Predict a table's values at sizes that were not run, with 90% intervals; or hide sizes and see how far it is off.

    Example: isothink predict studies/made-up.csv --size parameters_billion --value accuracy --by family,arm --at 32
    """
    from isothink import api
    from isothink.cli.options import numbers_of, one_of
    from isothink.cli.predict import gain_over_of, names_of, print_prediction

    found = api.predict(
        table,
        size=size,
        value=value,
        by=names_of(by),
        unit=one_of(unit, ("percent", "fraction"), "--unit"),
        scale=one_of(scale, ("logit", "log"), "--scale"),
        where=where,
        cap=cap,
        at=numbers_of(at, "--at"),
        hold_out=numbers_of(hold_out, "--hold-out"),
        hold_out_mode=one_of(hold_out_mode, ("larger", "others"), "--hold-out-mode"),
        gain_over=gain_over_of(gain),
    )
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print_prediction(found)


app.add_typer(imports.app, name="import")


@app.command()
def sql(run_folder: options.Run, query: options.Query, json: options.Json = False) -> None:
    """Run a DuckDB query over pairs, segments, ledger, cells, samples and prompt_order of a run.

    Example: isothink sql runs/quickstart "SELECT family, avg(score) FROM samples GROUP BY family"
    """
    from isothink import api

    rows = api.sql(run_folder, query)
    if json:
        print_json(rows)
    else:
        print_rows(rows)


@app.command()
def step(run_folder: options.Run, step_id: options.StepId, json: options.Json = False) -> None:
    """Execute one step of a planned run from its folder alone; does nothing if it is complete.

    Example: isothink step runs/quickstart 29k-ift-seed0-trunk607-0a1b2c3d4e5f
    """
    from isothink.run.pipeline import run_step
    from isothink.run.ranks import this_process_leads

    run_step(run_folder, step_id)
    if not this_process_leads():
        return
    if json:
        print_json({"step": step_id})
    else:
        print(step_id)


@app.command(name="list")
def list_parts(kind: options.Kind, json: options.Json = False) -> None:
    """List what a study can name: benchmarks, models, datasets, backends or conventions.

    Example: isothink list benchmarks
    """
    from isothink.cli.parts import parts_of

    rows = parts_of(kind)
    if json:
        print_json(rows)
    else:
        print_rows(rows)


@app.command()
def validate(benchmark: options.Benchmark, limit: options.CheckedItems = None, json: options.Json = False) -> None:
    """Read a benchmark's rows, show a prompt, and prove that its gold answers score 1 and others 0.

    Example: isothink validate studies/gsm8k/test.yaml
    """
    from isothink import api
    from isothink.cli.validate import print_validation

    found = api.validate(benchmark, limit=limit)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print_validation(found)
    if not found.holds:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
