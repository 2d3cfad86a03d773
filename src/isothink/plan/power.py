"""How small a difference a planned study resolves, and what a wanted one needs. Pure: called by run/power.py.

Of each family and arm: the arm minus `ift` at equal budget, adjusted for every comparison that the report will hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from isothink.domain.study import Study
from isothink.evidence.settings import BASELINE, AnalysisSettings
from isothink.evidence.variance_parts import VarianceParts
from isothink.plan.power_record import Assumption, Assumptions, FamilyPower, Needed, Origin
from isothink.plan.record import Plan
from isothink.plan.resolution import ENDLESS, BenchmarkItems, Chance, Design, Side, smallest_resolvable

DEFAULT_DIFFERENCE = 0.03
SHOWN_SEEDS = (2, 3, 5)
MOST_SEEDS = 1000
MOST_REPEATS = 1000

Assumed = Mapping[str, tuple[float, str]]
"""By name: a value, and where it comes from."""

_EVERYWHERE: Assumed = {
    "accuracy": (0.5, "where a score of 0 or 1 varies most"),
    "repeat_correlation": (0.7, "a guess: a student agrees with itself more than with its copy of another seed"),
    "cluster_correlation": (0.1, "a guess: the arms' difference is a little alike within a passage"),
}
_GSM8K = "four published systems on GSM8K (arXiv:2110.14168): 0.30 to 0.46"
FINE_TUNED: Assumed = {
    **_EVERYWHERE,
    "item_correlation": (0.4, _GSM8K),
    "seed_correlation": (0.5, f"a guess: a little more than {_GSM8K}"),
    "seed_deviation": (0.01, "a guess of one point"),
}
_TOY = "measured on studies/quickstart.yaml, its four families"
RANDOM_WEIGHTS: Assumed = {
    **_EVERYWHERE,
    "item_correlation": (0.1, f"{_TOY}: 0.00 to 0.20"),
    "seed_correlation": (0.15, f"{_TOY}: 0.02 to 0.20"),
    "seed_deviation": (0.07, f"{_TOY}: 0.054 to 0.090"),
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What cells of the run folder show of one family, and in words where it was measured."""

    parts: VarianceParts
    place: str


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """What a plan trains and compares: seeds of every student and arm, and how often each arm meets `ift`."""

    seeds: Mapping[tuple[str, str], int]
    comparisons: Mapping[str, int]

    def of(self, arm: str) -> int:
        """The seeds of an arm."""
        return max((count for (_, name), count in self.seeds.items() if name == arm), default=0)

    def freedom(self, seeds: int | None = None) -> int:
        """Degrees of freedom of the pooled seed variance; budgets of one student and arm share their runs."""
        return sum((count if seeds is None else seeds) - 1 for count in self.seeds.values())


def family_powers(
    study: Study,
    plan: Plan,
    families: Mapping[str, Sequence[BenchmarkItems]],
    *,
    wanted: float = DEFAULT_DIFFERENCE,
    given: Mapping[str, float] | None = None,
    measured: Mapping[str, Measured] | None = None,
    settings: AnalysisSettings | None = None,
) -> tuple[FamilyPower, ...]:
    """One record per family and group of arms with equally many seeds, in the study's order.

    `given` replaces assumptions by name, `measured` holds by family what cells show.
    """
    layout = _layout(plan)
    chosen = settings or AnalysisSettings()
    assumed = RANDOM_WEIGHTS if all(student.model is None for student in study.students) else FINE_TUNED
    comparisons = len(families) * sum(layout.comparisons.values())
    found = []
    for family, benchmarks in families.items():
        assumptions = _assumptions(assumed, given or {}, (measured or {}).get(family))
        for arms in _groups(study, layout):
            design = _design(study, layout, arms[0], benchmarks, comparisons, assumptions, chosen)
            found.append(_FamilyPower(study, layout, family, arms, design, wanted, assumptions).record())
    return tuple(found)


def _layout(plan: Plan) -> _Layout:
    seeds: dict[tuple[str, str], set[int]] = {}
    budgets: dict[str, set[str]] = {}
    for cell in plan.cells:
        if cell.feasible:
            seeds.setdefault((cell.student, cell.arm), set()).add(cell.seed)
            budgets.setdefault(cell.arm, set()).add(f"{cell.budget_flops:.9e}")
    base = budgets.get(BASELINE, set())
    return _Layout(
        seeds={key: len(value) for key, value in seeds.items()},
        comparisons={arm: len(own & base) for arm, own in budgets.items() if arm != BASELINE},
    )


def _groups(study: Study, layout: _Layout) -> list[tuple[str, ...]]:
    """Arms with a comparison, those together that have the same seeds and are asked alike."""
    groups: dict[tuple[int, bool], list[str]] = {}
    for arm in study.arms:
        if layout.comparisons.get(arm):
            groups.setdefault((layout.of(arm), _is_greedy(study, arm)), []).append(arm)
    return [tuple(arms) for arms in groups.values()]


def _is_greedy(study: Study, arm: str) -> bool:
    return study.evaluation.sampling_of(arm) == "greedy"


def _assumptions(assumed: Assumed, given: Mapping[str, float], measured: Measured | None) -> Assumptions:
    """Every number with its source; each correlation holds the one before it, so none is below that."""

    def one(name: str, floor: Assumption | None = None) -> Assumption:
        source: Origin = "assumed"
        value, basis = assumed[name]
        known = None if measured is None else getattr(measured.parts, name)
        if name in given:
            value, source, basis = given[name], "given", f"--{name.replace('_', '-')}"
        elif known is not None and measured is not None:
            value, source, basis = known, "measured", measured.place
        if floor is not None and value < floor.value:
            value, basis = floor.value, f"{basis}; raised to what it holds of the correlation before it"
        return Assumption(value=value, source=source, basis=basis)

    item = one("item_correlation")
    seed = one("seed_correlation", item)
    return Assumptions(
        accuracy=one("accuracy"),
        item_correlation=item,
        seed_correlation=seed,
        repeat_correlation=one("repeat_correlation", seed),
        cluster_correlation=one("cluster_correlation"),
        seed_deviation=one("seed_deviation"),
    )


def _design(
    study: Study,
    layout: _Layout,
    arm: str,
    benchmarks: Sequence[BenchmarkItems],
    comparisons: int,
    assumptions: Assumptions,
    settings: AnalysisSettings,
) -> Design:
    def side(name: str) -> Side:
        return Side(seeds=layout.of(name), repeats=study.evaluation.repeats, is_greedy=_is_greedy(study, name))

    return Design(
        benchmarks=tuple(benchmarks),
        arm=side(arm),
        baseline=side(BASELINE),
        freedom=layout.freedom(),
        comparisons=comparisons,
        chance=Chance(**{name: getattr(assumptions, name).value for name in Assumptions.model_fields}),
        significance=settings.significance,
        power=settings.power,
    )


@dataclass(frozen=True)
class _FamilyPower:
    """One family and group of arms, on the way to its record."""

    study: Study
    layout: _Layout
    family: str
    arms: tuple[str, ...]
    design: Design
    wanted: float
    assumptions: Assumptions

    def record(self) -> FamilyPower:
        design = self.design
        items, seeds, repeats = self._items(), self._seeds(), self._repeats()
        return FamilyPower(
            family=self.family,
            arms=self.arms,
            items=sum(benchmark.items for benchmark in design.benchmarks),
            clusters=sum(benchmark.clusters for benchmark in design.benchmarks),
            seeds=design.arm.seeds,
            baseline_seeds=design.baseline.seeds,
            repeats=design.arm.repeats,
            comparisons=design.comparisons,
            significance=design.significance,
            power=design.power,
            degrees_of_freedom=design.freedom,
            smallest_resolvable=smallest_resolvable(design),
            item_part=design.item_variance**0.5,
            seed_part=design.seed_variance**0.5,
            by_seeds={count: smallest_resolvable(self._with_seeds(count)) for count in SHOWN_SEEDS},
            wanted=self.wanted,
            needed=Needed(
                items=None if items is None else sum(one.items for one in self._with_items(items).benchmarks),
                items_per_task=items,
                seeds=seeds,
                repeats=repeats,
            ),
            assumptions=self.assumptions,
            notes=tuple(self._notes(items, seeds, repeats)),
        )

    def _reaches(self, design: Design) -> bool:
        found = smallest_resolvable(design)
        return found is not None and found <= self.wanted

    def _with_items(self, per_task: int) -> Design:
        return replace(self.design, benchmarks=tuple(one.with_items(per_task) for one in self.design.benchmarks))

    def _with_seeds(self, seeds: int) -> Design:
        return replace(
            self.design,
            arm=replace(self.design.arm, seeds=seeds),
            baseline=replace(self.design.baseline, seeds=seeds),
            freedom=self.layout.freedom(seeds),
        )

    def _with_repeats(self, repeats: int) -> Design:
        return replace(
            self.design,
            arm=replace(self.design.arm, repeats=repeats),
            baseline=replace(self.design.baseline, repeats=repeats),
        )

    @property
    def _is_greedy(self) -> bool:
        return self.design.arm.is_greedy and self.design.baseline.is_greedy

    def _items(self) -> int | None:
        """Items per task, with the seeds as planned."""
        pools = [benchmark.most for benchmark in self.design.benchmarks]
        most = ENDLESS if None in pools else max(pool for pool in pools if pool is not None)
        return _least(lambda count: self._reaches(self._with_items(count)), 1, most)

    def _seeds(self) -> int | None:
        """Seeds of every arm, with the items as planned."""
        return _least(lambda count: self._reaches(self._with_seeds(count)), 2, MOST_SEEDS)

    def _repeats(self) -> int | None:
        """Answers to each item, with items and seeds as planned."""
        if self._is_greedy:
            return None
        return _least(lambda count: self._reaches(self._with_repeats(count)), 1, MOST_REPEATS)

    def _notes(self, items: int | None, seeds: int | None, repeats: int | None) -> list[str]:
        design, wanted = self.design, f"{100 * self.wanted:g} points"
        notes = []
        if design.freedom == 0:
            notes.append(
                "One seed everywhere: nothing is ever resolved, whatever the items, since what a training run's luck"
                f" does is not known. {self._with_more_seeds()}"
            )
        elif smallest_resolvable(design) is None:
            notes.append("No difference between two accuracies is large enough to be resolved.")
        if items is None and design.freedom:
            notes.append(f"Not reachable by items alone: {self._floor()}, and {wanted} are wanted.")
        if seeds is None:
            floor = smallest_resolvable(self._with_seeds(MOST_SEEDS))
            shown = "nothing" if floor is None else f"{100 * floor:.1f} points"
            notes.append(f"Not reachable by seeds alone: {MOST_SEEDS:,} of them resolve {shown} with these items.")
        if self._is_greedy:
            notes.append("Answers are greedy: repeats would all be alike, and tell nothing.")
        elif repeats is None and design.freedom:
            floor = smallest_resolvable(self._with_repeats(ENDLESS))
            shown = "nothing" if floor is None else f"{100 * floor:.1f} points"
            notes.append(f"Not reachable by repeats alone: any number of them resolves {shown}.")
        unknown = [one.name for one in design.benchmarks if one.shares_unknown]
        if unknown:
            notes.append(f"How the items of {', '.join(unknown)} share passages is not known before they are read.")
        return notes

    def _with_more_seeds(self) -> str:
        found = []
        for count in SHOWN_SEEDS[:2]:
            value = smallest_resolvable(self._with_seeds(count))
            found.append(f"{count} seeds of every arm resolve {'nothing' if value is None else _points(value)}")
        return f"{', '.join(found)}."

    def _floor(self) -> str:
        """What is left when items are as many as can be."""
        benchmarks = self.design.benchmarks
        floor = smallest_resolvable(self._with_items(ENDLESS))
        shown = "nothing" if floor is None else _points(floor)
        pools = [one for one in benchmarks if one.most is not None]
        if len(pools) == len(benchmarks):
            return f"all {sum(one.most or 0 for one in pools):,} items that there are resolve {shown}"
        if pools:
            few = ", ".join(f"{one.most:,} of {one.name}" for one in pools)
            return f"with any number of items (there are {few}) {shown} are resolved"
        return f"the seeds' part alone leaves {shown}"


def _points(value: float) -> str:
    return f"{100 * value:.1f} points"


def _least(holds: Callable[[int], bool], first: int, last: int) -> int | None:
    """The smallest number from `first` to `last` for which `holds` does, as it does for every larger one."""
    if not holds(last):
        return None
    low, high = first - 1, first
    while high < last and not holds(high):
        low, high = high, min(last, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
