"""How much disk a plan takes at its peak. Called by planner.py."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from isothink.corpus.lengths import CorpusLengths
from isothink.domain.study import Keep
from isothink.plan.record import Segment

BYTES_PER_WEIGHT = 4
MOMENTS_PER_WEIGHT = 2
CHECKPOINTS = 2
"""The one being written, and the one that it replaces."""
BYTES_PER_TOKEN = 4
BYTES_PER_SAMPLE = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class StudentBytes:
    """What a student's files take."""

    weights: int
    """A finished student, adapters merged."""
    state: int
    """What training goes on from: the weights that are trained, and AdamW's two moments of each."""

    @classmethod
    def of(cls, parameters: int, trained_parameters: int) -> "StudentBytes":
        """Of so many weights, of which so many are trained."""
        return cls(
            weights=parameters * BYTES_PER_WEIGHT,
            state=trained_parameters * BYTES_PER_WEIGHT * (1 + MOMENTS_PER_WEIGHT),
        )


def peak_disk_bytes(
    segments: Iterable[Segment],
    students: Mapping[str, StudentBytes],
    *,
    keep: Keep,
    processes: int,
    lengths: CorpusLengths,
    samples: int,
) -> int:
    """An upper bound on what segments, checkpoints, samples and corpus take at once.

    A tree is the segments that begin at one root: one student, seed and first stream. Its segments hold at most

        one state (trained weights and moments) for each segment that others go on from, and
        the weights of each segment that ends a cell, until it is evaluated.

    A worker holds two checkpoints besides, each a state. With `keep: needed` a tree's files go when it is complete, so
    that no more trees than workers have any, provided that a worker begins a tree only where no step of a begun one is
    ready; the bound takes the largest. With `keep: all` the states of complete trees go, their weights stay.
    """
    segments = list(segments)
    roots = tree_roots(segments)
    parents = {segment.parent for segment in segments}
    in_flight: dict[str, int] = defaultdict(int)
    kept: dict[str, int] = defaultdict(int)
    for segment in segments:
        own = students[segment.student]
        goes_on = segment.id in parents
        in_flight[roots[segment.id]] += own.state if goes_on else own.weights
        kept[roots[segment.id]] += trained_bytes(own) if goes_on else own.weights
    largest = sorted(in_flight, key=lambda root: in_flight[root], reverse=True)[:processes]
    total = sum(in_flight[root] for root in largest)
    if keep == "all":
        largest = sorted(in_flight, key=lambda root: in_flight[root] - kept[root], reverse=True)[:processes]
        total = sum(kept.values()) + sum(in_flight[root] - kept[root] for root in largest)
    state = max((students[segment.student].state for segment in segments), default=0)
    tokens = int(lengths.ift.sum() + lengths.reasoning.sum() - lengths.prompt.sum())
    return total + processes * CHECKPOINTS * state + BYTES_PER_TOKEN * tokens + BYTES_PER_SAMPLE * samples


def trained_bytes(student: StudentBytes) -> int:
    """The trained weights of a state, without their moments."""
    return student.state // (1 + MOMENTS_PER_WEIGHT)


def tree_roots(segments: Iterable[Segment]) -> dict[str, str]:
    """For each segment the root of its tree; parents stand before their children in a plan."""
    roots: dict[str, str] = {}
    for segment in segments:
        roots[segment.id] = segment.id if segment.parent is None else roots[segment.parent]
    return roots
