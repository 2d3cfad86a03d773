"""What `isothink predict` finds, as records. Made by prediction.py, printed by cli/.

Values are in the unit of the table; intervals are 90%. A number that the data do not support is null, with the reason.
"""

from typing import Literal

from isothink.domain.record import Record


class SeriesFit(Record):
    """One series: its leading trend as an equation, or why there is none.

    Predictions average over all trends; `weight` is the share of the leading one. In the equation `size` is the number
    in the size column, and the value comes out in the unit of the table. `cap` is None on the log scale.
    """

    series: dict[str, str]
    sizes: tuple[float, ...]
    cap: float | None
    equation: str | None
    level: float | None
    slope: float | None
    curvature: float | None
    weight: float | None
    refused: str | None


class Predicted(Record):
    """The value expected of one series at a size. `position` is where the size lies among those of the series."""

    series: dict[str, str]
    size: float
    predicted: float | None
    interval: tuple[float, float] | None
    position: Literal["above", "inside", "below"] | None
    refused: str | None


class Gain(Record):
    """The value of one arm minus that of the baseline arm at a size, where all other columns (`series`) agree."""

    series: dict[str, str]
    arm: str
    baseline: str
    size: float
    gain: float | None
    interval: tuple[float, float] | None
    refused: str | None


class HeldOutGain(Gain):
    """The gain of two cells that were hidden, and what was predicted without them."""

    actual: float


class HeldOut(Record):
    """One cell that was hidden, and what was predicted without it."""

    series: dict[str, str]
    size: float
    actual: float
    predicted: float | None
    interval: tuple[float, float] | None
    refused: str | None


class HoldOutSummary(Record):
    """All hidden cells of one size that could be predicted, and the plain guess beside them.

    The plain guess is the value of the nearest size left, or between two sizes the line in log size between them.
    `gains` counts the pairs of arms of which both cells could be predicted.
    """

    size: float
    mode: Literal["larger", "others"]
    predicted: int
    refused: int
    mean_absolute_error: float | None
    plain_guess_error: float | None
    covered: float | None
    gains: int = 0
    gains_of_right_sign: int | None = None
    gains_mean_absolute_error: float | None = None
    gains_covered: float | None = None


class Prediction(Record):
    """Everything that one table and its settings give."""

    fits: tuple[SeriesFit, ...]
    predictions: tuple[Predicted, ...]
    gains: tuple[Gain, ...] = ()
    held_out: tuple[HeldOut, ...]
    held_out_gains: tuple[HeldOutGain, ...] = ()
    hold_outs: tuple[HoldOutSummary, ...]
    unit: Literal["percent", "fraction", "plain"]
    level: float
    notes: tuple[str, ...]
