"""The benchmarks that a study names: found by name or file, their rows opened and made into items. Called by run/.

A study carries its benchmarks from the moment it is read (`evaluation.benchmarks`), with the digests of local files, so
that a run folder that was moved still knows its items. Nothing is loaded before items are asked for.
"""

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from isothink.benchmark.catalogue import published_benchmarks
from isothink.benchmark.reading import ReadItems, choose_items, read_items
from isothink.domain.benchmark_settings import Benchmark, FileRows
from isothink.domain.prompt_settings import HubSet
from isothink.domain.record import Record
from isothink.domain.sample import Item
from isothink.domain.study import PairStudy, Study
from isothink.domain.training_settings import RateSweep
from isothink.errors import StepError, StudyError
from isothink.procedural.tasks import TASKS
from isothink.run.backends import load_hub_set
from isothink.run.resolve_models import beside
from isothink.store.rows import file_digest, read_rows
from isothink.store.study_file import read_benchmark

FILE_ENDINGS = (".yaml", ".yml")


class BenchmarkFacts(Record):
    """What was read of a benchmark's rows; stored with the frozen items.

    `faults` are the rows that make no item, by reason, with the first of each; `findings` is what differs from what the
    benchmark's file says.
    """

    benchmark: str
    rows: int
    other_rows: int
    usable: int
    chosen: int
    faults: dict[str, dict[str, JsonValue]]
    revision: str | None
    fingerprint: str | None
    findings: tuple[str, ...]


def resolve_benchmarks(study: PairStudy, folder: Path) -> PairStudy:
    """The study with every task of evaluation a name, and the benchmarks among them filled in.

    Raises:
        StudyError: a task is no procedural task, no published benchmark and no file; or two benchmarks share a name.
    """
    if not isinstance(study, Study):
        return study
    names = _Names(study, folder)
    tasks = names.resolved("evaluation.tasks", study.evaluation.tasks)
    changes: dict[str, object] = {}
    rates = study.training.learning_rate
    if isinstance(rates, RateSweep):
        key = "training.learning_rate.validation.tasks"
        validation = rates.validation.model_copy(update={"tasks": names.resolved(key, rates.validation.tasks)})
        sweep = rates.model_copy(update={"validation": validation})
        changes["training"] = study.training.model_copy(update={"learning_rate": sweep})
    names.require_all_used()
    _require_jury(study, names.found.values())
    given = study.evaluation.families
    families = {name: names.resolved(f"evaluation.families.{name}", chosen) for name, chosen in given.items()}
    _require_tasks_of_families(families, tasks)
    update = {"tasks": tasks, "families": families, "benchmarks": tuple(names.found.values())}
    return study.model_copy(update={"evaluation": study.evaluation.model_copy(update=update), **changes})


def _require_tasks_of_families(families: Mapping[str, tuple[str, ...]], tasks: tuple[str, ...]) -> None:
    """Refuses a family of a task that nobody answers, and a task in two of them."""
    seen: dict[str, str] = {}
    for name, chosen in families.items():
        for index, task in enumerate(chosen):
            place = f'evaluation.families.{name}[{index}]: found "{task}"'
            if task not in tasks:
                raise StudyError(f"{place}, allowed are those of evaluation.tasks: {', '.join(tasks)}")
            if seen.setdefault(task, name) != name:
                raise StudyError(f"{place}, which is in family {seen[task]} already, allowed is one family for each")


def _require_jury(study: Study, benchmarks: Iterable[Benchmark]) -> None:
    """Refuses a benchmark that only judges can score where the study names none."""
    for benchmark in benchmarks:
        if benchmark.needs_jury and study.evaluation.jury is None:
            raise StudyError(
                f"evaluation.jury: found none, and the answers of {benchmark.name} are for a jury",
                hint="name an odd number of judges under evaluation.jury, or leave the benchmark out",
            )


class _Names:
    """What tasks mean: those of procedural/, those that the study carries, published ones, and files."""

    def __init__(self, study: Study, folder: Path) -> None:
        self._folder = folder
        self._carried: dict[str, Benchmark] = {}
        self._origins: dict[str, str] = {}
        self.found: dict[str, Benchmark] = {}
        for index, benchmark in enumerate(study.evaluation.benchmarks):
            key = f"evaluation.benchmarks[{index}]"
            if benchmark.name in self._carried:
                raise StudyError(f'{key}.name: found "{benchmark.name}", which another benchmark has')
            _refuse_procedural(benchmark, key)
            self._carried[benchmark.name] = resolved_benchmark(benchmark, folder, key)

    def resolved(self, key: str, tasks: tuple[str, ...]) -> tuple[str, ...]:
        """The names of tasks."""
        names = tuple(self._name(f"{key}[{index}]", task) for index, task in enumerate(tasks))
        for index, name in enumerate(names):
            if name in names[:index]:
                raise StudyError(f'{key}[{index}]: found "{name}" a second time, allowed is each benchmark once')
        return names

    def require_all_used(self) -> None:
        """Refuses a carried benchmark that no task names."""
        for index, name in enumerate(self._carried):
            if name not in self.found:
                raise StudyError(
                    f'evaluation.benchmarks[{index}].name: found "{name}", which evaluation.tasks do not name'
                )

    def _name(self, key: str, task: str) -> str:
        if task in self._carried:
            self.found[task] = self._carried[task]
            return task
        if task in TASKS:
            return task
        if task.lower().endswith(FILE_ENDINGS):
            return self._file(key, task)
        if task in published_benchmarks():
            return self._known(key, published_benchmarks()[task], task)
        allowed = [*self._carried, *TASKS, *published_benchmarks()]
        near = difflib.get_close_matches(task, allowed, n=1)
        raise StudyError(
            f'{key}: found "{task}", allowed are {", ".join(TASKS)}, the published benchmarks'
            f" {', '.join(published_benchmarks())}, and the path of a benchmark's .yaml file",
            hint=f"did you mean {near[0]}?" if near else "",
        )

    def _file(self, key: str, task: str) -> str:
        path = beside(task, self._folder)
        if not path.is_file():
            raise StudyError(f'{key}: found "{task}", but there is no such file', hint=f"looked for {path}")
        benchmark = read_benchmark(path)
        _refuse_procedural(benchmark, str(path))
        return self._known(key, resolved_benchmark(benchmark, path.parent, str(path)), str(path))

    def _known(self, key: str, benchmark: Benchmark, origin: str) -> str:
        name = benchmark.name
        if name in self._carried or self._origins.get(name, origin) != origin:
            raise StudyError(f'{key}: found a second benchmark named "{name}", allowed is each name once')
        self._origins[name] = origin
        self.found[name] = benchmark
        return name


def _refuse_procedural(benchmark: Benchmark, place: str) -> None:
    if benchmark.name in TASKS:
        raise StudyError(f'{place}: name: found "{benchmark.name}", which is a procedural task: choose another')


def resolved_benchmark(benchmark: Benchmark, folder: Path, place: str) -> Benchmark:
    """The benchmark with absolute paths, and the digest of a local file that has none yet."""
    rows = benchmark.rows
    if isinstance(rows, FileRows):
        path = beside(rows.path, folder)
        if rows.sha256 is None and not path.is_file():
            raise StudyError(
                f'{place}: rows.path: found "{rows.path}", but there is no such file', hint=f"looked for {path}"
            )
        digest = rows.sha256 or file_digest(path)
        return benchmark.model_copy(update={"rows": rows.model_copy(update={"path": str(path), "sha256": digest})})
    local = beside(rows.name, folder)
    if not local.is_dir():
        return benchmark
    return benchmark.model_copy(update={"rows": rows.model_copy(update={"name": str(local)})})


def benchmark_recipe(benchmark: Benchmark) -> dict[str, JsonValue]:
    """What decides a benchmark's items, for identities: no path, and nothing that is only expected of them."""
    left_out: dict[str, Any] = {"items": True, "prompt_tokens": True, "verified": True, "facts_from": True}
    if isinstance(benchmark.rows, FileRows):
        left_out["rows"] = {"path"}
    recipe = benchmark.model_dump(mode="json", exclude=left_out)
    for settings in (recipe, recipe["reference"]):  # what came later than other settings counts where it is used
        for key in ("each", "empty", "may_be_empty", "tolerance", "unit", "arguments"):
            if not settings.get(key):
                settings.pop(key, None)
    return recipe


def benchmark_items(benchmark: Benchmark, *, limit: int, seed: int) -> tuple[Item, ...]:
    """At most `limit` items, chosen by the seed; read once in a process.

    Raises:
        UsageError: the rows cannot be opened, lack a column, or make no item.
        StepError: the file is not the one that the study was read with.
    """
    return _chosen(benchmark.model_dump_json(), limit, seed)[0]


def read_all_items(benchmark: Benchmark) -> tuple[ReadItems, tuple[str, ...]]:
    """Every item of a benchmark and what is to be said of them; raises as `benchmark_items` does."""
    found, _, _ = _read(benchmark)
    return found, _findings(benchmark, found)


def benchmark_facts(benchmark: Benchmark, *, limit: int, seed: int) -> BenchmarkFacts:
    """What was found while the items were read; raises as `benchmark_items` does."""
    return _chosen(benchmark.model_dump_json(), limit, seed)[1]


@lru_cache(maxsize=256)
def _chosen(settings: str, limit: int, seed: int) -> tuple[tuple[Item, ...], BenchmarkFacts]:
    benchmark = Benchmark.model_validate_json(settings)
    found, revision, fingerprint = _read(benchmark)
    chosen = tuple(choose_items(found.items, limit=limit, seed=seed))
    facts = BenchmarkFacts(
        benchmark=benchmark.name,
        rows=found.rows,
        other_rows=found.others,
        usable=len(found.items),
        chosen=len(chosen),
        faults={reason: {"rows": faults.count, "first": faults.first} for reason, faults in found.faults.items()},
        revision=revision,
        fingerprint=fingerprint,
        findings=_findings(benchmark, found),
    )
    return chosen, facts


def _read(benchmark: Benchmark) -> tuple[ReadItems, str | None, str | None]:
    """All items, the commit they come from, and what identifies the contents."""
    rows = benchmark.rows
    if isinstance(rows, FileRows):
        path = Path(rows.path)
        digest = file_digest(path)
        if rows.sha256 not in (None, digest):
            raise StepError(
                f"{path}: its contents are not those of sha256 {rows.sha256}",
                hint="run the study file again, which reads it anew",
            )
        return read_items(read_rows(path), benchmark, place=str(path)), None, digest
    opened = load_hub_set(
        HubSet(kind="hub", name=rows.name, config=rows.config, split=rows.split, revision=rows.revision)
    )
    place = " ".join(part for part in (rows.name, rows.config, rows.split) if part)
    return read_items(opened.rows(), benchmark, place=place), opened.revision, opened.fingerprint


def _findings(benchmark: Benchmark, found: ReadItems) -> tuple[str, ...]:
    findings = []
    if benchmark.items is not None and benchmark.items != len(found.items):
        findings.append(f"{benchmark.name}: found {len(found.items)} usable items, its file says {benchmark.items}")
    bad = sum(faults.count for faults in found.faults.values())
    if bad:
        total = f"{found.rows} rows" if benchmark.each is None else f"{found.parts} parts of {found.rows} rows"
        worst = max(found.faults.items(), key=lambda part: part[1].count)
        findings.append(
            f"{benchmark.name}: {bad} of {total} make no item, most of them through {worst[0]} ({worst[1].first})"
        )
    return tuple(findings)
