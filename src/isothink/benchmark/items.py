"""Items of procedural benchmarks: held-out questions with their references. Called by run/ before any evaluation."""

import hashlib
from collections.abc import Sequence

from isothink.domain.sample import Item
from isothink.errors import UsageError
from isothink.procedural.task import Task
from isothink.procedural.tasks import TASKS


def item_id(benchmark: str, prompt: str) -> str:
    """An id by content: the same question has it in every study."""
    return hashlib.sha256(f"{benchmark}\0{prompt}".encode()).hexdigest()[:20]


def procedural_items(tasks: Sequence[str], *, items_per_benchmark: int, seed: int) -> list[Item]:
    """At most `items_per_benchmark` test questions of each task, fewer where its pool is smaller.

    Raises:
        UsageError: a task is unknown or named twice, or no items are asked for.
    """
    if items_per_benchmark < 1:
        raise UsageError(f"items_per_benchmark is {items_per_benchmark}, but at least 1 is needed")
    for name in tasks:
        if name not in TASKS:
            raise UsageError(f"unknown task {name!r}: allowed are {', '.join(TASKS)}")
        if tasks.count(name) > 1:
            raise UsageError(f"task {name!r} is named twice")
    return [item for name in tasks for item in _items(TASKS[name], limit=items_per_benchmark, seed=seed)]


def _items(task: Task, *, limit: int, seed: int) -> list[Item]:
    """The task's items; those that are equal up to symmetry share the id of the first of them as their cluster."""
    clusters: dict[str, str] = {}
    items = []
    for question in task.questions(split="test", limit=limit, seed=seed):
        identity = item_id(task.name, question.prompt)
        items.append(
            Item(
                id=identity,
                benchmark=task.name,
                family=task.family,
                prompt=question.prompt,
                reference=task.solve(question.prompt).answer,
                answer_format=task.answer_format,
                cluster=clusters.setdefault(question.key, identity),
            )
        )
    return items
