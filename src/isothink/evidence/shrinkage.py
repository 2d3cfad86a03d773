"""Estimates shrunk towards an additive model, and draws around them. Called by analysis.py for frontiers and verdicts.

The highest of many noisy accuracies is too high. Each accuracy is therefore pulled towards  student + arm + budget
effects fitted to all of them (or the family mean, where there are too few), by as much as the scatter around the fit
looks like noise: residual' = factor x residual,  factor = 1 - noise / scatter  (Morris, JASA 78, 1983, 47-55). The
scatter is itself drawn, nu s^2 / chi^2_nu, which carries the uncertainty of the factor into the draws. Noise that all
configurations share lies in the fit and is not shrunk.
"""

from dataclasses import dataclass

import numpy as np

from isothink.evidence.draws import FamilyDraws, named_generator
from isothink.evidence.family import Configuration
from isothink.evidence.observations import Floats
from isothink.evidence.settings import AnalysisSettings

FEWEST_RESIDUALS = 3  # below this, shrinking can do worse than not shrinking (James & Stein, 1961)


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """Expected accuracy [configurations] between 0 and 1, and draws around it [draws, configurations]."""

    accuracy: Floats
    draws: Floats


def shrink(drawn: FamilyDraws, settings: AnalysisSettings) -> Shrunk:
    """Shrink one family's accuracies."""
    design = _design(drawn.family.configurations)
    if design is None:
        return Shrunk(accuracy=drawn.accuracy, draws=drawn.accuracy + drawn.errors)
    projection = design @ np.linalg.pinv(design)
    freedom = len(drawn.accuracy) - int(np.linalg.matrix_rank(design))
    fitted = projection @ drawn.accuracy
    residual = drawn.accuracy - fitted
    common = drawn.errors @ projection
    own = drawn.errors - common
    # Quantiles, not the variance: with few seeds the noise has Student's tails.
    low, high = np.quantile(own, [0.1587, 0.8413], axis=0)
    noise = float((((high - low) / 2) ** 2).sum()) / freedom
    scatter = float((residual**2).sum())
    chi_square = named_generator(settings, "shrinkage", drawn.family.name).chisquare(freedom, settings.draws)
    factor = np.clip(1.0 - noise * chi_square / scatter, 0.0, 1.0) if scatter > 0 else np.zeros(settings.draws)
    centre = fitted + float(factor.mean()) * residual
    draws = fitted + factor[:, None] * residual + common + np.sqrt(factor)[:, None] * own
    return Shrunk(accuracy=np.clip(centre, 0.0, 1.0), draws=draws)


def _design(configurations: tuple[Configuration, ...]) -> Floats | None:
    """Columns of the richest model that leaves enough residuals; None where none does."""
    count = len(configurations)
    additive = np.hstack(
        [
            _indicators([item.student for item in configurations]),
            _indicators([item.arm for item in configurations]),
            _indicators([f"{item.budget_flops:.9g}" for item in configurations]),
        ]
    )
    for design in (additive, np.ones((count, 1))):
        if count and count - int(np.linalg.matrix_rank(design)) >= FEWEST_RESIDUALS:
            return np.asarray(design)
    return None


def _indicators(labels: list[str]) -> Floats:
    names = sorted(set(labels))
    return np.array([[float(label == name) for name in names] for label in labels]).reshape(len(labels), len(names))
