"""What `isothink predict` prints in a terminal: the equations, the predictions, and how far off held-out cells are."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from isothink.cli.output import one_line, print_rows, wide_console
from isothink.errors import UsageError
from isothink.evidence.prediction_record import Gain, HoldOutSummary, Prediction

if TYPE_CHECKING:
    from rich.console import Console


def names_of(text: str) -> tuple[str, ...]:
    """The column names of an option such as `corpus,family,arm`."""
    names = tuple(part.strip() for part in text.split(","))
    if "" in names or len(set(names)) != len(names):
        raise UsageError(f"--by: found {text!r}, allowed are different column names with commas between them")
    return names


def gain_over_of(text: str | None) -> tuple[str, str] | None:
    """The column and the level of an option such as `arm=ift`."""
    if text is None:
        return None
    column, equals, level = (part.strip() for part in text.partition("="))
    if not (column and equals and level):
        raise UsageError(f"--gain: found {text!r}, allowed is a column and its level, such as arm=ift")
    return column, level


def print_prediction(found: Prediction) -> None:
    """Prints everything as tables; what the table says steers no terminal."""
    console = wide_console()
    number = _number_text(found)
    unit = {"percent": " (percent)", "fraction": " (fraction)", "plain": ""}[found.unit]
    _say(console, f"the leading trend of each series{unit}; predictions average over all trends by their weights")
    print_rows(
        [
            {**fit.series, "value at a size": fit.equation or f"refused: {fit.refused}", "weight": _share(fit.weight)}
            for fit in found.fits
        ]
    )
    if found.predictions:
        _say(console, f"predictions{unit}")
        print_rows([_cells(item, number) for item in found.predictions])
    if found.gains:
        _say(console, f"gains{unit}")
        print_rows([_gain_cells(item, number) for item in found.gains])
    if found.held_out:
        _say(console, f"held out{unit}")
        print_rows([_cells(item, number) | {"actual": number(item.actual)} for item in found.held_out])
    if found.held_out_gains:
        _say(console, f"gains held out{unit}")
        print_rows([_gain_cells(item, number) | {"actual": number(item.actual)} for item in found.held_out_gains])
    for summary in found.hold_outs:
        _say(console, _summary(summary, number))
    for note in found.notes:
        _say(console, f"note: {note}")


def _cells(item: Any, number: Callable[[float], str]) -> dict[str, str]:
    return {**item.series, "size": f"{item.size:g}", **_told(item, "predicted", number)}


def _gain_cells(item: Gain, number: Callable[[float], str]) -> dict[str, str]:
    pair = {"gain of": item.arm, "over": item.baseline, "size": f"{item.size:g}"}
    return {**item.series, **pair, **_told(item, "gain", number)}


def _told(item: Any, name: str, number: Callable[[float], str]) -> dict[str, str]:
    if item.interval is None:
        return {name: f"refused: {item.refused}", "90% interval": ""}
    low, high = item.interval
    return {name: number(getattr(item, name)), "90% interval": f"{number(low)} to {number(high)}"}


def _summary(summary: HoldOutSummary, number: Callable[[float], str]) -> str:
    start = f"size {summary.size:g} held out ({summary.mode}): {summary.predicted} predicted, {summary.refused} refused"
    if summary.mean_absolute_error is None or summary.plain_guess_error is None or summary.covered is None:
        return start
    return (
        f"{start}; mean absolute error {number(summary.mean_absolute_error)}"
        f" (nearest size or line between neighbours: {number(summary.plain_guess_error)}),"
        f" {100 * summary.covered:.0f}% of the values in their 90% intervals{_gain_summary(summary)}"
    )


def _gain_summary(summary: HoldOutSummary) -> str:
    if summary.gains_covered is None:
        return ""
    return (
        f"; gains: {summary.gains_of_right_sign} of {summary.gains} of the right sign,"
        f" {100 * summary.gains_covered:.0f}% in their intervals"
    )


def _number_text(found: Prediction) -> Callable[[float], str]:
    form = {"percent": "{:.1f}", "fraction": "{:.4f}", "plain": "{:.4g}"}[found.unit]
    return form.format


def _share(weight: float | None) -> str:
    return "" if weight is None else f"{weight:.2f}"


def _say(console: "Console", line: str) -> None:
    console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)
