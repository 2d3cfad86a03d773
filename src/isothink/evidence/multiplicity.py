"""Holm's adjustment of p-values for many comparisons. Called by comparison.py."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given (Holm, Scandinavian Journal of Statistics 6, 1979, 65-70).

    Example: 0.01, 0.04, 0.03 become 0.03, 0.06, 0.06.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
