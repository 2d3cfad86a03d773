"""What a planned study can resolve: its items, and what finished cells of its run folder show. Called by api.py."""

from collections.abc import Iterable, Mapping

import numpy as np

from isothink.domain.sample import Item
from isothink.domain.study import Study
from isothink.errors import IsothinkError, UsageError
from isothink.evidence.family import build_family
from isothink.evidence.observations import Observations
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.variance_parts import measure_parts
from isothink.plan.power import Measured, family_powers
from isothink.plan.power_record import FamilyPower
from isothink.plan.record import Plan
from isothink.plan.resolution import BenchmarkItems
from isothink.procedural.tasks import TASKS
from isothink.run.inputs import read_inputs
from isothink.run.items import study_items
from isothink.run.load import default_folder
from isothink.run.observe import observe
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder

POOL_LIMIT = 1_000
"""Some procedural tasks have few questions (64 facts, 401 rows of bits), the others tens of thousands."""
FRACTIONS = ("accuracy", "item_correlation", "seed_correlation")


def study_power(study: Study, plan: Plan, *, wanted: float, given: Mapping[str, float]) -> tuple[FamilyPower, ...]:
    """The smallest difference of each family, and what `wanted` needs; `given` are assumptions by name.

    Raises:
        UsageError: a number is none that can be meant.
    """
    _check(wanted, given)
    folder = default_folder(study)
    return family_powers(
        study, plan, _families(study, plan, folder), wanted=wanted, given=given, measured=_measured(folder)
    )


def _check(wanted: float, given: Mapping[str, float]) -> None:
    if not 0 < wanted < 1:
        raise UsageError(
            f"--difference: found {wanted:g}, allowed are fractions above 0 and below 1",
            hint="0.03 is a difference of 3 points",
        )
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if name in FRACTIONS and not 0 <= value <= 1:
            raise UsageError(f"{option}: found {value:g}, allowed are fractions from 0 to 1")
        if name == "accuracy" and value in (0, 1):
            raise UsageError(f"{option}: found {value:g}, allowed are fractions above 0 and below 1")
        if name == "seed_deviation" and not 0 <= value <= 0.5:
            raise UsageError(
                f"{option}: found {value:g}, allowed are fractions from 0 to 0.5", hint="0.01 is one point of accuracy"
            )


def _families(study: Study, plan: Plan, folder: RunFolder) -> dict[str, list[BenchmarkItems]]:
    """The items of every family: those that are frozen or would be, or as many as the study declares."""
    if plan.source == "declared":
        return _declared(study)
    frozen = read_inputs(folder, study)
    return _of_items(study, study_items(study) if frozen is None else frozen.items)


def _of_items(study: Study, items: Iterable[Item]) -> dict[str, list[BenchmarkItems]]:
    by_benchmark: dict[tuple[str, str], list[str]] = {}
    for item in items:
        by_benchmark.setdefault((item.family, item.benchmark), []).append(item.cluster)
    published = {benchmark.name: benchmark.items for benchmark in study.evaluation.benchmarks}
    wanted = study.evaluation.items_per_task
    families: dict[str, list[BenchmarkItems]] = {}
    for (family, name), clusters in by_benchmark.items():
        _, sizes = np.unique(clusters, return_counts=True)
        count = len(clusters)
        there_are = published[name] if name in published else _pool(name, study.evaluation.seed)
        families.setdefault(family, []).append(
            BenchmarkItems(
                name=name,
                items=count,
                clusters=sizes.size,
                cluster_size=float((sizes**2).sum() / count),
                most=count if count < wanted else there_are,
            )
        )
    return families


def _pool(task: str, seed: int) -> int | None:
    """How many questions a procedural task has; None where they are more than one looks for."""
    found = len(TASKS[task].questions(split="test", limit=POOL_LIMIT, seed=seed)) if task in TASKS else POOL_LIMIT
    return found if found < POOL_LIMIT else None


def _declared(study: Study) -> dict[str, list[BenchmarkItems]]:
    """From the study alone; see `plan.declared.declared_items`."""
    wanted = study.evaluation.items_per_task
    known = {benchmark.name: benchmark for benchmark in study.evaluation.benchmarks}
    families: dict[str, list[BenchmarkItems]] = {}
    for task in study.evaluation.tasks:
        benchmark = known.get(task)
        most = None if benchmark is None else benchmark.items
        family = study.evaluation.family_of(task, TASKS[task].family if benchmark is None else benchmark.family)
        count = min(wanted, most or wanted)
        families.setdefault(family, []).append(
            BenchmarkItems(
                name=task,
                items=count,
                clusters=count,
                most=most,
                shares_unknown=benchmark is not None and benchmark.cluster is not None,
            )
        )
    return families


def _measured(folder: RunFolder) -> dict[str, Measured]:
    """What the complete cells of a run folder show, by family; nothing where there are none."""
    if not folder.exists():
        return {}
    try:
        observations, _ = observe(Workspace(folder))
    except IsothinkError:  # a run that has no plan yet, or a damaged one: `isothink run` says so, a plan need not
        return {}
    found = {}
    for name in dict.fromkeys(item.family for item in observations.items):
        parts = _measured_family(observations, name)
        if parts is not None:
            found[name] = parts
    return found


def _measured_family(observations: Observations, name: str) -> Measured | None:
    """What the cells show of one family."""
    family, _ = build_family(observations, name, students=(), arms=(), convention=AnalysisSettings().convention)
    parts = measure_parts(family) if family.configurations else None
    if parts is None:
        return None
    return Measured(parts=parts, place=f"{parts.cells} finished cells of this study's run folder")
