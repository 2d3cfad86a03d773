"""Published results as records: what is known of students that others trained. Read by run/published_evidence.py.

The files lie in `published/`, with their sources; percent, bytes and billions as they were published.
"""

import math
from functools import cached_property

from pydantic import PositiveFloat, PositiveInt

from isothink.domain.record import Record

ARMS = ("ift", "reasoning")
TEACHER = "Qwen/Qwen3-235B-A22B"
TOPIC_OF_FAMILY = {"general-mc": "general", "general-oe": "general", "math-mc": "math", "math-oe": "math"}
"""The corpus that teaches what a family asks."""


class PublishedAccuracy(Record):
    """The accuracy of one student, trained once on one corpus in one format, averaged over a family's benchmarks."""

    corpus: str
    family: str
    student: str
    parameters_billion: PositiveFloat
    arm: str
    accuracy_percent: float


class InferenceLaw(Record):
    """FLOPs per query = coefficient x (parameters in billions) ^ exponent, in the `paper` convention."""

    family: str
    arm: str
    coefficient_flops: PositiveFloat
    exponent: PositiveFloat
    note: str = ""

    def flops(self, parameters_billion: float) -> float:
        """Of a student of this size."""
        return self.coefficient_flops * math.pow(parameters_billion, self.exponent)


class PublishedCorpus(Record):
    """A set of pairs: how many, mean lengths in bytes, and the bytes per token that are assumed."""

    corpus: str
    pairs: PositiveInt
    prompt_bytes: PositiveFloat
    ift_bytes: PositiveFloat
    reasoning_bytes: PositiveFloat
    bytes_per_token: PositiveFloat


class PublishedBenchmark(Record):
    """One benchmark of a family and its number of items."""

    family: str
    benchmark: str
    items: PositiveInt


class ToggledAccuracy(Record):
    """One model on one benchmark with thinking on or off: the same weights."""

    benchmark: str
    model: str
    parameters_billion: PositiveFloat
    active_parameters_billion: PositiveFloat
    mode: str
    accuracy_percent: float


class PublishedTable(Record):
    """All of it."""

    accuracies: tuple[PublishedAccuracy, ...]
    laws: tuple[InferenceLaw, ...]
    corpora: tuple[PublishedCorpus, ...]
    benchmarks: tuple[PublishedBenchmark, ...]
    toggle: tuple[ToggledAccuracy, ...]

    @cached_property
    def students(self) -> dict[str, float]:
        """The ladder, smallest student first, with sizes in billions of parameters."""
        sizes = {item.student: item.parameters_billion for item in self.accuracies if item.arm in ARMS}
        return dict(sorted(sizes.items(), key=lambda entry: entry[1]))

    @cached_property
    def families(self) -> tuple[str, ...]:
        """In alphabetical order."""
        return tuple(sorted({item.family for item in self.laws}))

    def corpus(self, name: str) -> PublishedCorpus:
        """One corpus; the name is known to be one."""
        return next(item for item in self.corpora if item.corpus == name)

    def law(self, family: str, arm: str) -> InferenceLaw:
        """One power law."""
        return next(item for item in self.laws if (item.family, item.arm) == (family, arm))

    def benchmarks_of(self, family: str) -> tuple[PublishedBenchmark, ...]:
        """The benchmarks that a family's accuracy is the mean of."""
        return tuple(item for item in self.benchmarks if item.family == family)

    def accuracies_of(self, corpus: str, family: str, arm: str) -> list[float]:
        """Accuracies as fractions, smallest student first."""
        found = {
            item.student: item.accuracy_percent / 100
            for item in self.accuracies
            if (item.corpus, item.family, item.arm) == (corpus, family, arm)
        }
        return [found[student] for student in self.students]
