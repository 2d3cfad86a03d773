"""How far off `isothink predict` is on published tables: every size hidden in turn, and other choices beside it.

    python scripts/measure_prediction.py FOLDER

The folder holds scale_or_reason_accuracy.csv and qwen3_thinking_toggle.csv.

Prints the tables of docs/prediction.md. The second one changes one constant of the method at a time.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from isothink import api
from isothink.evidence import size_choice, size_trend, value_scale
from isothink.evidence.prediction_record import Prediction

SIZE, VALUE = "parameters_billion", "accuracy_percent"
DENSE = "parameters_billion = active_parameters_billion"
CASES = (
    *(("paper", size, "larger") for size in (14, 7, 3)),
    *(("paper", size, "others") for size in (7, 3, 1.5, 0.5)),
    *(("qwen3", size, "larger") for size in (32, 14, 8, 4)),
    *(("qwen3", size, "others") for size in (14, 8, 4, 1.7, 0.6)),
)
CHANGES: tuple[tuple[str, Any, str, Any], ...] = (
    ("temperature 0.05", size_choice, "TEMPERATURE", 0.05),
    ("temperature 0.3", size_choice, "TEMPERATURE", 0.3),
    ("the leading trend alone", size_choice, "TEMPERATURE", 1e-4),
    ("no curvature", size_trend, "CURVATURES", (0.0,)),
    ("curvatures 0 to 1", size_trend, "CURVATURES", (0.0, 0.25, 0.5, 0.75, 1.0)),
    ("curvatures to 1.5", size_trend, "CURVATURES", (0.0, -0.25, 0.25, 0.5, 0.75, 1.0, 1.5)),
    ("noise at the ends 0.05", value_scale, "NOISE_AT_THE_ENDS", 0.05),
    ("noise at the ends 0.2", value_scale, "NOISE_AT_THE_ENDS", 0.2),
)


def measured(folder: Path, table: str, size: float, mode: Any) -> Prediction:
    """One size of one table, hidden and predicted."""
    by: tuple[str, ...]
    if table == "paper":
        path, by, where = folder / "scale_or_reason_accuracy.csv", ("corpus", "family", "arm"), None
        over = ("arm", "ift")
    else:
        path, by, where = folder / "qwen3_thinking_toggle.csv", ("benchmark", "mode"), DENSE
        over = ("mode", "non-thinking")
    return api.predict(
        path, size=SIZE, value=VALUE, by=by, where=where, hold_out=(size,), hold_out_mode=mode, gain_over=over
    )


def gains(found: Prediction) -> str:
    """How often a hidden gain has the sign predicted and lies in its interval, how far off and how wide that is."""
    (said,) = found.hold_outs
    widths = [cell.interval[1] - cell.interval[0] for cell in found.held_out_gains if cell.interval]
    if said.gains_covered is None:
        return "| | | "
    return (
        f"{said.gains_of_right_sign} of {said.gains} | {said.gains_mean_absolute_error:.2f}"
        f" | {100 * said.gains_covered:.0f}% | {np.mean(widths):.0f}"
    )


def main() -> None:
    """Prints both tables."""
    folder = Path(sys.argv[1])
    print(
        "| table | hidden | series | mean absolute error | plain guess | intervals cover"
        " | sign of the gain | its error | its intervals cover | their width |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for table, size, mode in CASES:
        found = measured(folder, table, size, mode)
        said = found.hold_outs[0]
        hidden = f"{size:g}B and larger" if mode == "larger" else f"{size:g}B"
        if said.mean_absolute_error is None or said.plain_guess_error is None or said.covered is None:
            print(f"| {table} | {hidden} | {said.refused} refused | | | | | | | |")
            continue
        print(
            f"| {table} | {hidden} | {said.predicted} | {said.mean_absolute_error:.2f} | {said.plain_guess_error:.2f}"
            f" | {100 * said.covered:.0f}% | {gains(found)} |"
        )
    print("\n| changed | paper, 14B | qwen3, 32B | paper, 7B | paper, 1.5B between |\n|---|---|---|---|---|")
    for name, module, constant, value in (("nothing", size_trend, "FEWEST_SIZES", size_trend.FEWEST_SIZES), *CHANGES):
        before = getattr(module, constant)
        setattr(module, constant, value)
        cases = (("paper", 14, "larger"), ("qwen3", 32, "larger"), ("paper", 7, "larger"), ("paper", 1.5, "others"))
        errors = [measured(folder, *case).hold_outs[0].mean_absolute_error for case in cases]
        setattr(module, constant, before)
        print(f"| {name} | {' | '.join('refused' if error is None else f'{error:.2f}' for error in errors)} |")


if __name__ == "__main__":
    main()
