"""Gains against extra tokens, by size, and by the form of the answer. Called by patterns.py."""

from collections.abc import Mapping, Sequence

import numpy as np

from isothink.evidence.draws import FamilyDraws, named_generator, weight_shape
from isothink.evidence.gains import PATTERN_DRAWS, Gain, interval_of, output_tokens
from isothink.evidence.interval import Interval
from isothink.evidence.observations import Floats
from isothink.evidence.pattern_record import AnswerForms, GainBySize, GainByTokens, GainPoint, SizeGain
from isothink.evidence.settings import AnalysisSettings

FEWEST_POINTS = 4
"""With three points a rank correlation is 1 or -1 by chance in every third case."""
LARGEST_CORRELATION = 0.999
"""Fisher's scale ends at 1."""
FORMS = {"-mc": "multiple choice", "-oe": "open-ended"}
"""How a family's name says what its answers are."""


def gain_by_tokens(drawn: FamilyDraws, gains: Sequence[Gain], settings: AnalysisSettings) -> GainByTokens:
    """Every gain beside the factor of output tokens, and their rank correlation."""
    tokens = output_tokens(drawn)
    known = [gain for gain in gains if tokens[gain.baseline] > 0]
    factors = np.array([tokens[gain.chosen] / tokens[gain.baseline] for gain in known])
    weights = named_generator(settings, "points", drawn.family.name).standard_gamma(
        weight_shape(len(known)), (min(PATTERN_DRAWS, settings.draws), len(known))
    )
    correlation, interval, reason = _rank_correlation(known, factors, weights, settings.level)
    return GainByTokens(
        family=drawn.family.name,
        points=tuple(
            GainPoint(
                student=gain.comparison.student,
                arm=gain.comparison.arm,
                budget_flops=gain.comparison.budget_flops,
                gain=gain.comparison.difference,
                interval=gain.comparison.interval,
                token_factor=float(factor),
            )
            for gain, factor in zip(known, factors, strict=True)
        ),
        rank_correlation=correlation,
        interval=interval,
        reason=reason,
    )


def _rank_correlation(
    gains: Sequence[Gain], factors: Floats, weights: Floats, level: float
) -> tuple[float | None, Interval | None, str | None]:
    """Spearman's, with an interval from draws of the gains and weights of the points, as other students were possible.

    The factors are taken as they are, being better known. Chance in the draws lowers every correlation once more than
    it lowered the estimate: they are moved, on Fisher's scale, so that they lie around it.
    """
    if len(gains) < FEWEST_POINTS:
        return None, None, f"{len(gains)} points, and a rank correlation needs {FEWEST_POINTS}"
    points = np.array([gain.comparison.difference for gain in gains])
    if np.ptp(points) == 0 or np.ptp(factors) == 0:
        return None, None, "all points are equal in one of the two"
    others = mean_ranks(factors)
    estimate = float(_correlations(mean_ranks(points)[None], others, np.ones((1, points.size)))[0])
    draws = np.array([gain.draws for gain in gains]).T
    ranks = draws.argsort(axis=1).argsort(axis=1).astype(np.float64)
    drawn, middle = (
        np.arctanh(np.clip(values, -LARGEST_CORRELATION, LARGEST_CORRELATION))
        for values in (_correlations(ranks, others, weights), np.array(estimate))
    )
    return estimate, interval_of(np.tanh(drawn - drawn.mean() + middle), level, estimate), None


def _correlations(rows: Floats, other: Floats, weights: Floats) -> Floats:
    """Of each row with one vector, under that row's weights."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    left = rows - (shares * rows).sum(axis=1, keepdims=True)
    right = other - (shares * other).sum(axis=1, keepdims=True)
    spread = (shares * left**2).sum(axis=1) * (shares * right**2).sum(axis=1)
    product = (shares * left * right).sum(axis=1)
    return np.asarray(np.divide(product, np.sqrt(spread), out=np.zeros_like(product), where=spread > 0))


def mean_ranks(values: Floats) -> Floats:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def gain_by_size(drawn: FamilyDraws, gains: Sequence[Gain], level: float) -> list[GainBySize]:
    """For each arm and budget, the gain of every student and the slope over their sizes."""
    groups: dict[tuple[str, float], list[Gain]] = {}
    for gain in gains:
        groups.setdefault((gain.comparison.arm, gain.comparison.budget_flops), []).append(gain)
    return [_size_gains(drawn, arm, budget, group, level) for (arm, budget), group in groups.items()]


def _size_gains(drawn: FamilyDraws, arm: str, budget: float, group: list[Gain], level: float) -> GainBySize:
    sizes = [drawn.family.configurations[gain.chosen].parameters for gain in group]
    slope = interval = reason = None
    logs = np.log2(np.array(sizes, dtype=np.float64))
    if len(set(sizes)) < 2:
        reason = "one size has both arms, and a slope needs two"
    else:
        weights = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum()  # least squares
        slope = float(weights @ np.array([gain.comparison.difference for gain in group]))
        interval = interval_of(weights @ np.array([gain.draws for gain in group]), level, slope)
    return GainBySize(
        family=drawn.family.name,
        arm=arm,
        budget_flops=budget,
        gains=tuple(
            SizeGain(
                student=gain.comparison.student,
                parameters=size,
                gain=gain.comparison.difference,
                interval=gain.comparison.interval,
            )
            for gain, size in zip(group, sizes, strict=True)
        ),
        slope_per_doubling=slope,
        interval=interval,
        reason=reason,
    )


def form_of(family: str) -> str | None:
    """Multiple choice or open-ended, as the end of the family's name says; None where it says neither."""
    return next((form for ending, form in FORMS.items() if family.endswith(ending)), None)


def answer_forms(gains: Mapping[str, Sequence[Gain]], level: float) -> list[AnswerForms]:
    """The gain on both forms of answers, for each arm and budget that both have; families are independent."""
    by_form: dict[str, dict[tuple[str, float], dict[str, dict[str, Gain]]]] = {form: {} for form in FORMS.values()}
    for family, found in gains.items():
        form = form_of(family)
        if form is not None:
            for gain in found:
                key = (gain.comparison.arm, gain.comparison.budget_flops)
                by_form[form].setdefault(key, {}).setdefault(family, {})[gain.comparison.student] = gain
    choice, opened = by_form.values()
    result = []
    for key in choice:
        if key in opened:
            students = [
                student
                for student in dict.fromkeys(name for family in choice[key].values() for name in family)
                if all(student in family for family in (*choice[key].values(), *opened[key].values()))
            ]
            if students:
                result.append(_forms(key, students, choice[key], opened[key], level))
    return result


def _forms(
    key: tuple[str, float],
    students: Sequence[str],
    choice: Mapping[str, Mapping[str, Gain]],
    opened: Mapping[str, Mapping[str, Gain]],
    level: float,
) -> AnswerForms:
    def mean(families: Mapping[str, Mapping[str, Gain]]) -> tuple[float, Floats]:
        chosen = [family[student] for family in families.values() for student in students]
        return (
            float(np.mean([gain.comparison.difference for gain in chosen])),
            np.mean([gain.draws for gain in chosen], axis=0),
        )

    (first, first_draws), (second, second_draws) = mean(choice), mean(opened)
    return AnswerForms(
        arm=key[0],
        budget_flops=key[1],
        students=tuple(students),
        multiple_choice=tuple(choice),
        open_ended=tuple(opened),
        multiple_choice_gain=first,
        multiple_choice_interval=interval_of(first_draws, level, first),
        open_ended_gain=second,
        open_ended_interval=interval_of(second_draws, level, second),
        difference=first - second,
        interval=interval_of(first_draws - second_draws, level, first - second),
    )
