"""What `isothink analyze` prints after the verdicts: gains and lengths at the largest budget."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from isothink.cli.output import one_line, print_rows, wide_console
from isothink.evidence.interval import Interval
from isothink.evidence.pattern_record import CurriculumCurve, Patterns, TraceLength
from isothink.evidence.record import Evidence
from isothink.report import numbers


def print_patterns(evidence: Evidence) -> None:
    """Prints a short table of each pattern that there is."""
    patterns = evidence.patterns
    if patterns is None:
        return
    tables = (
        ("gain over IFT against extra tokens: rank correlation over students, arms and budgets", _by_tokens(patterns)),
        ("gain over IFT by size, in points, at the largest budget", _by_size(patterns)),
        (
            "curricula by share of reasoning, at the largest budget: accuracy, and share of the whole change",
            _curves(patterns),
        ),
        ("gain over IFT by form of the answer, in points, at the largest budget", _forms(patterns)),
        ("output tokens of right over wrong answers that were not cut off", _lengths(evidence, patterns)),
    )
    for title, rows in tables:
        if rows:
            _say(title)
            print_rows(rows)
    unknown = _unknown_shares(patterns)
    if unknown:
        _say(
            f"{unknown} more curricula: the whole change has an interval with zero in it, or one of its ends no result"
        )


def _say(text: str) -> None:
    wide_console().print(one_line(text), markup=False, highlight=False)


def _by_tokens(patterns: Patterns) -> list[dict[str, Any]]:
    rows = []
    for item in patterns.gain_by_tokens:
        factors = [point.token_factor for point in item.points]
        rows.append(
            {
                "family": item.family,
                "points": len(item.points),
                "times the tokens of IFT": f"{min(factors):.1f} to {max(factors):.1f}" if factors else numbers.NONE,
                "rank correlation, 90% interval": _plain(item.rank_correlation, item.interval, item.reason),
            }
        )
    return rows


def _by_size(patterns: Patterns) -> list[dict[str, Any]]:
    top = max((item.budget_flops for item in patterns.gain_by_size), default=0.0)
    return [
        {
            "family": item.family,
            "arm": item.arm,
            "gains": ", ".join(f"{gain.student} {numbers.points(gain.gain)}" for gain in item.gains),
            "per doubling, 90% interval": _points(item.slope_per_doubling, item.interval, item.reason),
        }
        for item in patterns.gain_by_size
        if item.budget_flops == top
    ]


def _curves(patterns: Patterns) -> list[dict[str, Any]]:
    return [
        {
            "family": curve.family,
            "student": curve.student,
            "schedule": curve.schedule,
            "accuracy by share": ", ".join(
                f"{point.rho:g}: {numbers.percent(point.accuracy)}" for point in curve.points
            ),
            "share of the change, 90% interval": _shares(curve),
        }
        for curve in _top(patterns.curricula)
        if curve.reason is None
    ]


def _top(curves: Sequence[CurriculumCurve]) -> list[CurriculumCurve]:
    top = max((curve.budget_flops for curve in curves), default=0.0)
    return [curve for curve in curves if curve.budget_flops == top]


def _unknown_shares(patterns: Patterns) -> int:
    return sum(curve.reason is not None for curve in _top(patterns.curricula))


def _shares(curve: CurriculumCurve) -> str:
    parts = []
    for point in curve.points:
        if 0 < point.rho < 1 and point.gain_share is not None and point.gain_share_interval is not None:
            low, high = point.gain_share_interval.low, point.gain_share_interval.high
            parts.append(f"{point.rho:g}: {100 * point.gain_share:.0f}% ({100 * low:.0f}% to {100 * high:.0f}%)")
    return ", ".join(parts)


def _forms(patterns: Patterns) -> list[dict[str, Any]]:
    top = max((item.budget_flops for item in patterns.answer_forms), default=0.0)
    return [
        {
            "arm": item.arm,
            f"multiple choice ({', '.join(item.multiple_choice)})": numbers.points(item.multiple_choice_gain),
            f"open-ended ({', '.join(item.open_ended)})": numbers.points(item.open_ended_gain),
            "difference, 90% interval": _points(item.difference, item.interval, None),
        }
        for item in patterns.answer_forms
        if item.budget_flops == top
    ]


def _lengths(evidence: Evidence, patterns: Patterns) -> list[dict[str, Any]]:
    """One row per family and arm, over its configurations."""
    arms = {(item.family, item.configuration): item.arm for item in evidence.configurations}
    groups: dict[tuple[str, str], list[TraceLength]] = {}
    for item in patterns.trace_lengths:
        arm = arms.get((item.family, item.configuration))
        if arm is not None:
            groups.setdefault((item.family, arm), []).append(item)
    rows = []
    for (family, arm), items in groups.items():
        known = [item.completed.ratio for item in items if item.completed.ratio is not None]
        intervals = [item.completed.interval for item in items if item.completed.interval is not None]
        rows.append(
            {
                "family": family,
                "arm": arm,
                "configurations": f"{len(known)} of {len(items)} with both",
                "ratio, median": f"{np.median(known):.2f}" if known else numbers.NONE,
                "lowest to highest": f"{min(known):.2f} to {max(known):.2f}" if known else numbers.NONE,
                "shorter / longer beyond 90%": f"{sum(one.high < 1 for one in intervals)} /"
                f" {sum(one.low > 1 for one in intervals)}",
                "cut off": numbers.percent(float(np.mean([item.truncated for item in items]))),
            }
        )
    return rows


def _plain(value: float | None, interval: Interval | None, reason: str | None) -> str:
    if value is None or interval is None:
        return f"none: {reason}"
    return f"{value:+.2f}, {interval.low:+.2f} to {interval.high:+.2f}"


def _points(value: float | None, interval: Interval | None, reason: str | None) -> str:
    if value is None or interval is None:
        return f"none: {reason}"
    return f"{numbers.points(value)}, {numbers.points_interval(interval)}"
