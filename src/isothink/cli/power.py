"""What `isothink plan --power` prints: per family the smallest difference that can be resolved, and what more needs."""

from collections import Counter
from collections.abc import Iterable, Sequence

from isothink.cli.output import one_line, print_rows, wide_console
from isothink.plan.power_record import Assumptions, FamilyPower

NAMES = {
    "accuracy": "accuracy",
    "item_correlation": "correlation of two arms over items",
    "seed_correlation": "of two seeds",
    "repeat_correlation": "of two answers",
    "cluster_correlation": "within passages",
    "seed_deviation": "standard deviation over seeds",
}


def print_power(powers: Sequence[FamilyPower]) -> None:
    """Prints a table, the assumptions and the notes; what many families share is said once."""
    console = wide_console()

    def say(text: str) -> None:
        console.print(one_line(text), markup=False, highlight=False)

    if not powers:
        say("power: no arm meets ift at equal budget in this plan, so there is no difference to resolve")
        return
    first = powers[0]
    say(
        f"smallest difference from ift, in points, that is resolved with probability {first.power:g} (adjusted p <"
        f" {first.significance:g}, {first.comparisons} comparisons); and how many resolve {_points(first.wanted)}"
    )
    rows = Counter(power.family for power in powers)
    print_rows([_row(power, is_alone=rows[power.family] == 1) for power in powers])
    for families, text in _shared((power.family, _assumed(power.assumptions)) for power in powers):
        say(f"{families}: {text}")
    for families, text in _shared((power.family, note) for power in powers for note in power.notes):
        say(f"{families}: {text}")


def _row(power: FamilyPower, *, is_alone: bool) -> dict[str, object]:
    needed = power.needed
    seeds = str(power.seeds) if power.seeds == power.baseline_seeds else f"{power.seeds} (ift {power.baseline_seeds})"
    return {
        "family": power.family,
        "arms": "all" if is_alone else ", ".join(power.arms),
        "items": power.items,
        "clusters": power.clusters,
        "seeds": seeds,
        "repeats": power.repeats,
        "resolved": _number(power.smallest_resolvable),
        **{f"at {count} seeds": _number(value) for count, value in power.by_seeds.items()},
        "items needed": _items(power),
        "seeds needed": "none" if needed.seeds is None else needed.seeds,
        "repeats needed": "none" if needed.repeats is None else needed.repeats,
    }


def _items(power: FamilyPower) -> str:
    if power.needed.items is None:
        return "none"
    return f"{power.needed.items:,} ({power.needed.items_per_task:,} a task)"


def _points(value: float) -> str:
    return f"{100 * value:g} points"


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{100 * value:.1f}"


def _assumed(assumptions: Assumptions) -> str:
    parts = []
    for name, shown in NAMES.items():
        assumption = getattr(assumptions, name)
        parts.append(f"{shown} {assumption.value:.3g} ({assumption.source})")
    return ", ".join(parts)


def _shared(texts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each text once, with the families that it is about."""
    families: dict[str, dict[str, None]] = {}
    for family, text in texts:
        families.setdefault(text, {})[family] = None
    return [(", ".join(names), text) for text, names in families.items()]
