"""How much a training run's luck moves a family's accuracy, pooled over configurations. Called by draws.py.

Crossed random effects, seeds x items: Y[s, i] = mean + item[i] + seed[s] + interaction[s, i]. The variance of a seed's
mean between seeds has the expectation  seed variance + interaction / items  (two-way analysis of variance: Searle,
Casella & McCulloch, "Variance Components", Wiley 1992, ISBN 0-471-62162-5, ch. 4). The resampling of items already
carries  interaction / (items x seeds),  so the interaction is taken off here, but per draw and not before:
between-seed variance is drawn as  nu s^2 / chi^2_nu  (which makes the noise Student's t) and the interaction subtracted
from the draw, never below zero (a generalised interval: Weerahandi, JASA 88, 1993, 899-905). Subtracting before
drawing would make an unlucky s^2 below the interaction read as no seed variance, and two seeds cover too little.
Where there is none in truth, what is drawn above zero makes intervals too wide, the more so the fewer the degrees of
freedom.
"""

from dataclasses import dataclass

import numpy as np

from isothink.evidence.family import Configuration, Family
from isothink.evidence.observations import Floats

LARGEST_STANDARD_DEVIATION = 0.5  # no variable between 0 and 1 has a larger one


@dataclass(frozen=True, kw_only=True)
class SeedComponent:
    """Pooled variance of a seed's accuracy between seeds, the interaction with items in it, and its freedom."""

    between: float
    interaction: float
    degrees_of_freedom: int

    @property
    def standard_deviation(self) -> float | None:
        """Of the seed effect alone; None where no configuration has two seeds."""
        if self.degrees_of_freedom == 0:
            return None
        return float(np.sqrt(max(0.0, self.between - self.interaction)))

    def draw_standard_deviations(self, generator: np.random.Generator, draws: int) -> Floats:
        """One standard deviation of the seed effect per draw; all zero where nothing is known of it."""
        freedom = self.degrees_of_freedom
        if freedom == 0:
            return np.zeros(draws)
        variance = self.between * freedom / generator.chisquare(freedom, draws) - self.interaction
        return np.asarray(np.sqrt(np.clip(variance, 0.0, LARGEST_STANDARD_DEVIATION**2)))


def trunk_keys(configuration: Configuration) -> tuple[tuple[str, str, str], ...]:
    """Whose luck each seed shares: the trunk, within one student and arm.

    A sequential arm may branch off the IFT trunk, but its second phase has luck of its own: sharing across arms would
    cancel all seed noise in exactly the differences that decide an outcome.
    """
    return tuple((configuration.student, configuration.arm, trunk) for trunk in configuration.trunks)


def estimate_seed_component(family: Family) -> SeedComponent:
    """Pool over configurations with two seeds or more; those that share trunks count once in the degrees of freedom."""
    between = interaction = 0.0
    freedom = 0
    for group in _trunk_groups(family):
        several = [item for item in group if len(item.rows) > 1]
        if not several:
            continue
        weights = np.array([len(item.rows) - 1.0 for item in several])
        parts = np.array([_variances(family, item) for item in several])
        share = weights @ parts / weights.sum()
        own = int(weights.max())
        between += own * share[0]
        interaction += own * share[1]
        freedom += own
    if freedom == 0:
        return SeedComponent(between=0.0, interaction=0.0, degrees_of_freedom=0)
    return SeedComponent(between=between / freedom, interaction=interaction / freedom, degrees_of_freedom=freedom)


def _trunk_groups(family: Family) -> list[list[Configuration]]:
    """Configurations connected by common trunks."""
    groups: list[tuple[set[tuple[str, str, str]], list[Configuration]]] = []
    for configuration in family.configurations:
        keys = set(trunk_keys(configuration))
        members = [configuration]
        apart = []
        for other_keys, others in groups:
            if keys & other_keys:
                keys |= other_keys
                members = others + members
            else:
                apart.append((other_keys, others))
        groups = [*apart, (keys, members)]
    return [members for _, members in groups]


def _variances(family: Family, configuration: Configuration) -> tuple[float, float]:
    """Between-seed variance of one configuration's family accuracy, and the interaction contained in it.

    The interaction is read from each cluster's influence on the seed's family accuracy, so that unequal benchmarks,
    clusters and unscored items are weighted as the accuracy weights them.
    """
    rows = np.array(configuration.rows)
    seeds = rows.size
    means = np.zeros(seeds)
    interaction = 0.0
    for benchmark in family.benchmarks:
        scores = family.observations.correct[np.ix_(rows, benchmark.columns)]
        scored = np.isfinite(scores)
        mean = np.nanmean(scores, axis=1, keepdims=True)
        means += mean[:, 0] / len(family.benchmarks)
        centred = np.where(scored, scores - mean, 0.0) / scored.sum(axis=1, keepdims=True)
        influence = benchmark.cluster_sums(centred) / len(family.benchmarks)
        count = benchmark.cluster_count
        residual = influence - influence.mean(axis=0)
        interaction += float((residual**2).sum()) / (seeds - 1) * (count / (count - 1) if count > 1 else 1.0)
    return float(means.var(ddof=1)), interaction
