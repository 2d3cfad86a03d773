"""What `isothink list` prints: the parts that a study file or a command can name."""

from typing import Any

from isothink.benchmark.catalogue import published_benchmarks
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.registry import lookup, published_names
from isothink.errors import UsageError
from isothink.procedural.tasks import TASKS
from isothink.run.backends import KINDS
from isothink.teacher.published_sets import published_sets

PARTS = ("benchmarks", "models", "datasets", "backends", "conventions")


def parts_of(kind: str) -> list[dict[str, Any]]:
    """Rows that describe every part of a kind.

    Raises:
        UsageError: there is no such kind.
    """
    if kind == "benchmarks":
        return _benchmarks()
    if kind == "models":
        return [{"name": name, "verified": lookup(name).verified} for name in published_names()]
    if kind == "datasets":
        return [
            {"name": name, "licence": known.licence, "columns": ", ".join(known.columns), "verified": known.verified}
            for name, known in published_sets().items()
        ]
    if kind == "backends":
        return [{"kind": part, "name": name} for part, table in KINDS.items() for name in table]
    if kind == "conventions":
        return [{"name": name, "counts": convention.description} for name, convention in CONVENTIONS.items()]
    raise UsageError(f"found {kind!r}, allowed are {', '.join(PARTS)}")


def _benchmarks() -> list[dict[str, Any]]:
    """The tasks of generators, then the published benchmarks; a study's own are files of the same form."""
    procedural = [
        {
            "name": task.name,
            "family": task.family,
            "answer": task.answer_format,
            "test items": "the training facts" if task.train_is_test else "held out",
            "rows": "generated",
            "verified": True,
        }
        for task in TASKS.values()
    ]
    published = [
        {
            "name": benchmark.name,
            "family": benchmark.family,
            "answer": benchmark.answer_format,
            "test items": "unknown" if benchmark.items is None else str(benchmark.items),
            "rows": benchmark.rows.name if benchmark.rows.kind == "hub" else benchmark.rows.path,
            "verified": benchmark.verified,
        }
        for benchmark in published_benchmarks().values()
    ]
    return [*procedural, *published]
