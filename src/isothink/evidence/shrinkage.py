"""Estimates shrunk towards an additive model, and draws around them. Called by analysis.py for frontiers and verdicts.

The highest of many noisy accuracies is too high. Accuracies are therefore taken apart into their mean, the  student +
arm + budget  effects and what is left, and the last two are each pulled towards zero by as much as their scatter looks
like noise: part' = (1 - b) part,  b = noise variance / (noise variance + true variance). Under a flat prior on the
true variance b is  (noise / scatter) chi^2  with nu - 2 degrees of freedom, kept below one (Morris, JASA 78, 1983,
47-55); it is drawn, which carries its uncertainty into the draws. A part with too few degrees of freedom is left as it
is. Noise that all configurations share lies in the mean and is not shrunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc, gammaincinv

from isothink.evidence.draws import FamilyDraws, named_generator
from isothink.evidence.family import Configuration
from isothink.evidence.observations import Floats
from isothink.evidence.settings import AnalysisSettings

FEWEST_DIMENSIONS = 3  # below this, shrinking can do worse than not shrinking (James & Stein, 1961)


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """Expected accuracy [configurations] between 0 and 1, and draws around it [draws, configurations]."""

    accuracy: Floats
    draws: Floats


def shrink(drawn: FamilyDraws, settings: AnalysisSettings) -> Shrunk:
    """Shrink one family's accuracies."""
    centre, draws = drawn.accuracy, drawn.accuracy + drawn.errors
    for name, projection in _parts(drawn.family.configurations):
        freedom = round(float(np.trace(projection)))
        if freedom < FEWEST_DIMENSIONS:
            continue
        part, noise = projection @ drawn.accuracy, drawn.errors @ projection
        generator = named_generator(settings, "shrinkage", drawn.family.name, name)
        factor = _factors(part, noise, generator.random(settings.draws), freedom)
        centre = centre + (float(factor.mean()) - 1.0) * part
        draws = draws + (factor - 1.0)[:, None] * part + (np.sqrt(factor) - 1.0)[:, None] * noise
    return Shrunk(accuracy=np.clip(centre, 0.0, 1.0), draws=draws)


def _factors(part: Floats, noise: Floats, uniform: Floats, freedom: int) -> Floats:
    """How much of a part is kept, in each draw: one minus a chi-square that is cut off where b would exceed one."""
    # Quantiles, not the variance: with few seeds the noise has Student's tails.
    low, high = np.quantile(noise, [0.1587, 0.8413], axis=0)
    variance = float((((high - low) / 2) ** 2).sum()) / freedom
    scatter = float((part**2).sum())
    half = freedom / 2 - 1
    if scatter <= 1e-9 * variance:  # the limit of what follows
        return np.asarray(1.0 - uniform ** (1 / half))
    chi_square = 2 * gammaincinv(half, uniform * gammainc(half, scatter / variance / 2 if variance > 0 else np.inf))
    return np.asarray(np.clip(1.0 - chi_square * variance / scatter, 0.0, 1.0))


def _parts(configurations: tuple[Configuration, ...]) -> Iterator[tuple[str, Floats]]:
    """Projections onto the effects and onto what neither they nor the mean explain."""
    count = len(configurations)
    if not count:
        return
    mean = np.full((count, count), 1.0 / count)
    effects = np.hstack(
        [
            _indicators([item.student for item in configurations]),
            _indicators([item.arm for item in configurations]),
            _indicators([f"{item.budget_flops:.9g}" for item in configurations]),
        ]
    )
    fitted = effects @ np.linalg.pinv(effects)
    if count - round(float(np.trace(fitted))) < FEWEST_DIMENSIONS:
        fitted = mean  # too little is left beside the effects: everything is what is left
    yield "effects", fitted - mean
    yield "rest", np.eye(count) - fitted


def _indicators(labels: list[str]) -> Floats:
    names = sorted(set(labels))
    return np.array([[float(label == name) for name in names] for label in labels]).reshape(len(labels), len(names))
