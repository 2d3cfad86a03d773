"""How long right answers are, and wrong ones, in output tokens. Called by patterns.py.

An item with several answers (repeats) holds their mean score and mean length: it counts as right by that score and as
wrong by the rest, both of the mean length. Items are resampled by clusters, the same weights for right and wrong
answers, so an item that has both is paired with itself.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from isothink.evidence.draws import named_generator, weight_shape
from isothink.evidence.family import Benchmark, Family
from isothink.evidence.interval import Interval
from isothink.evidence.observations import Floats, Integers
from isothink.evidence.pattern_record import LengthRatio, TraceLength
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.size_series import Booleans

SingleFloats = npt.NDArray[np.float32]
DRAWS = 1_000
"""Enough for an interval that describes."""
FEWEST_ANSWERS = 5
"""With fewer answers of a kind their lengths have no spread to speak of."""


Which = Literal["all", "completed", "same item"]


@dataclass(frozen=True, kw_only=True)
class _Lengths:
    """Answers and tokens of every benchmark and configuration, [2, benchmarks, configurations], right answers first.

    `bounds` are the lower and the upper end of the interval of each configuration's ratio, NaN where there is none.
    """

    counts: Floats
    tokens: Floats
    bounds: Floats

    @property
    def usable(self) -> Booleans:
        """Which benchmarks have both kinds of answers, [benchmarks, configurations]."""
        return np.asarray((self.counts > 0).all(axis=0))


def trace_lengths(family: Family, settings: AnalysisSettings) -> list[TraceLength]:
    """One record per configuration of the family."""
    if not family.configurations:
        return []
    cut = np.nan_to_num(family.observations.truncated, nan=0.0)
    weights = [_weights(family, benchmark, settings) for benchmark in family.benchmarks]
    every = _lengths(family, weights, settings.level, "all")
    completed = _lengths(family, weights, settings.level, "completed") if cut.any() else every
    same = _lengths(family, weights, settings.level, "same item")
    truncated = family.mean(cut)
    return [
        TraceLength(
            family=family.name,
            configuration=item.name,
            truncated=float(truncated[index]),
            all_answers=_ratio(every, index, settings.level),
            completed=_ratio(completed, index, settings.level),
            same_item=_ratio(same, index, settings.level),
        )
        for index, item in enumerate(family.configurations)
    ]


def _weights(family: Family, benchmark: Benchmark, settings: AnalysisSettings) -> SingleFloats:
    """Weights of a benchmark's clusters, [draws, clusters]; see draws.py."""
    generator = named_generator(settings, "lengths", family.name, benchmark.name)
    size = (DRAWS, benchmark.cluster_count)
    return generator.standard_gamma(weight_shape(benchmark.cluster_count), size).astype(np.float32)


def _lengths(family: Family, weights: list[SingleFloats], level: float, which: Which) -> _Lengths:
    shape = (2, len(family.benchmarks), len(family.configurations))
    counts, tokens = np.zeros(shape), np.zeros(shape)
    drawn = np.zeros((2, DRAWS, shape[2]))
    for row, benchmark in enumerate(family.benchmarks):
        values = _item_sums(family, benchmark.columns, which)
        sums = values.sum(axis=2)
        counts[:, row], tokens[:, row] = sums[::2], sums[1::2]
        usable = (sums[::2] > 0).all(axis=0)
        clusters = benchmark.cluster_sums(values[:, usable].reshape(-1, benchmark.columns.size))
        mixed = (weights[row] @ clusters.T.astype(np.float32)).reshape(DRAWS, 4, -1)
        for side in (0, 1):
            drawn[side][:, usable] += mixed[:, 2 * side + 1] / mixed[:, 2 * side]
    return _Lengths(counts=counts, tokens=tokens, bounds=_bounds(drawn, level))


def _bounds(drawn: Floats, level: float) -> Floats:
    """The central range of each configuration's ratio, where wrong answers have a length, [2, configurations]."""
    known = (drawn[1] > 0).all(axis=0)
    bounds = np.full((2, known.size), np.nan)
    if known.any():
        tail = (1.0 - level) / 2
        bounds[:, known] = np.quantile(drawn[0][:, known] / drawn[1][:, known], [tail, 1.0 - tail], axis=0)
    return bounds


def _item_sums(family: Family, columns: Integers, which: Which) -> Floats:
    """Counts and tokens of right answers, then of wrong ones, of every configuration and item, seeds added up."""
    data = family.observations
    place = np.ix_(family.rows, columns)
    correct, length = data.correct[place], (data.trace_tokens[place] + data.answer_tokens[place])
    known = np.isfinite(correct) & np.isfinite(length)
    cut = np.nan_to_num(data.truncated[place], nan=0.0)
    counted = known * (1.0 if which == "all" else 1.0 - cut)
    score, tokens = np.where(known, correct, 0.0), np.where(known, length, 0.0)
    right = np.minimum(score, counted)
    wrong = counted - right
    starts = np.cumsum([0, *(len(item.rows) for item in family.configurations[:-1])])
    parts = (right, right * tokens, wrong, wrong * tokens)
    result = np.array([np.add.reduceat(part, starts, axis=0) for part in parts])
    return _within_items(result) if which == "same item" else result


def _within_items(sums: Floats) -> Floats:
    """Only items with right and wrong answers, each of which counts once on either side."""
    right, right_tokens, wrong, wrong_tokens = sums
    both = (right > 0) & (wrong > 0)
    ones = both.astype(np.float64)
    return np.array(
        [
            ones,
            np.divide(right_tokens, right, out=np.zeros_like(right), where=both),
            ones,
            np.divide(wrong_tokens, wrong, out=np.zeros_like(wrong), where=both),
        ]
    )


def _ratio(lengths: _Lengths, index: int, level: float) -> LengthRatio:
    """The mean over benchmarks with both kinds of right answers' mean length, over that of wrong answers."""
    counts, tokens, usable = lengths.counts[:, :, index], lengths.tokens[:, :, index], lengths.usable[:, index]
    right, wrong = (float(count) for count in counts.sum(axis=1))
    if not usable.any():
        means = [
            float(total) / count if count else None for total, count in zip(tokens.sum(1), (right, wrong), strict=True)
        ]
        return LengthRatio(
            right=right,
            wrong=wrong,
            right_tokens=means[0],
            wrong_tokens=means[1],
            ratio=None,
            interval=None,
            reason="no benchmark has both right and wrong answers",
        )
    right_tokens, wrong_tokens = (tokens[:, usable] / counts[:, usable]).mean(axis=1)
    ratio = float(right_tokens / wrong_tokens) if wrong_tokens > 0 else None
    interval, reason = None, None
    if ratio is None:
        reason = "wrong answers have no tokens"
    elif counts[:, usable].sum(axis=1).min() < FEWEST_ANSWERS:
        reason = f"an interval needs {FEWEST_ANSWERS} right and {FEWEST_ANSWERS} wrong answers"
    else:
        low, high = lengths.bounds[:, index]
        interval = Interval(low=min(float(low), ratio), high=max(float(high), ratio), level=level)
    return LengthRatio(
        right=right,
        wrong=wrong,
        right_tokens=float(right_tokens),
        wrong_tokens=float(wrong_tokens),
        ratio=ratio,
        interval=interval,
        reason=reason,
    )
