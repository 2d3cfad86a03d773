"""The benchmark items of a study. Called by inputs.py, and by prompt_sources.py for decontamination."""

from collections.abc import Sequence

from isothink.benchmark.items import procedural_items
from isothink.domain.sample import Item
from isothink.domain.study import Study
from isothink.domain.training_settings import SweepValidation
from isothink.errors import StudyError
from isothink.procedural.tasks import TASKS, vocabulary
from isothink.run.benchmarks import BenchmarkFacts, benchmark_facts, benchmark_items


def study_items(study: Study) -> tuple[Item, ...]:
    """Every item that a study's students answer, the same for every cell, in the order of its tasks.

    Raises:
        UsageError: a benchmark's rows cannot be opened, lack a column, or make no item.
        StepError: a benchmark's file is not the one that the study was read with.
    """
    settings = study.evaluation
    return items_of(study, settings.tasks, limit=settings.items_per_task, seed=settings.seed)


def items_of(study: Study, tasks: Sequence[str], *, limit: int, seed: int) -> tuple[Item, ...]:
    """At most `limit` items of each task, procedural or a benchmark that the study carries; raises as `study_items`."""
    benchmarks = {benchmark.name: benchmark for benchmark in study.evaluation.benchmarks}
    items: list[Item] = []
    for task in tasks:
        if task not in benchmarks:
            chosen = tuple(procedural_items([task], items_per_benchmark=limit, seed=seed))
        else:
            chosen = benchmark_items(benchmarks[task], limit=limit, seed=seed)
            if study.tokenizer.backend == "words":
                _require_words(chosen, task)
        items.extend(_in_family(study, task, chosen))
    return tuple(items)


def _in_family(study: Study, task: str, items: Sequence[Item]) -> Sequence[Item]:
    """The items in the family that the study puts their task in."""
    own = items[0].family if items else ""
    family = study.evaluation.family_of(task, own)
    return items if family == own else [item.model_copy(update={"family": family}) for item in items]


def validation_items(study: Study, settings: SweepValidation) -> tuple[Item, ...]:
    """The items that choose a learning rate, none of which a benchmark of the study asks, up to white space.

    Raises:
        StudyError: a task has no other items than those that are asked.
        UsageError, StepError: as `study_items`.
    """
    asked = {_normal(item.prompt) for item in study_items(study)}
    chosen: list[Item] = []
    for index, task in enumerate(settings.tasks):
        # so many that enough are left: a choice of items grows with its limit
        items = items_of(study, [task], limit=settings.items_per_task + len(asked), seed=settings.seed)
        free = [item for item in items if _normal(item.prompt) not in asked]
        if not free:
            raise StudyError(
                f'training.learning_rate.validation.tasks[{index}]: found "{task}", whose items are all asked by'
                " evaluation.tasks, allowed are tasks with others"
            )
        chosen.extend(free[: settings.items_per_task])
    return tuple(chosen)


def _normal(prompt: str) -> str:
    return " ".join(prompt.split())


def study_benchmark_facts(study: Study) -> tuple[BenchmarkFacts, ...]:
    """What was read of each benchmark that is no generator; raises as `study_items` does."""
    settings = study.evaluation
    return tuple(
        benchmark_facts(benchmark, limit=settings.items_per_task, seed=settings.seed)
        for benchmark in settings.benchmarks
        if benchmark.name in settings.tasks
    )


def teaches_its_items(task: str) -> bool:
    """Whether a task's items are the training facts, by its nature; never so for a benchmark of data."""
    return task in TASKS and TASKS[task].train_is_test


def _require_words(items: Sequence[Item], task: str) -> None:
    """Refuses texts of which the toy tokenizer would make unknown words."""
    known = frozenset(vocabulary())
    for item in items:
        for word in item.prompt.split():
            if word not in known:
                raise StudyError(
                    f"tokenizer.backend: found words, which does not hold {word[:64]!r} of benchmark {task},"
                    " allowed is transformers"
                )
