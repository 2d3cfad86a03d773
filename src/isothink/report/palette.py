"""Colours and shapes of arms: told apart by both, so that no reader depends on colour; used by every figure.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), safe for the common colour blindnesses.
"""

from dataclasses import dataclass

from isothink.report.text import shortened, visible

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#8A8A8A",
)
FIXED = {"ift": (BLUE, "circle"), "reasoning": (VERMILION, "triangle-up")}
OTHERS = (
    (GREEN, "square"),
    (PURPLE, "diamond"),
    (ORANGE, "cross"),
    (SKY, "triangle-down"),
    (GREY, "triangle-right"),
)
NAME_LIMIT = 60


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The arms of a report in a fixed order, with a colour and a shape for each."""

    arms: tuple[str, ...]
    colours: tuple[str, ...]
    shapes: tuple[str, ...]


def palette(arms: set[str]) -> Palette:
    """IFT and reasoning keep theirs in every report; the other arms take the rest in the order of their names."""
    known = [arm for arm in FIXED if arm in arms]
    others = sorted(arms - set(FIXED))
    styles = [FIXED[arm] for arm in known] + [OTHERS[index % len(OTHERS)] for index in range(len(others))]
    return Palette(
        arms=tuple(label(arm) for arm in known + others),
        colours=tuple(colour for colour, _ in styles),
        shapes=tuple(shape for _, shape in styles),
    )


def only(arms: Palette, names: set[str]) -> Palette:
    """The palette without the arms that a plot does not hold, every other arm as it is."""
    kept = [index for index, arm in enumerate(arms.arms) if arm in names]
    return Palette(
        arms=tuple(arms.arms[index] for index in kept),
        colours=tuple(arms.colours[index] for index in kept),
        shapes=tuple(arms.shapes[index] for index in kept),
    )


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The students of a report, smallest first, with the area of the marks of each in square pixels."""

    students: tuple[str, ...]
    areas: tuple[float, ...]


def sizes(students: list[str]) -> Sizes:
    """Areas from 45 to 200 square pixels, smallest student first; a single student has one of the middle."""
    steps = len(students) - 1
    areas = [45 + 155 * index / steps for index in range(len(students))] if steps > 0 else [110.0] * len(students)
    return Sizes(students=tuple(students), areas=tuple(areas))


def only_sizes(every: Sizes, names: set[str]) -> Sizes:
    """The students that a plot holds, each at its size in all plots of the report."""
    kept = [(name, area) for name, area in zip(every.students, every.areas, strict=True) if name in names]
    return Sizes(students=tuple(name for name, _ in kept), areas=tuple(area for _, area in kept))


def label(name: str) -> str:
    """A name as a plot shows it: no hidden characters, and short enough for a legend."""
    return shortened(visible(name).replace("\n", " "), NAME_LIMIT)
