"""From observations to evidence: the one entry of this package. Called by run/, read by report/ and cli/.

>>> evidence = analyze(observations, study="toy", budgets_flops=[1e11, 1e12], queries=1e6,
...                    students=["small", "large"], arms=["ift", "reasoning"])   # doctest: +SKIP
"""

from collections.abc import Sequence

from isothink.evidence.caveats import family_caveats
from isothink.evidence.configuration import configuration_results
from isothink.evidence.frontier import frontiers
from isothink.evidence.observations import Observations
from isothink.evidence.patterns import find_patterns
from isothink.evidence.record import Evidence, MissingCell, SeedVariance, Verdict
from isothink.evidence.rule import fit_rules
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.verdict import decide
from isothink.evidence.workings import Workings, work_out


def analyze(
    observations: Observations,
    *,
    study: str,
    budgets_flops: Sequence[float],
    queries: float,
    students: Sequence[str],
    arms: Sequence[str],
    missing: Sequence[MissingCell] = (),
    caveats: Sequence[str] = (),
    settings: AnalysisSettings | None = None,
) -> Evidence:
    """Everything a study shows.

    `students` is the ladder, smallest first, and `arms` the order of arms, both as planned; `missing` are planned cells
    without a result; `caveats` are added to every verdict.
    """
    workings = work_out(
        observations,
        study=study,
        budgets_flops=budgets_flops,
        queries=queries,
        students=students,
        arms=arms,
        missing=missing,
        settings=settings,
    )
    return summarize(workings, caveats=caveats)


def summarize(workings: Workings, *, caveats: Sequence[str] = (), state: str | None = None) -> Evidence:
    """The evidence record of what was worked out; `state` names what it was made from."""
    question, settings = workings.question, workings.settings
    parts = workings.families.values()
    found = Evidence(
        state=state,
        study=question.study,
        students=question.students,
        arms=question.arms,
        families=tuple(workings.families),
        budgets_flops=question.budgets_flops,
        queries=question.queries,
        convention=settings.convention,
        draws=settings.draws,
        level=settings.level,
        significance=settings.significance,
        cost_tolerance=settings.cost_tolerance,
        configurations=tuple(
            result
            for part in parts
            for result in configuration_results(
                part.drawn, part.shrunk, queries=question.queries, students=question.students, settings=settings
            )
        ),
        frontiers=tuple(
            result
            for part in parts
            for result in frontiers(part.drawn, part.shrunk, queries=question.queries, settings=settings)
        ),
        comparisons=workings.comparisons,
        verdicts=(),
        seed_variance=tuple(
            SeedVariance(
                family=name,
                standard_deviation=part.drawn.seed_component.standard_deviation,
                degrees_of_freedom=part.drawn.seed_component.degrees_of_freedom,
            )
            for name, part in workings.families.items()
        ),
        missing=workings.missing,
        caveats=tuple(caveats),
        family_caveats={name: family_caveats(workings, name) for name in workings.families},
        patterns=find_patterns(workings),
    )
    found = found.model_copy(update={"rules": fit_rules(found)})
    return found.model_copy(update={"verdicts": _verdicts(found)})


def _verdicts(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict per family, at the top budget and the study's number of queries."""
    if not evidence.budgets_flops:
        return ()
    return tuple(
        decide(evidence, family=name, budget_flops=evidence.budgets_flops[-1], queries=evidence.queries)
        for name in evidence.families
    )
