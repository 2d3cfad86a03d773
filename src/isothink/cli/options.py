"""Arguments and options that commands share. Used by cli/main.py."""

from pathlib import Path
from typing import Annotated, Any

import typer

from isothink.cli import completions
from isothink.errors import UsageError

Study = Annotated[Path, typer.Argument(metavar="STUDY", help="A study file (YAML).", show_default=False)]
NewStudy = Annotated[Path, typer.Argument(metavar="[FILE]", help="The study file to write; study.yaml by default.")]
StarterKind = Annotated[
    str | None,
    typer.Option(
        "--kind",
        help="toy (a CPU, minutes), teacher (a server of your own), or pairs (finished ones); toy by default.",
        autocompletion=completions.among("toy", "teacher", "pairs"),
    ),
]
StudyName = Annotated[str | None, typer.Option("--name", help="The study's name; that of the file by default.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="teacher: its server's address, up to /v1.")]
TeacherModel = Annotated[str | None, typer.Option("--teacher-model", help="teacher: its name on that server.")]
Toggle = Annotated[
    str | None,
    typer.Option(
        "--toggle",
        help="teacher: how reasoning is switched: enable_thinking, effort, thinking or suffix.",
        autocompletion=completions.among("enable_thinking", "effort", "thinking", "suffix"),
    ),
]
KeyVariable = Annotated[
    str | None,
    typer.Option("--api-key-variable", help="teacher: the name of the environment variable that holds the key."),
]
Prompts = Annotated[
    str | None, typer.Option("--prompts", help="teacher: a file of rows or a data set of the Hub; GSM8K by default.")
]
PromptColumn = Annotated[str | None, typer.Option("--prompt-column", help="teacher: the column of the prompt.")]
ReferenceColumn = Annotated[
    str | None, typer.Option("--reference-column", help="teacher: the column of the reference answer; none by default.")
]
StarterPairs = Annotated[
    str | None,
    typer.Option(
        "--pairs",
        help="pairs: a file or a data set of the Hub with the columns prompt, ift and reasoning; the published ones by "
        "default.",
    ),
]
Students = Annotated[
    str | None, typer.Option("--students", help="teacher, pairs: models of the Hub or folders, with commas between.")
]
Tasks = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        help="teacher, pairs: benchmarks, with commas between.",
        autocompletion=completions.several_benchmarks,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
WithSchema = Annotated[
    bool, typer.Option("--with-schema", help="Also write study.schema.json beside it, and name it for editors.")
]
OptionalStudy = Annotated[
    Path | None,
    typer.Argument(metavar="[STUDY]", help="A study file: also say how long its training takes.", show_default=False),
]
Network = Annotated[bool, typer.Option("--network", help="Also see whether the Hugging Face Hub answers.")]
StudyUtilisation = Annotated[
    float, typer.Option("--utilisation", help="With STUDY: the share of the device's peak that training reaches.")
]
StudyOrRun = Annotated[
    Path, typer.Argument(metavar="STUDY", help="A study file (YAML), or a run folder.", show_default=False)
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or its study file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the study file: dotted keys, YAML values."),
]
Figures = Annotated[
    Path | None,
    typer.Option(
        "--figures",
        metavar="DIR",
        help="A folder for every plot as PNG, SVG and CSV, and every table as Markdown and CSV.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print data as JSON on standard output.")]
Version = Annotated[bool, typer.Option("--version", help="Print the version.")]
Family = Annotated[
    str,
    typer.Option(
        "--family", help="The family of benchmarks.", show_default=False, autocompletion=completions.families_of_run
    ),
]
Corpus = Annotated[
    str,
    typer.Option(
        "--corpus",
        help="What the students learned from: general or math.",
        show_default=False,
        autocompletion=completions.among("general", "math"),
    ),
]
PublishedFamily = Annotated[
    str,
    typer.Option(
        "--family",
        help="The family of benchmarks: general-mc, general-oe, math-mc or math-oe.",
        show_default=False,
        autocompletion=completions.among("general-mc", "general-oe", "math-mc", "math-oe"),
    ),
]
TrainingBudget = Annotated[float, typer.Option("--budget", help="Training FLOPs of one student.", show_default=False)]
QueriesToServe = Annotated[float, typer.Option("--queries", help="Queries to serve.")]
OwnPairs = Annotated[
    Path | None,
    typer.Option(
        "--pairs",
        help="Your pairs, whose lengths replace the published ones: .csv, .jsonl, .json or .parquet with the columns "
        "prompt, ift and reasoning, all texts or all token counts.",
        show_default=False,
    ),
]
Budget = Annotated[
    float | None, typer.Option("--budget", help="Training FLOPs; the study's largest budget by default.")
]
Queries = Annotated[float | None, typer.Option("--queries", help="Queries to serve; the study's number by default.")]
InferenceBudget = Annotated[
    float | None,
    typer.Option("--inference-budget", help="At most so much per query, in the unit of the axis; no cap by default."),
]
LifetimeBudget = Annotated[
    float | None, typer.Option("--lifetime-budget", help="At most so much for training and all queries, in that unit.")
]
CostAxis = Annotated[
    str,
    typer.Option(
        "--axis",
        help="What whole-life cost counts: flops, seconds or usd.",
        autocompletion=completions.among("flops", "seconds", "usd"),
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="The device of seconds and dollars, such as h100.",
        show_default=False,
        autocompletion=completions.devices,
    ),
]
Price = Annotated[float | None, typer.Option("--price", help="Dollars per hour of the device.", show_default=False)]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", help="Sequences decoded together; 32 by default.", show_default=False)
]
Utilisation = Annotated[
    float | None,
    typer.Option(
        "--utilisation", help="Share of the peak in training and prefill; 0.4 by default.", show_default=False
    ),
]
Convention = Annotated[
    str | None,
    typer.Option(
        "--convention",
        help="Price every configuration in another FLOPs convention, such as 6nd.",
        show_default=False,
        autocompletion=completions.conventions,
    ),
]
Target = Annotated[
    float | None,
    typer.Option("--target", help="The accuracy at which the break-even is asked, such as 0.7.", show_default=False),
]
Sizes = Annotated[
    str | None,
    typer.Option(
        "--sizes",
        help="Also consider students of these sizes, predicted: parameters such as 3e9,7e9.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A published model's Hub id, or a config.json.",
        show_default=False,
        autocompletion=completions.models,
    ),
]
PromptTokens = Annotated[int, typer.Option("--prompt-tokens", help="Tokens of the prompt.", show_default=False)]
OutputTokens = Annotated[
    int, typer.Option("--output-tokens", help="Tokens of the answer, its end included.", show_default=False)
]
Query = Annotated[str, typer.Argument(metavar="QUERY", help="A SELECT statement.", show_default=False)]
StepId = Annotated[str, typer.Argument(metavar="ID", help="A segment, or a cell's evaluation.", show_default=False)]
Kind = Annotated[
    str,
    typer.Argument(
        metavar="KIND",
        help="benchmarks, models, datasets, backends or conventions.",
        show_default=False,
        autocompletion=completions.among("benchmarks", "models", "datasets", "backends", "conventions"),
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Ask only so many prompts, chosen at random, and project the whole set."),
]
Benchmark = Annotated[
    str,
    typer.Argument(
        metavar="BENCHMARK",
        help="A published name, a procedural task, or a .yaml file.",
        show_default=False,
        autocompletion=completions.benchmarks,
    ),
]
CheckedItems = Annotated[int | None, typer.Option("--limit", min=1, help="Check only so many items, chosen at random.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Ask again what failed for good before.")]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="messages, parquet, dataset, or lm-eval.",
        autocompletion=completions.among("messages", "parquet", "dataset", "lm-eval"),
    ),
]
Into = Annotated[
    Path | None, typer.Option("--into", help="Folder to write into; RUN/export/FORMAT by default.", show_default=False)
]
Table = Annotated[
    Path, typer.Argument(metavar="TABLE", help="A table: .csv, .jsonl, .json or .parquet.", show_default=False)
]
SizeColumn = Annotated[str, typer.Option("--size", help="The column of sizes, numbers above 0.", show_default=False)]
ValueColumn = Annotated[str, typer.Option("--value", help="The column to predict.", show_default=False)]
ByColumns = Annotated[
    str, typer.Option("--by", help="The columns that name a series, with commas between.", show_default=False)
]
Unit = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="percent or fraction; by the name and the values by default.",
        autocompletion=completions.among("percent", "fraction"),
    ),
]
Scale = Annotated[
    str,
    typer.Option(
        "--scale",
        help="logit, or log for positive quantities without a cap.",
        autocompletion=completions.among("logit", "log"),
    ),
]
Where = Annotated[
    str | None, typer.Option("--where", help="Only rows of which this holds: COLUMN = VALUE and COLUMN < VALUE ...")
]
CapColumn = Annotated[
    str | None, typer.Option("--cap", help="A column of caps; rows whose arm is teacher give them by default.")
]
At = Annotated[str | None, typer.Option("--at", help="Predict at these sizes, with commas between.")]
HoldOut = Annotated[
    str | None, typer.Option("--hold-out", help="Hide these sizes, each on its own, and predict them from the others.")
]
HoldOutMode = Annotated[
    str,
    typer.Option(
        "--hold-out-mode",
        help="larger: hide every larger size too; others: keep all others.",
        autocompletion=completions.among("larger", "others"),
    ),
]
GainOver = Annotated[
    str | None,
    typer.Option(
        "--gain", metavar="COLUMN=LEVEL", help="Gains over this level of a column; arm=ift where there is such an arm."
    ),
]
Power = Annotated[
    bool, typer.Option("--power", help="Also say how small a difference between arms the study can resolve.")
]
Difference = Annotated[
    float | None,
    typer.Option("--difference", help="With --power: the difference that is wanted, a fraction; 0.03 by default."),
]
Accuracy = Annotated[
    float | None, typer.Option("--accuracy", help="With --power: the accuracy of both arms, a fraction.")
]
SeedDeviation = Annotated[
    float | None,
    typer.Option("--seed-deviation", help="With --power: the standard deviation of accuracy over seeds, a fraction."),
]
ItemCorrelation = Annotated[
    float | None, typer.Option("--item-correlation", help="With --power: how alike two arms' scores are over items.")
]
SeedCorrelation = Annotated[
    float | None,
    typer.Option("--seed-correlation", help="With --power: how alike two seeds of one cell score over items."),
]


def one_of(value: str | None, allowed: tuple[str, ...], option: str) -> Any:
    """The value of an option that allows few."""
    if value is not None and value not in allowed:
        raise UsageError(f"{option}: found {value!r}, allowed are {', '.join(allowed)}")
    return value


def numbers_of(text: str | None, option: str) -> tuple[float, ...]:
    """The numbers of an option such as `32,72`."""
    if text is None:
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option}: found {text!r}, allowed are numbers with commas between them") from None
