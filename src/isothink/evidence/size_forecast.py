"""What is expected of every series at sizes that were not run, with its spread, or the reason why not.

Called by prediction.py for tables and by rule.py for runs. Each size is predicted from what may be seen alone; trends
and widths come from inner hold-outs (size_choice.py), which are done once for all sizes on one side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from isothink.evidence.observations import Floats
from isothink.evidence.size_choice import Choice, InnerHoldOut, Side, choose, inner_hold_outs
from isothink.evidence.size_series import Booleans, SizeSeries
from isothink.evidence.size_trend import FEWEST_SIZES
from isothink.evidence.value_scale import from_line, noise, to_line

LEVEL = 0.90
FEWEST_FOR_TWO_SIZES = 3
"""Hold-outs of other series that must have been predicted before a series of only two sizes is."""
LARGE_TURN = 0.3
"""In logits, weighted down near the ends: a series that falls and rises by this much (7 points in the middle) ..."""
EVEN_TURN = 0.5
"""... and by no less than this share of the larger of the two has turned, and no trend says where it goes."""
FARTHEST = 100.0
"""A size so many times beyond all that a series has is not predicted."""

LARGEST_BATCH = 2_000_000
"""Numbers in one array of covariances (16 MB)."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """One target size, by series: a Student's t on the line and what it is in values, or NaN with the reason."""

    target: float
    mean: Floats
    spread: Floats
    freedom: Floats
    predicted: Floats
    low: Floats
    high: Floats
    sides: list[Side | None]
    refused: list[str | None]
    choices: dict[Side, Choice]


@dataclass(frozen=True, kw_only=True)
class Forecaster:
    """Predicts the series of one table or run. `floor` is the least scatter of each series, where it is known."""

    series: SizeSeries
    floor: Floats | None = None
    _hold_outs: dict[Side, list[InnerHoldOut]] = field(default_factory=dict, init=False, repr=False)

    def at(self, targets: Sequence[float]) -> list[Forecast]:
        """Every series at each of the targets."""
        sides = [[self._side(row, target) for row in range(len(self.series.keys))] for target in targets]
        choices: list[dict[Side, Choice]] = [{} for _ in targets]
        for side in dict.fromkeys(side for row in sides for side in row if side is not None):
            wanted = [index for index, row in enumerate(sides) if side in row]
            if side not in self._hold_outs:
                self._hold_outs[side] = inner_hold_outs(self.series, side)
            for indices in self._batches(wanted):
                some = [targets[index] for index in indices]
                chosen = choose(self.series, self._hold_outs[side], some, self.floor)
                for index, choice in zip(indices, chosen, strict=True):
                    choices[index][side] = choice
        return [self._forecast(*one) for one in zip(targets, sides, choices, strict=True)]

    def _batches(self, indices: list[int]) -> list[list[int]]:
        """Targets that are predicted together: as many as memory is to hold."""
        count = max(LARGEST_BATCH // (len(self.series.keys) * len(self.series.sizes) ** 2), 1)
        return [indices[start : start + count] for start in range(0, len(indices), count)]

    def _forecast(self, target: float, sides: list[Side | None], choices: dict[Side, Choice]) -> Forecast:
        series, count = self.series, len(self.series.keys)
        mean, spread, freedom = (np.full(count, np.nan) for _ in range(3))
        distant = f"no size of it lies within a factor of {FARTHEST:g}"
        refused: list[str | None] = [distant if number else "no size of it is left" for number in series.counts]
        for side, choice in choices.items():
            reasons = _refusals(series, choice, side)
            for row in (row for row in range(count) if sides[row] == side):
                refused[row] = reasons[row]
                if reasons[row] is None:
                    mean[row], spread[row] = choice.mean[row], choice.spread[row]
                    freedom[row] = choice.scatter.freedom[row]
        half_width = stdtrit(freedom, 0.5 + LEVEL / 2) * spread
        base = series.base_caps()
        predicted, low, high = (from_line(mean + part * half_width, base, series.scale) for part in (0.0, -1.0, 1.0))
        return Forecast(
            target=target,
            mean=mean,
            spread=spread,
            freedom=freedom,
            predicted=predicted,
            low=low,
            high=high,
            sides=sides,
            refused=refused,
            choices=choices,
        )

    def _side(self, row: int, target: float) -> Side | None:
        sizes = self.series.sizes[~np.isnan(self.series.values[row])]
        if not (np.exp(np.abs(np.log(sizes) - np.log(target))) <= FARTHEST).any():
            return None
        return "above" if target > sizes.max() else "below" if target < sizes.min() else "inside"


def _refusals(series: SizeSeries, choice: Choice, side: Side) -> list[str | None]:
    turned = _turned(series) if side != "inside" else np.zeros(len(series.keys), dtype=bool)
    reasons: list[str | None] = []
    for count, turn in zip(series.counts.tolist(), turned.tolist(), strict=True):
        if count < FEWEST_SIZES:
            reasons.append("one size only: a trend needs two, and an interval three of it or of other series")
        elif choice.scatter.residuals == 0:
            reasons.append("no series has a size that the others could predict: an interval needs three sizes")
        elif count == FEWEST_SIZES and choice.scatter.residuals < FEWEST_FOR_TWO_SIZES:
            reasons.append("two sizes only, and too few other series with three to say how far a trend is off")
        elif turn:
            reasons.append("it falls and rises by too much for noise: no trend says where it goes")
        else:
            reasons.append(None)
    return reasons


def _turned(series: SizeSeries) -> Booleans:
    """Which series fall and rise by too much for one trend."""
    base = series.base_caps()
    turned = []
    for values, cap in zip(series.values, base, strict=True):
        seen = values[~np.isnan(values)]
        lines = to_line(seen, np.full(len(seen), cap), series.scale)
        scatter = np.sqrt(noise(seen, np.full(len(seen), cap), series.scale))
        differences = np.triu((lines[None, :] - lines[:, None]) / np.maximum(scatter[None, :], scatter[:, None]), 1)
        moves = sorted((float(differences.max(initial=0.0)), float(-differences.min(initial=0.0))))
        turned.append(moves[0] >= LARGE_TURN and moves[0] >= EVEN_TURN * moves[1])
    return np.array(turned, dtype=bool)
