"""How far another setup may lie from a published one, from how far published setups lie apart. Called by prior.py.

A *contrast* is the difference, on the logit scale and student by student, between two setups that were published: the
same family after training on the general and on the math corpus; and the gain of Qwen3's thinking toggle against the
gain of reasoning over IFT. Contrasts hold all that differed at once: corpus, training run, for the toggle benchmarks
and scorers too. A random setup is drawn as a random mixture of the contrasts, which keeps how they go together over
sizes and arms (gains differ far more at 0.5B than at 14B), with half a contrast's square as variance: that of two
values around their mean. The scale is itself uncertain: Student's t, with as many degrees of freedom as contrasts.
"""

import math
from dataclasses import dataclass

import numpy as np

from isothink.evidence.observations import Floats
from isothink.evidence.published_table import ARMS, TOPIC_OF_FAMILY, PublishedBenchmark, PublishedTable

TOGGLED = {
    "math-oe": ("MATH-500", "AIME'25"),
    "general-mc": ("MMLU-Redux",),
    "general-oe": ("IFEval strict",),
}
"""Benchmarks of the thinking toggle that stand for a family: members of it or, for MMLU-Redux, of its kind."""
CORRELATION_OF_ITEMS = 0.5
"""Of two students' luck with the same items: an assumption; what they share cancels in their difference."""
SMALLEST = 0.005
"""Accuracies nearer to 0 or 1 count as this far from it, so that their logit exists."""


@dataclass(frozen=True, kw_only=True)
class SetupVariation:
    """Contrasts [contrasts, students] of IFT's accuracy, and of reasoning's gain over it.

    The first contrasts of the gain belong to those of IFT, one by one; the others are known for the gain alone.
    """

    ift: Floats
    gain: Floats

    def draw(self, generator: np.random.Generator, draws: int) -> dict[str, Floats]:
        """Shifts by arm [draws, students], each with its mirror image, so that they are centred on zero."""
        count, shared = len(self.gain), len(self.ift)
        normal = generator.standard_normal((draws // 2, count))
        scale = np.sqrt(count / generator.chisquare(count, draws // 2))[:, None]
        ift = scale * (normal[:, :shared] @ self.ift) / math.sqrt(2 * shared)
        gain = scale * (normal @ self.gain) / math.sqrt(2 * count)
        return {"ift": np.concatenate([ift, -ift]), "reasoning": np.concatenate([ift + gain, -ift - gain])}


def setup_variation(table: PublishedTable) -> SetupVariation:
    """From the published tables."""
    levels, gains = [], []
    first, second = (item.corpus for item in table.corpora)
    for family in table.families:
        (ift, reasoning), (other_ift, other_reasoning) = (_logits_of(table, one, family) for one in (first, second))
        levels.append(ift - other_ift)
        gains.append((reasoning - ift) - (other_reasoning - other_ift))
    for family, benchmarks in TOGGLED.items():
        ift, reasoning = _logits_of(table, TOPIC_OF_FAMILY[family], family)
        gains.append(_toggled_gain(table, benchmarks) - (reasoning - ift))
    return SetupVariation(ift=np.array(levels), gain=np.array(gains))


def item_luck(
    accuracy: Floats, benchmarks: tuple[PublishedBenchmark, ...], generator: np.random.Generator, draws: int
) -> Floats:
    """Logit shifts [draws, cells] of a mean over benchmarks of these sizes, were each as hard as their mean."""
    inverse = sum(1.0 / item.items for item in benchmarks) / len(benchmarks) ** 2
    safe = clipped(accuracy)
    deviation = np.sqrt(inverse / (safe * (1.0 - safe)))
    half = generator.standard_normal((draws // 2, len(accuracy) + 1))
    both = np.concatenate([half, -half])
    mixed = math.sqrt(CORRELATION_OF_ITEMS) * both[:, :1] + math.sqrt(1.0 - CORRELATION_OF_ITEMS) * both[:, 1:]
    return np.asarray(deviation * mixed)


def clipped(accuracy: Floats) -> Floats:
    """Accuracies whose logit exists."""
    return np.clip(accuracy, SMALLEST, 1.0 - SMALLEST)


def logit(accuracy: Floats) -> Floats:
    """The log odds."""
    return np.asarray(np.log(accuracy / (1.0 - accuracy)))


def from_logit(line: Floats) -> Floats:
    """The inverse of `logit`."""
    return np.asarray(1.0 / (1.0 + np.exp(-line)))


def _logits_of(table: PublishedTable, corpus: str, family: str) -> tuple[Floats, Floats]:
    """IFT's and reasoning's, smallest student first."""
    ift, reasoning = (logit(clipped(np.array(table.accuracies_of(corpus, family, arm)))) for arm in ARMS)
    return ift, reasoning


def _toggled_gain(table: PublishedTable, benchmarks: tuple[str, ...]) -> Floats:
    """The gain of thinking in as many dense models as there are students, matched in order of size: 0.6B to 0.5B."""
    count = len(table.students)
    lines = []
    for mode in ("non-thinking", "thinking"):
        by_size: dict[float, list[float]] = {}
        for item in table.toggle:
            dense = item.parameters_billion == item.active_parameters_billion
            if dense and item.mode == mode and item.benchmark in benchmarks:
                by_size.setdefault(item.parameters_billion, []).append(item.accuracy_percent / 100)
        lines.append(logit(clipped(np.array([np.mean(by_size[size]) for size in sorted(by_size)[:count]]))))
    return np.asarray(lines[1] - lines[0])
