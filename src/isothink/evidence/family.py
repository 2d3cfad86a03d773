"""One family of benchmarks as arrays: its complete cells, grouped into configurations. Read by all of analysis.

A family's value of a cell is the mean over its benchmarks of the mean over items; a configuration's is the mean over
its complete seeds. Cells and items are put into one canonical order, so the order in which they arrive never matters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isothink.evidence.observations import CellFacts, Floats, Integers, Observations
from isothink.evidence.record import MissingCell, Source


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One benchmark's columns in the observations, and the cluster of each (numbered from 0)."""

    name: str
    columns: Integers
    clusters: Integers
    cluster_count: int

    def cluster_sums(self, values: Floats) -> Floats:
        """Sum the columns of `values` [cells, items of this benchmark] into clusters."""
        sums = np.zeros((values.shape[0], self.cluster_count))
        np.add.at(sums.T, self.clusters, values.T)
        return sums


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A student x arm x budget with the rows of its complete cells."""

    name: str
    student: str
    parameters: int
    arm: str
    arm_kind: str
    budget_flops: float
    rows: tuple[int, ...]
    trunks: tuple[str, ...]
    training_flops: dict[str, float]
    fixed_flops: float
    source: Source = "trained"


@dataclass(frozen=True, kw_only=True)
class Family:
    """The configurations of one family, with the observations they index."""

    name: str
    observations: Observations
    benchmarks: tuple[Benchmark, ...]
    configurations: tuple[Configuration, ...]

    @property
    def rows(self) -> Integers:
        """Rows of the observations, configuration by configuration."""
        return np.array([row for item in self.configurations for row in item.rows], dtype=np.int64)

    @property
    def seed_average(self) -> Floats:
        """Matrix [rows, configurations] that averages rows over each configuration's seeds."""
        matrix = np.zeros((self.rows.size, len(self.configurations)))
        start = 0
        for column, configuration in enumerate(self.configurations):
            seeds = len(configuration.rows)
            matrix[start : start + seeds, column] = 1.0 / seeds
            start += seeds
        return matrix

    def by_benchmark(self, values: Floats) -> Floats:
        """Mean over items with a value, [benchmarks, rows]."""
        rows = self.rows
        blocks = [_known_mean(values[np.ix_(rows, part.columns)]) for part in self.benchmarks]
        return np.array(blocks).reshape(len(self.benchmarks), rows.size)

    def mean(self, values: Floats) -> Floats:
        """Mean over benchmarks and seeds, one number per configuration."""
        return np.asarray(self.by_benchmark(values).mean(axis=0) @ self.seed_average)

    def mean_where_known(self, values: Floats) -> Floats:
        """Like `mean`, with NaN for a configuration that has no value on some benchmark."""
        rows = self.rows
        known = [np.isfinite(values[np.ix_(rows, part.columns)]).any(axis=1) for part in self.benchmarks]
        unknown = ~np.all(known, axis=0)
        filled = np.where(np.isfinite(values), values, np.nan)
        filled[rows[unknown]] = 0.0
        return np.where(unknown @ self.seed_average > 0, np.nan, self.mean(filled))


def _known_mean(values: Floats) -> Floats:
    """The mean of each row's known values, NaN where it has none: imported cells may lack lengths and costs."""
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    means: Floats = np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return means


def benchmarks_of(observations: Observations, family: str) -> tuple[Benchmark, ...]:
    """The family's benchmarks in alphabetical order, columns in the order of cluster and item."""
    order = sorted(
        (item.benchmark, item.cluster, item.item, column)
        for column, item in enumerate(observations.items)
        if item.family == family
    )
    result = []
    for name in dict.fromkeys(entry[0] for entry in order):
        chosen = [entry for entry in order if entry[0] == name]
        numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(entry[1] for entry in chosen))}
        result.append(
            Benchmark(
                name=name,
                columns=np.array([entry[3] for entry in chosen], dtype=np.int64),
                clusters=np.array([numbers[entry[1]] for entry in chosen], dtype=np.int64),
                cluster_count=len(numbers),
            )
        )
    return tuple(result)


def inference_flops(observations: Observations, convention: str) -> Floats:
    """Inference FLOPs per answer, NaN throughout where the convention is absent."""
    found = observations.inference_flops.get(convention)
    return np.full(observations.correct.shape, np.nan) if found is None else found


def build_family(
    observations: Observations, name: str, *, students: Sequence[str], arms: Sequence[str], convention: str
) -> tuple[Family, tuple[MissingCell, ...]]:
    """Group the cells that are complete on the family; the others come back as missing, with the reason."""
    benchmarks = benchmarks_of(observations, name)
    complete: dict[str, list[int]] = {}
    missing = []
    for row, cell in enumerate(observations.cells):
        if not _was_asked(observations, row, benchmarks):
            continue
        reason = _gap(observations, row, name, benchmarks, convention)
        if reason is None:
            complete.setdefault(cell.configuration, []).append(row)
        else:
            missing.append(MissingCell(cell=cell.cell, configuration=cell.configuration, reason=reason))
    configurations = [_configuration(observations.cells, rows) for rows in complete.values()]
    configurations.sort(
        key=lambda item: (_rank(item.student, students), _rank(item.arm, arms), item.budget_flops, item.name)
    )
    family = Family(name=name, observations=observations, benchmarks=benchmarks, configurations=tuple(configurations))
    return family, tuple(sorted(missing, key=lambda item: item.cell))


def _was_asked(observations: Observations, row: int, benchmarks: tuple[Benchmark, ...]) -> bool:
    """Whether a cell has answers to any item of the family, scored or not: imported cells know their own families."""
    if observations.answers is None:
        return True
    return any(observations.answers[row, part.columns].sum() > 0 for part in benchmarks)


def _rank(name: str, order: Sequence[str]) -> tuple[int, str]:
    return (list(order).index(name), name) if name in order else (len(order), name)


def _gap(
    observations: Observations, row: int, family: str, benchmarks: tuple[Benchmark, ...], convention: str
) -> str | None:
    """Why a cell cannot enter the family's average, if it cannot."""
    if convention not in observations.cells[row].training_flops:
        return f"no training FLOPs in the {convention} convention"
    arrays = {
        "score": observations.correct,
        "stop reason": observations.truncated,
        "think state": observations.thinking,
        "inference FLOPs": inference_flops(observations, convention),
    }
    for what, values in arrays.items():
        empty = [part.name for part in benchmarks if not np.isfinite(values[row, part.columns]).any()]
        if empty:
            return f"no {what} on {', '.join(empty)} ({family})"
    return None


def _configuration(cells: Sequence[CellFacts], rows: list[int]) -> Configuration:
    ordered = sorted(rows, key=lambda row: (cells[row].seed, cells[row].cell))
    chosen = [cells[row] for row in ordered]
    first = chosen[0]
    shared = [key for key in first.training_flops if all(key in cell.training_flops for cell in chosen)]
    return Configuration(
        name=first.configuration,
        student=first.student,
        parameters=first.parameters,
        arm=first.arm,
        arm_kind=first.arm_kind,
        budget_flops=first.budget_flops,
        rows=tuple(ordered),
        trunks=tuple(cell.trunk for cell in chosen),
        training_flops={key: float(np.mean([cell.training_flops[key] for cell in chosen])) for key in shared},
        fixed_flops=float(np.mean([cell.fixed_flops for cell in chosen])),
        source=first.source,
    )
