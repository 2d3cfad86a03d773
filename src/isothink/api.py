"""The Python twin of the command line: load a study, plan it, run it, analyze it, read the verdict.

>>> from isothink import api
>>> study = api.load_study("studies/quickstart.yaml")
>>> print(api.plan(study).total_flops)   # doctest: +SKIP
>>> result = api.run(study)              # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # every function imports what it needs: some commands take less time than these imports
    from isothink.domain.study import PairStudy, Study
    from isothink.evidence.prediction_record import Prediction
    from isothink.evidence.record import Evidence, Verdict
    from isothink.plan.power_record import FamilyPower
    from isothink.plan.record import Plan
    from isothink.run.doctor import Health
    from isothink.run.import_record import ImportResult
    from isothink.run.result import ExportFormat, RunResult, Stage
    from isothink.run.starter_answers import Kind
    from isothink.run.validation import BenchmarkValidation

__all__ = [
    "analyze",
    "ask",
    "doctor",
    "export",
    "generate",
    "import_results",
    "init",
    "load_pair_study",
    "load_study",
    "plan",
    "power",
    "predict",
    "price",
    "read_evidence",
    "report",
    "run",
    "schema",
    "sql",
    "validate",
    "verdict",
]


def init(
    path: str | Path,
    *,
    kind: "Kind" = "toy",
    force: bool = False,
    with_schema: bool = False,
    **answers: Any,
) -> "PairStudy":
    """Writes a commented study file and returns the study: a toy, one with a teacher of one's own, or finished pairs.

    `answers` are the fields of `isothink.run.starter_answers.StarterAnswers`; `with_schema` writes study.schema.json
    beside the file, where editors find it.

    Raises:
        isothink.errors.UsageError: a file is there and `force` was not given, or an answer is wrong or missing.
    """
    from isothink.run.starter import write_starter
    from isothink.run.starter_answers import StarterAnswers
    from isothink.store.study_file import read_pair_study

    write_starter(Path(path), StarterAnswers(kind=kind, **answers), force=force, with_schema=with_schema)
    return read_pair_study(Path(path))


def doctor(study: str | Path | None = None, *, network: bool = False, utilisation: float = 0.4) -> "Health":
    """What is installed, which backends work, and what the machine has; see `isothink.run.doctor.Health`.

    With a study file, also how long its training would take on the device at `utilisation` of its peak; with `network`,
    whether the Hugging Face Hub can be reached.
    """
    from isothink.run.doctor import examine

    return examine(None if study is None else Path(study), network=network, utilisation=utilisation)


def schema() -> dict[str, Any]:
    """The JSON Schema of the study file, for editors."""
    from isothink.run.study_schema import study_schema

    return study_schema()


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> "Study":
    """Reads and checks a study file; `overrides` are `key.sub=value` with YAML values.

    Raises:
        isothink.errors.StudyError: one line that names the key, the value found and what is allowed.
    """
    from isothink.run.load import load_study_file

    return load_study_file(Path(path), overrides)


def load_pair_study(path: str | Path, overrides: Sequence[str] = ()) -> "PairStudy":
    """Like `load_study`, also for study files that make pairs and train nothing."""
    from isothink.run.load import load_pair_study_file

    return load_pair_study_file(Path(path), overrides)


def generate(
    study: "PairStudy", *, limit: int | None = None, retry_failed: bool = False, quiet: bool = True
) -> "RunResult":
    """Has the teacher make the pairs of a study, or a pilot of `limit` prompts; asks nothing twice.

    `retry_failed` asks again what failed for good before.

    Raises:
        isothink.errors.MissingDependencyError: a library that this takes is not installed; nothing was started.
        isothink.errors.StepError: the toggle does not work, the teacher cannot be reached, or no pair is left.
    """
    from isothink.run.pipeline import run_study

    return run_study(study, until="generate", quiet=quiet, limit=limit, retry_failed=retry_failed)


def export(run_folder: str | Path, *, format: "ExportFormat", into: str | Path | None = None) -> list[Path]:
    """Writes a run's pairs for other trainers and returns the paths; into `RUN/export/FORMAT` by default."""
    from isothink.run.export import export_run
    from isothink.run.open import open_run

    return export_run(open_run(Path(run_folder)), format=format, into=None if into is None else Path(into))


def plan(study: "Study") -> "Plan":
    """Derives and prices every step of a study; trains nothing and writes nothing."""
    from isothink.run.pipeline import plan_study

    return plan_study(study)


def power(
    study: "Study", plan: "Plan | None" = None, *, difference: float = 0.03, **assumptions: float
) -> "tuple[FamilyPower, ...]":
    """The smallest difference between arms that the planned items, seeds and repeats resolve, family by family.

    `difference` is the one that is wanted, as a fraction: the record says what it needs. `assumptions` replace what is
    measured or assumed: `accuracy`, `seed_deviation`, `item_correlation`, `seed_correlation`.

    Raises:
        isothink.errors.UsageError: a number is none that can be meant.
    """
    from isothink.run.pipeline import plan_study
    from isothink.run.power import study_power

    return study_power(study, plan or plan_study(study), wanted=difference, given=assumptions)


def run(study: "Study", *, until: "Stage" = "report", quiet: bool = True) -> "RunResult":
    """Does what is missing of a study, up to `until`; called again after an interruption, it resumes.

    Worker processes are started. Cells that fail are listed in the result, not raised.

    Raises:
        isothink.errors.MissingDependencyError: a library that this takes is not installed; nothing was started.
        isothink.errors.RunFolderError: another process runs the same folder.
        isothink.errors.StepError: pairs or corpus could not be made.
    """
    from isothink.run.pipeline import run_study

    return run_study(study, until=until, quiet=quiet)


def analyze(run_folder: str | Path) -> "Evidence":
    """Analyses what is complete in a run folder, stores `evidence.json` and returns it."""
    from isothink.run.analysis import analyze_run
    from isothink.run.open import open_run

    return analyze_run(open_run(Path(run_folder)))


def read_evidence(run_folder: str | Path) -> "Evidence | None":
    """The stored evidence of a run folder, or None where there is none."""
    from isothink.run.evidence_file import read_evidence as read
    from isothink.run.open import find_run

    return read(find_run(Path(run_folder)))


def report(run_folder: str | Path, *, figures: str | Path | None = None) -> Path:
    """Analyses what is complete, unless that is stored already, and writes `report.html`; returns its path.

    `figures` names a folder for every plot as PNG, SVG and CSV, and every table as Markdown and CSV.
    """
    from isothink.run.evidence_file import current_evidence
    from isothink.run.open import open_run
    from isothink.run.reporting import write_report, write_report_figures

    workspace = open_run(Path(run_folder))
    evidence = current_evidence(workspace.folder)
    write_report(workspace, evidence)
    if figures is not None:
        write_report_figures(workspace, evidence, Path(figures))
    report_file: Path = workspace.folder.report_file
    return report_file


def verdict(
    run_folder: str | Path,
    *,
    family: str,
    budget: float | None = None,
    queries: float | None = None,
    inference_budget: float | None = None,
    lifetime_budget: float | None = None,
    axis: Literal["flops", "seconds", "usd"] = "flops",
    device: str | None = None,
    price: float | None = None,
    batch_size: int | None = None,
    utilisation: float | None = None,
    convention: str | None = None,
    target: float | None = None,
    sizes: Sequence[float] = (),
) -> "Verdict":
    """The decision for a family, a training budget (the study's top one by default) and a number of queries.

    `budget` is in training FLOPs. `inference_budget` caps the cost of a query, `lifetime_budget` that of training and
    all queries together, both in the unit of the axis: FLOPs, or seconds or dollars on a device (`price` in dollars per
    hour) that trains at `utilisation` of its peak and decodes `batch_size` sequences together. `convention` prices
    every configuration in other FLOPs; `budget` and the caps stay in the study's. `target` is the accuracy (0 to 1) at
    which the break-even is asked, by default the highest that both arms reach. `sizes` are numbers of parameters of
    students that were not run, which the rule fitted to the study may recommend.

    Raises:
        isothink.errors.UsageError: an unknown family, device or convention, an impossible number, or what only an axis
            of seconds or dollars has a use for.
    """
    from isothink.evidence.money import terms_of
    from isothink.run.decision import decide_run
    from isothink.run.open import find_run

    return decide_run(
        find_run(Path(run_folder)),
        family=family,
        budget_flops=budget,
        queries=queries,
        inference_budget=inference_budget,
        lifetime_budget=lifetime_budget,
        money=terms_of(axis, device_name=device, price_per_hour=price, batch_size=batch_size, utilisation=utilisation),
        convention=convention,
        target_accuracy=target,
        sizes=sizes,
    )


def ask(
    *,
    corpus: str,
    family: str,
    budget: float,
    queries: float = 1e6,
    inference_budget: float | None = None,
    lifetime_budget: float | None = None,
    pairs: str | Path | None = None,
) -> "Verdict":
    """The decision from published results alone, before anything was run; its `basis` is "published".

    `corpus` is general or math, `budget` in training FLOPs; `pairs` is a file whose lengths replace the published ones.

    Raises:
        isothink.errors.UsageError: an unknown corpus or family, an impossible number, or a file without lengths.
    """
    from isothink.run.ask import ask as ask_published

    return ask_published(
        corpus=corpus,
        family=family,
        budget=budget,
        queries=queries,
        inference_budget=inference_budget,
        lifetime_budget=lifetime_budget,
        pairs=None if pairs is None else Path(pairs),
    )


def import_results(
    paths: str | Path | Sequence[str | Path],
    *,
    into: str | Path,
    kind: Literal["table", "lm-eval", "inspect"] = "table",
    map: Mapping[str, str] | None = None,
    set: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
    cells: str | Path | None = None,
    metric: str | None = None,
) -> "ImportResult":
    """Turns other tools' per-sample results into cells of a run, or of a new folder that holds imports alone.

    Of a table, `map` says what the file calls isothink's columns, and `set` fills in columns that it lacks. Of logs of
    lm-eval and Inspect, `facts` (student, arm, seed, parameters, training_flops, budget_flops, fixed_flops, shape) hold
    for all of them, and the table `cells` has a row per model; `metric` chooses among several scores.

    Raises:
        isothink.errors.UsageError: a file, a column or a value is wrong, or contradicts what is there.
    """
    from isothink.run.import_results import import_files

    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    return import_files(
        [Path(path) for path in listed],
        Path(into),
        kind=kind,
        names=map or {},
        constants=set or {},
        facts=facts or {},
        cells=None if cells is None else Path(cells),
        metric=metric,
    )


def price(model: str, *, prompt_tokens: int, output_tokens: int) -> dict[str, Any]:
    """FLOPs of training on, and of serving, one sequence, under every convention; `model` is a Hub id or a path."""
    from isothink.compute.price import price_report

    return price_report(model, prompt_tokens, output_tokens)


def predict(
    table: str | Path,
    *,
    size: str,
    value: str,
    by: Sequence[str],
    unit: Literal["percent", "fraction"] | None = None,
    scale: Literal["logit", "log"] = "logit",
    where: str | None = None,
    cap: str | None = None,
    at: Sequence[float] = (),
    hold_out: Sequence[float] = (),
    hold_out_mode: Literal["larger", "others"] = "larger",
    gain_over: tuple[str, str] | None = None,
) -> "Prediction":
    """Predicts a table's values at the sizes `at`, and hides each size of `hold_out` and predicts it from the others.

    Series are told apart by the columns `by`; rows whose `arm` is `teacher` are no series but caps. Gains are those of
    every other level of a column over a baseline level: `gain_over=("mode", "non-thinking")`, by default
    `("arm", "ift")` where there are such. What the data do not support is refused with a reason, in the record.

    Raises:
        isothink.errors.UsageError: the file, a column, a value, a size or the expression is wrong.
    """
    from isothink.evidence.prediction import GainOver
    from isothink.run.prediction import TableColumns, predict_table

    over = None if gain_over is None else GainOver(column=gain_over[0], baseline=gain_over[1])
    columns = TableColumns(size=size, value=value, by=tuple(by), cap=cap, unit=unit, scale=scale)
    sizes = {"at": tuple(at), "hold_out": tuple(hold_out)}
    return predict_table(Path(table), columns, where=where, **sizes, mode=hold_out_mode, gain_over=over)


def sql(run_folder: str | Path, query: str) -> list[dict[str, Any]]:
    """The rows of a DuckDB query over a run: `pairs`, `segments`, `ledger`, `cells`, `samples`."""
    from isothink.run.open import open_run
    from isothink.run.query import query_run

    return query_run(open_run(Path(run_folder)), query)


def validate(benchmark: str, *, limit: int | None = None) -> "BenchmarkValidation":
    """Proves a benchmark, by its name or file: its gold answers score 1, and what is no answer scores 0.

    Raises:
        isothink.errors.UsageError: there is no such benchmark, or its rows cannot be read or make no item.
    """
    from isothink.run.validation import validate as validate_benchmark

    return validate_benchmark(benchmark, limit=limit)
