"""The size of student at which the fitted gain of reasoning is zero. Called by verdict.py."""

import math
from collections.abc import Sequence

import numpy as np

FEWEST_STUDENTS = 3


def crossover_parameters(sizes: Sequence[int], gains: Sequence[float]) -> tuple[float | None, str]:
    """Parameters at which a least-squares line of gain on log size crosses zero, and a reason where there is none.

    A crossing outside the ladder is not reported: a line through few sizes says little beyond them.
    """
    if len(set(sizes)) < FEWEST_STUDENTS:
        return (
            None,
            f"no crossover size: it needs {FEWEST_STUDENTS} students with both arms, and {len(set(sizes))} have",
        )
    logs = np.log(np.array(sizes, dtype=np.float64))
    centred = logs - logs.mean()
    slope = float(centred @ np.array(gains) / (centred @ centred))
    level = float(np.mean(gains))
    if slope == 0.0:
        return None, "no crossover size: the fitted gain of reasoning does not change with size"
    position = float(logs.mean()) - level / slope
    if not math.log(min(sizes)) <= position <= math.log(max(sizes)):
        sign = "positive" if level > 0 else "negative"
        return None, f"no crossover size: the fitted gain of reasoning is {sign} over the whole ladder"
    return math.exp(position), ""
