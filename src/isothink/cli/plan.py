"""What `isothink plan` prints: the plan as the tables of a terminal, or as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isothink.cli.output import print_json, wide_console
from isothink.domain.numbers import scientific
from isothink.domain.study import Study
from isothink.errors import UsageError
from isothink.plan.record import Plan, PlannedCell


def plan_and_print(
    path: Path, overrides: Sequence[str], *, with_power: bool, given: Mapping[str, float], as_json: bool
) -> None:
    """Plans a study, and with `with_power` says what it can resolve; `given` are the options that belong to that."""
    from isothink import api

    if given and not with_power:
        raise UsageError(f"--{next(iter(given)).replace('_', '-')}: found without --power, which it belongs to")
    study = api.load_study(path, overrides)
    plan = api.plan(study)
    powers = api.power(study, plan, **given) if with_power else ()
    if as_json:
        shown = {"power": [power.model_dump(mode="json") for power in powers]} if with_power else {}
        print_json(plan_json(plan) | shown)
        return
    print_plan(plan, study)
    if with_power:
        from isothink.cli.power import print_power

        print_power(powers)


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as data."""
    return plan.model_dump(mode="json")


def print_plan(plan: Plan, study: Study) -> None:
    """Prints cells, epochs and totals."""
    console = wide_console()
    console.print(_cells(plan))
    console.print(_epochs(plan, study))
    for line in [*_infeasible(plan), *_totals(plan)]:
        console.print(line, markup=False, highlight=False)


def _cells(plan: Plan) -> Any:
    from rich.table import Table

    table = Table(title=f"{plan.study}: configurations at seed 0; budgets are caps")
    for name in ("student", "arm", "budget", "used", "steps", "prompts", "epochs", "complete"):
        table.add_column(name, justify="left" if name in {"student", "arm"} else "right")
    for cells in _by_configuration(plan.cells):
        first = cells[0]
        done = f"{sum(cell.status == 'complete' for cell in cells)} of {len(cells)}"
        shown = [first.student, first.arm, scientific(first.budget_flops)]
        if first.flops is None:
            table.add_row(*shown, "-", "-", "-", "-", "infeasible")
            continue
        table.add_row(
            *shown,
            f"{100 * first.flops / first.budget_flops:.1f}%",
            f"{first.steps:,}",
            f"{first.prompts:,}",
            f"{first.epochs:.2f}",
            done,
        )
    return table


def _infeasible(plan: Plan) -> list[str]:
    return [f"infeasible: {cell.id}: {cell.reason}" for cell in plan.cells if not cell.feasible]


def _by_configuration(cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
    groups: dict[str, list[PlannedCell]] = {}
    for cell in cells:
        groups.setdefault(cell.configuration, []).append(cell)
    return list(groups.values())


def _epochs(plan: Plan, study: Study) -> Any:
    from rich.table import Table

    table = Table(title=f"epochs by source at the largest budget ({plan.budgets[-1]}), seed 0")
    cells = [cell for cell in plan.cells if cell.feasible and cell.seed == 0 and cell.budget == plan.budgets[-1]]
    sources = sorted({source for cell in cells for source in cell.epochs_by_source})
    table.add_column("student")
    table.add_column("arm")
    for source in sources:
        table.add_column(source, justify="right")
    for cell in cells:
        table.add_row(cell.student, cell.arm, *(f"{cell.epochs_by_source[source]:.2f}" for source in sources))
    return table


def _totals(plan: Plan) -> list[str]:
    feasible = sum(cell.feasible for cell in plan.cells)
    saved = 1 - plan.total_flops / plan.unshared_flops if plan.unshared_flops else 0.0
    cells = Counter(cell.status for cell in plan.cells if cell.feasible)
    segments = Counter(segment.status for segment in plan.segments)
    lines = [
        f"training: {plan.total_flops:.4g} FLOPs in {len(plan.segments)} segments;"
        f" trained one by one {plan.unshared_flops:.4g}, so sharing saves {100 * saved:.0f}%",
        *(f"{phase}: {flops:.4g} FLOPs expected" for phase, flops in plan.phases.items() if flops),
        f"cells: {feasible} of {len(plan.cells)} feasible, {cells['complete']} complete, {cells['failed']} failed",
        f"segments: {segments['complete']} complete, {len(plan.segments) - segments['complete']} to train",
        f"lengths: {plan.source}; {plan.unique_prompts:,} unique prompts; {plan.items:,} items",
        f"peak disk: at most {plan.peak_disk_bytes / 1e6:.0f} MB",
    ]
    if plan.seconds is not None:
        lines.append(f"time left: about {plan.seconds / 60:.1f} min")
    return [*lines, *plan.notes]
