"""Numbers as text with their units: one spelling for the page, the figures and the terminal.

FLOPs are written `5e11 FLOPs`, accuracies as percent, differences of accuracies as signed points.
"""

from isothink.domain.numbers import flops as flops
from isothink.domain.numbers import scientific as scientific
from isothink.evidence.record import Interval

NONE = "n/a"


def percent(fraction: float | None) -> str:
    """A fraction as percent with one decimal."""
    return NONE if fraction is None else f"{100 * fraction:.1f}%"


def percent_interval(interval: Interval) -> str:
    """For example `58.2% to 64.1%`."""
    return f"{percent(interval.low)} to {percent(interval.high)}"


def points(fraction: float) -> str:
    """A difference of two fractions in signed percentage points, without the unit."""
    text = f"{100 * fraction:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def points_interval(interval: Interval) -> str:
    """For example `-1.1 to +7.3`."""
    return f"{points(interval.low)} to {points(interval.high)}"


def level(interval: Interval) -> str:
    """The probability that an interval is made for, for example `90%`."""
    return f"{100 * interval.level:g}%"


def probability(value: float) -> str:
    """Two decimals, and never a certainty that a finite number of draws cannot show."""
    if value < 0.005:
        return "< 0.01"
    return "> 0.99" if value > 0.995 else f"{value:.2f}"


def probability_phrase(value: float) -> str:
    """The same inside a sentence: `of 0.83`, `above 0.99`."""
    text = probability(value)
    return {"<": "below", ">": "above"}[text[0]] + text[1:] if text[0] in "<>" else f"of {text}"


def p_value(value: float | None) -> str:
    """Two digits, with its sign: `= 0.012` or `< 0.001`."""
    if value is None:
        return NONE
    if value < 0.001:
        return "< 0.001"
    return f"= {value:.3f}" if value < 0.0995 else f"= {value:.2f}"


def parameters(count: float) -> str:
    """A number of parameters in three digits, for example `1.54B` or `138K`."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.3g}{unit}" if count < 999.5 * size else f"{count / size:.0f}{unit}"
    return f"{count:.0f}"


def count(value: float | None) -> str:
    """A whole number with thousands separated, scientific from a thousand million on."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) < 1e9 else scientific(value)


def tokens(value: float | None) -> str:
    """A mean number of tokens."""
    if value is None:
        return NONE
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Wall time in the unit that fits it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def plural(number: int, noun: str) -> str:
    """For example `1 cell`, `3 cells`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
