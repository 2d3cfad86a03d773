"""The search for learning rates: what its trials scored, and which rates that chooses. Called by run/pipeline.py."""

from collections.abc import Sequence

import numpy as np

from isothink.domain.arm import Mixed, Plain, parse_arm
from isothink.domain.study import Study
from isothink.domain.training_settings import RateFormat, RateSweep
from isothink.plan.planner import ItemLengths
from isothink.plan.record import ChosenRates, Plan, PlannedCell, PlannedTrial
from isothink.plan.sweep import choose_rates
from isothink.run.inputs import Inputs, items_identity
from isothink.run.items import validation_items
from isothink.store.run_folder import RunFolder
from isothink.store.tables import SAMPLES_FILE, read_columns


def validation_lengths(study: Study, inputs: Inputs) -> ItemLengths | None:
    """What planning needs of the validation items; their prompts are taken to be as long as the benchmarks' are."""
    sweep = study.training.learning_rate
    if not isinstance(sweep, RateSweep):
        return None
    items = validation_items(study, sweep.validation)
    mean = round(float(np.mean(inputs.item_prompt_tokens))) if inputs.item_prompt_tokens else 1
    return ItemLengths(identity=items_identity(items), prompt_tokens=np.full(len(items), mean, dtype=np.int64))


def chosen_rates(plan: Plan, folder: RunFolder) -> tuple[ChosenRates, ...] | None:
    """The rates that a plan's trials choose; None while one of them is neither scored nor failed.

    Raises:
        StepError: all trials of some student and format failed.
    """
    scores = {trial.id: score for trial in plan.trials if (score := _score(trial, folder)) is not None}
    if any(trial.id not in scores and not _failed(trial, folder) for trial in plan.trials):
        return None
    return choose_rates(plan.trials, scores)


def _score(trial: PlannedTrial, folder: RunFolder) -> float | None:
    """The accuracy; answers that could not be scored are left out."""
    if folder.manifest("samples", trial.samples) is None:
        return None
    table = read_columns(folder.step_folder("samples", trial.samples) / SAMPLES_FILE, ("score",))
    known = [float(value) for value in table["score"].to_pylist() if value is not None]
    return sum(known) / len(known) if known else None


def _failed(trial: PlannedTrial, folder: RunFolder) -> bool:
    if folder.manifest("samples", trial.samples) is not None:
        return True  # nothing of it could be scored
    return any(folder.failure_file(step).is_file() for step in (*trial.path, trial.samples))


def search_notes(plan: Plan, folder: RunFolder, chosen: Sequence[ChosenRates]) -> tuple[str, ...]:
    """One sentence for each student, and one for trials without a score."""
    notes = []
    for one in chosen:
        rates = {name: rate for name, rate in one.rates.model_dump().items() if rate is not None}
        words = [f"{rate:g} for {name}{_edge(name, one)}" for name, rate in rates.items()]
        notes.append(f"The search chose the learning rates of student {one.student}: {', '.join(words)}.")
    notes.append("Whether these rates would still win at larger budgets was not tried.")
    failed = [trial.id for trial in plan.trials if _score(trial, folder) is None]
    if failed:
        notes.append(
            f"{len(failed)} of {len(plan.trials)} trials failed and were not chosen from: {', '.join(failed)}."
        )
    return tuple(notes)


def _edge(name: str, one: ChosenRates) -> str:
    return " (at the edge of the grid: a better one may lie beyond)" if name in one.at_edge else ""


def search_share(plan: Plan, folder: RunFolder, cell: PlannedCell) -> float:
    """The FLOPs of the trials that chose a cell's rates: its student's, in every format that it was trained in."""
    formats = _formats_of(cell, {trial.format for trial in plan.trials})
    total = 0.0
    for trial in plan.trials:
        if trial.student == cell.student and trial.format in formats:
            answers = (folder.manifest("samples", trial.samples) or {}).get("ledger", [])
            total += trial.flops + sum(row["flops"] for row in answers if row["phase"] == "search")
    return total


def _formats_of(cell: PlannedCell, tried: set[RateFormat]) -> set[RateFormat]:
    """Whose rates a cell was trained at; a mixture without trials of its own has that of reasoning."""
    arm = parse_arm(cell.arm)
    if isinstance(arm, Plain):
        return {arm.format}
    if isinstance(arm, Mixed):
        return {"mixed" if "mixed" in tried else "reasoning"}
    return {"ift", "reasoning"}
