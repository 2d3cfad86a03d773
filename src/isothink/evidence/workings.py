"""What decisions are made from, worked out once per study by `work_out`. Read by caveats.py and analysis.py."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isothink.domain.record import Record
from isothink.evidence.comparison import compare
from isothink.evidence.draws import FamilyDraws, draw_family
from isothink.evidence.equal_cost import compare_at_equal_cost
from isothink.evidence.family import build_family
from isothink.evidence.observations import Observations
from isothink.evidence.record import Comparison, MissingCell
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.shrinkage import Shrunk, shrink


class Question(Record):
    """What was asked, apart from the scores: the ladder (smallest student first), the arms and the budgets in order."""

    study: str
    students: tuple[str, ...]
    arms: tuple[str, ...]
    budgets_flops: tuple[float, ...]
    queries: float


@dataclass(frozen=True, kw_only=True)
class FamilyWorkings:
    """One family's draws, as they are and shrunk."""

    drawn: FamilyDraws
    shrunk: Shrunk

    @property
    def conditional(self) -> bool:
        """Whether no configuration has two seeds, so that every statement is about those training runs alone."""
        return self.drawn.seed_component.degrees_of_freedom == 0


@dataclass(frozen=True, kw_only=True)
class Workings:
    """All families of a study, and the comparisons adjusted together over them."""

    question: Question
    settings: AnalysisSettings
    families: dict[str, FamilyWorkings]
    comparisons: tuple[Comparison, ...]
    missing: tuple[MissingCell, ...]

    def family(self, name: str) -> FamilyWorkings:
        """One family's workings."""
        return self.families[name]


def work_out(
    observations: Observations,
    *,
    study: str,
    budgets_flops: Sequence[float],
    queries: float,
    students: Sequence[str],
    arms: Sequence[str],
    missing: Sequence[MissingCell] = (),
    settings: AnalysisSettings | None = None,
) -> Workings:
    """Draw every family and compare the arms; the arguments are those of `analysis.analyze`."""
    chosen = settings or AnalysisSettings()
    ladder = _ordered(students, [(cell.parameters, cell.student) for cell in observations.cells])
    lanes = _ordered(arms, [(0, cell.arm) for cell in observations.cells])
    scored, unscored = _without_scores(observations)
    gaps: dict[str, MissingCell] = {}
    for item in (*missing, *unscored):
        gaps.setdefault(item.cell, item)  # the reason the caller gives is the closer one
    families = {}
    for name in dict.fromkeys(item.family for item in observations.items):
        family, incomplete = build_family(scored, name, students=ladder, arms=lanes, convention=chosen.convention)
        for item in incomplete:
            gaps.setdefault(f"{item.cell} {name}", item)
        drawn = draw_family(family, chosen)
        families[name] = FamilyWorkings(drawn=drawn, shrunk=shrink(drawn, chosen))
    budgets = tuple(sorted({float(value) for value in budgets_flops}))
    drawn_families = [item.drawn for item in families.values()]
    at_equal_budgets = compare(drawn_families, budgets_flops=budgets, arms=lanes, settings=chosen)
    at_equal_costs = compare_at_equal_cost(
        drawn_families, budgets_flops=budgets, arms=lanes, queries=queries, settings=chosen
    )
    return Workings(
        question=Question(study=study, students=ladder, arms=lanes, budgets_flops=budgets, queries=queries),
        settings=chosen,
        families=families,
        comparisons=(*at_equal_budgets, *at_equal_costs),
        missing=tuple(gaps.values()),
    )


def _ordered(named: Sequence[str], found: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """The names given, then any others that occur, smallest first."""
    return tuple(dict.fromkeys([*named, *(name for _, name in sorted(found))]))


def _without_scores(observations: Observations) -> tuple[Observations, tuple[MissingCell, ...]]:
    """The observations of cells with at least one score, and the other cells as missing."""
    keep = [row for row in range(len(observations.cells)) if np.isfinite(observations.correct[row]).any()]
    lost = [cell for row, cell in enumerate(observations.cells) if row not in set(keep)]
    arrays = {
        name: getattr(observations, name)[keep]
        for name in (
            *("correct", "truncated", "looping", "thinking", "prompt_tokens", "trace_tokens", "answer_tokens"),
            *("answers", "unscored"),
        )
        if getattr(observations, name) is not None
    }
    kept = Observations(
        cells=tuple(observations.cells[row] for row in keep),
        items=observations.items,
        inference_flops={name: values[keep] for name, values in observations.inference_flops.items()},
        serving={name: values[keep] for name, values in observations.serving.items()},
        **arrays,
    )
    reason = "none of its answers has a score"
    return kept, tuple(
        MissingCell(cell=cell.cell, configuration=cell.configuration, reason=reason)
        for cell in sorted(lost, key=lambda cell: cell.cell)
    )
