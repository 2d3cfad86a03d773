"""Accuracy and cost over the share of reasoning instances, between `ift` and `reasoning`. Called by patterns.py."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from isothink.domain.arm import Mixed, Plain, Sequential, parse_arm
from isothink.evidence.draws import FamilyDraws
from isothink.evidence.gains import PATTERN_DRAWS, interval_of, output_tokens
from isothink.evidence.interval import Interval
from isothink.evidence.observations import Floats
from isothink.evidence.pattern_record import CurriculumCurve, CurvePoint

Schedule = Literal["sequential", "mixed"]


def curriculum_curves(drawn: FamilyDraws, *, convention: str, level: float) -> list[CurriculumCurve]:
    """One curve for each student, budget and schedule with a curriculum and one end at least."""
    tail = (1.0 - level) / 2
    shown = _Shown(
        tokens=output_tokens(drawn),
        bounds=np.clip(np.quantile(drawn.accuracy_draws[:PATTERN_DRAWS], [tail, 1.0 - tail], axis=0), 0.0, 1.0),
        convention=convention,
        level=level,
    )
    return [_curve(drawn, shown, *each) for each in _curves(drawn)]


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What a curve shows beside accuracies: output tokens, and the ends of the accuracies' intervals."""

    tokens: Floats
    bounds: Floats
    convention: str
    level: float


def _curves(drawn: FamilyDraws) -> Iterator[tuple[str, float, Schedule, dict[float, int]]]:
    """The index of the configuration at each share, smallest share first."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, item in enumerate(drawn.family.configurations):
        groups.setdefault((item.student, f"{item.budget_flops:.8e}"), []).append(index)
    schedules: tuple[tuple[Schedule, type[Sequential | Mixed]], ...] = (("sequential", Sequential), ("mixed", Mixed))
    for (student, _), indices in groups.items():
        for name, kind in schedules:
            places, has_curriculum = {}, False
            for index in indices:
                share = _share(drawn.family.configurations[index].arm, kind)
                if share is not None:
                    places[share] = index
                    has_curriculum = has_curriculum or 0 < share < 1
            if has_curriculum and len(places) > 1:
                budget = drawn.family.configurations[indices[0]].budget_flops
                yield student, budget, name, dict(sorted(places.items()))


def _share(arm: str, kind: type[Sequential | Mixed]) -> float | None:
    """The share of reasoning of an arm on this schedule; None for other arms, such as imported ones."""
    try:
        parsed = parse_arm(arm)
    except ValueError:
        return None
    if isinstance(parsed, Plain):
        return 0.0 if parsed.format == "ift" else 1.0
    return parsed.rho if isinstance(parsed, kind) else None


def _curve(
    drawn: FamilyDraws, shown: _Shown, student: str, budget: float, schedule: Schedule, places: Mapping[float, int]
) -> CurriculumCurve:
    full = full_interval = None
    reason = "one of ift and reasoning has no result here, so there is no gain to have a share of"
    low, high = places.get(0.0), places.get(1.0)
    if low is not None and high is not None:
        full = float(drawn.accuracy[high] - drawn.accuracy[low])
        full_interval = interval_of(full + _errors(drawn, high, low), shown.level, full)
        reason = "the interval of the whole gain contains zero, so a share of it means nothing"
    shared = full_interval is not None and not full_interval.low <= 0 <= full_interval.high
    points = []
    for rho, index in places.items():
        item = drawn.family.configurations[index]
        accuracy = float(drawn.accuracy[index])
        share, interval = _gain_share(drawn, index, low, high, shown.level) if shared else (None, None)
        points.append(
            CurvePoint(
                rho=rho,
                configuration=item.name,
                accuracy=accuracy,
                interval=Interval(
                    low=min(float(shown.bounds[0, index]), accuracy),
                    high=max(float(shown.bounds[1, index]), accuracy),
                    level=shown.level,
                ),
                training_flops=item.training_flops[shown.convention],
                inference_flops_per_query=float(drawn.inference[index]),
                output_tokens=float(shown.tokens[index]),
                gain_share=share,
                gain_share_interval=interval,
            )
        )
    return CurriculumCurve(
        family=drawn.family.name,
        student=student,
        budget_flops=budget,
        schedule=schedule,
        full_gain=full,
        full_gain_interval=full_interval,
        points=tuple(points),
        reason=None if shared else reason,
    )


def _errors(drawn: FamilyDraws, one: int, other: int) -> Floats:
    return drawn.errors[:PATTERN_DRAWS, one] - drawn.errors[:PATTERN_DRAWS, other]


def _gain_share(
    drawn: FamilyDraws, index: int, low: int | None, high: int | None, level: float
) -> tuple[float, Interval]:
    """The share of the whole gain; draws in which that has the other sign are left out."""
    assert low is not None and high is not None
    part = float(drawn.accuracy[index] - drawn.accuracy[low])
    whole = float(drawn.accuracy[high] - drawn.accuracy[low])
    parts, wholes = part + _errors(drawn, index, low), whole + _errors(drawn, high, low)
    same = wholes * whole > 0
    share = part / whole if part else 0.0
    return share, interval_of(parts[same] / wholes[same], level, share)
