"""Comparisons and numbers as they stand in reasons, caveats and prospects. Called by verdict.py and outlook.py."""

from collections.abc import Sequence

from isothink.domain.numbers import flops, short
from isothink.evidence.record import Comparison, Interval, MissingCell, Money


def points(value: float) -> str:
    """A difference of accuracies, for example `+12.3`."""
    return f"{100 * value:+.1f}"


def interval(value: Interval) -> str:
    """For example `[+4.1, +20.0]`."""
    return f"[{points(value.low)}, {points(value.high)}]"


EQUAL = {
    "training_flops": "",
    "inference_flops_per_query": ", at equal inference cost",
    "lifetime_flops": ", at equal whole-life cost",
}


def describe(item: Comparison) -> str:
    """For example `reasoning minus IFT at 5e11 FLOPs: +12.3 points [+4.1, +20.0], adjusted p 0.003`."""
    p_value = item.p_value if item.adjusted_p_value is None else item.adjusted_p_value
    stated = "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"
    end = " (extrapolated: no IFT cell costs as much)" if item.extrapolated else f", adjusted p {stated}"
    return (
        f"{item.arm} minus IFT at {flops(item.budget_flops)}{EQUAL[item.axis]}: {points(item.difference)} points "
        f"{interval(item.interval)}{end}"
    )


def due_to_cap(item: Comparison) -> tuple[str, ...]:
    """Resolved from zero by its interval, but not once the cut-off answers might have been right."""
    apart = item.interval.low > 0 or item.interval.high < 0
    bounds = item.truncation_bounds
    if not apart or not bounds.low <= 0 <= bounds.high:
        return ()
    return (
        f"{item.family}: {item.arm} minus IFT at {flops(item.budget_flops)} could be due to the cap on new tokens: "
        f"with cut-off answers right or wrong it is {interval(bounds)} points",
    )


def amount(value: float, money: Money | None) -> str:
    """A cost in the unit of the axis, for example `5e11 FLOPs` or `2.5 dollars`."""
    if money is None:
        return flops(value)
    return f"{short(value)} {'dollars' if money.axis == 'usd' else 'seconds'}"


def can_resolve(item: Comparison) -> bool:
    """Whether some difference of two accuracies is large enough for this comparison to resolve it."""
    return item.smallest_resolvable < 1


def unfinished(missing: Sequence[MissingCell]) -> tuple[str, ...]:
    """What a verdict of a run that is not done says first; infeasible cells never come, so nothing waits for them."""
    waiting, failed = (sum(cell.status == status for cell in missing) for status in ("not_run", "failed"))
    counts = [f"{count} {what}" for count, what in ((waiting, "not run yet"), (failed, "failed")) if count]
    if not counts:
        return ()
    return (f"planned cells without a result: {' and '.join(counts)}, so the verdict may still change",)
