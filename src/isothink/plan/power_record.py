"""How small a difference a planned study can resolve, as records: printed by `isothink plan --power`."""

from typing import Literal

from pydantic import Field

from isothink.domain.record import Record

Origin = Literal["assumed", "measured", "given"]


class Assumption(Record):
    """A number that the calculation rests on: `measured` on finished cells, `given` by an option, or assumed."""

    value: float
    source: Origin
    basis: str


class Assumptions(Record):
    """What chance is taken to do; correlations are shares of the variance of one answer's score.

    `accuracy` is that of both arms. `item_correlation` is that of the two arms' scores over items, `seed_correlation`
    that of two training runs of one configuration, `repeat_correlation` that of two answers of one student to one item
    (1 where answers are greedy), `cluster_correlation` that of two items of one passage in the difference between arms.
    `seed_deviation` is the standard deviation of a training run's accuracy over its seeds.
    """

    accuracy: Assumption
    item_correlation: Assumption
    seed_correlation: Assumption
    repeat_correlation: Assumption
    cluster_correlation: Assumption
    seed_deviation: Assumption


class Needed(Record):
    """How many of one kind resolve the wanted difference, all else as planned; null where no number does.

    `items` are those of the whole family, `items_per_task` what the study file says to have them; `seeds` are those of
    every arm.
    """

    items: int | None
    items_per_task: int | None
    seeds: int | None
    repeats: int | None


class FamilyPower(Record):
    """One family and the arms that are planned alike: arm minus `ift` at equal budget, in fractions of 1.

    `smallest_resolvable` is the true difference that comes out resolved with probability `power`, at the level that
    `comparisons` in one report leave to the first of Holm's steps; null where none does, as with one seed everywhere.
    It is that of one student of each arm; where several are about equally good, choosing among them is corrected for,
    and a somewhat larger difference is needed.
    `item_part` and `seed_part` are the standard deviations that items (with repeats) and seeds give the difference.
    `by_seeds` is the same figure were every arm trained with so many seeds.
    """

    family: str
    arms: tuple[str, ...]
    items: int
    clusters: int
    seeds: int
    baseline_seeds: int
    repeats: int
    comparisons: int
    significance: float
    power: float
    degrees_of_freedom: int
    smallest_resolvable: float | None
    item_part: float
    seed_part: float
    by_seeds: dict[int, float | None] = Field(default_factory=dict)
    wanted: float
    needed: Needed
    assumptions: Assumptions
    notes: tuple[str, ...]
