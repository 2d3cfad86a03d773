"""The scales on which values grow in straight lines: the logit of a share of a cap, or a plain logarithm; and of
sizes.

Called by size_trend.py and prediction.py. A size s is bent to  g(s) = (1 - (s / r)^-k) / k  with r the largest size
seen: k = 0 is log(s / r), and a larger k lets growth run out earlier, with an end (Box & Cox, JRSS B 26, 1964,
211-252).
"""

from typing import Literal

import numpy as np

from isothink.evidence.observations import Floats

ScaleName = Literal["logit", "log"]

NEAREST = 0.005
"""A share closer than this to 0 or 1 counts as this close: the logit of 0 and of 1 is not finite."""
STEEPEST = 600.0
"""A line beyond it would leave the numbers that a float can hold."""
NOISE_AT_THE_ENDS = 0.1
"""Noise in the share itself, relative to the noise of the logit, where both are measured at the same size.

Counted answers scatter by points, not by logits: at a share of 0.95 a logit scatters more than twice as much as at 0.5.
"""


def to_line(values: Floats, caps: Floats, scale: ScaleName) -> Floats:
    """Values on the scale of the line; missing ones stay NaN."""
    if scale == "log":
        return np.log(values)
    share = np.clip(values / caps, NEAREST, 1.0 - NEAREST)
    return np.log(share / (1.0 - share))


def from_line(lines: Floats, caps: Floats, scale: ScaleName) -> Floats:
    """The inverse of `to_line`."""
    lines = np.clip(lines, -STEEPEST, STEEPEST)
    if scale == "log":
        return np.exp(lines)
    return np.asarray(caps / (1.0 + np.exp(-lines)))


def noise(values: Floats, caps: Floats, scale: ScaleName) -> Floats:
    """The variance of a value on the scale of the line, relative to that at its flattest."""
    if scale == "log":
        return np.ones_like(values)
    share = np.clip(values / caps, NEAREST, 1.0 - NEAREST)
    return 1.0 + (NOISE_AT_THE_ENDS / (share * (1.0 - share))) ** 2


def bend(sizes: Floats, largest: float, curvature: float) -> Floats:
    """Sizes on the axis of the line: 0 at the largest size seen, where all curvatures have the same slope."""
    logs = np.log(sizes / largest)
    return logs if curvature == 0.0 else -np.expm1(-curvature * logs) / curvature


def steepness(values: Floats, caps: Floats) -> Floats:
    """How much the logit of a share of the cap changes per unit of the value."""
    share = np.clip(values / caps, NEAREST, 1.0 - NEAREST)
    return np.asarray(1.0 / (caps * share * (1.0 - share)))
