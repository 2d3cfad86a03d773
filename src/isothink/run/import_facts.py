"""The facts of imported cells: from the rows' own columns, from options, or from a table with one row per model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from isothink.compute.architecture import Architecture
from isothink.compute.parameters import parameter_counts
from isothink.compute.registry import lookup, published_names
from isothink.domain.arm import parse_arm
from isothink.errors import UsageError
from isothink.run.import_record import ImportedCell
from isothink.run.import_values import as_count, as_float, as_name, shown
from isothink.store.rows import read_rows

FACTS = (
    *("student", "arm", "seed", "parameters", "training_flops"),
    *("budget_flops", "fixed_flops", "model"),
)
SHAPE = "shape"
"""A published model of the same shape as one whose own name is not published."""
REQUIRED = ("student", "arm", "parameters", "training_flops")
MEANINGS = {
    "student": "a name of the model's size, shared by its arms",
    "arm": "ift, reasoning, or any label for how it was trained",
    "parameters": "the number of its parameters",
    "training_flops": "what its training cost; 0 for a model taken as it is",
}
LARGEST_PARAMETERS = 10**16
MOST_CELLS = 10_000


@dataclass(frozen=True, kw_only=True)
class ToldFacts:
    """Facts that the files lack: for all rows (options), and by model (a table with a column `model`)."""

    everywhere: Mapping[str, Any] = field(default_factory=dict)
    by_model: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, model: str, known: Mapping[str, Any], where: str) -> ImportedCell:
        """The cell of a model: an option counts before the table, and that before what its files say.

        Raises:
            UsageError: one fact is missing or wrong.
        """
        if self.by_model and model not in self.by_model:
            names = ", ".join(shown(name) for name in list(self.by_model)[:6])
            raise UsageError(f"{where}: model {shown(model)} is not in the table of cells, which has {names}")
        told = {**known, **self.by_model.get(model, {}), **self.everywhere}
        shape = as_name(told.pop(SHAPE, None), where, SHAPE)
        told["model"] = known.get("model") if shape is None else published(shape, where, SHAPE)
        return make_cell(
            told, where, how=lambda name: f"give --{name.replace('_', '-')}, or --cells TABLE with a row per model"
        )


def told_facts(options: Mapping[str, Any], cells: Path | None) -> ToldFacts:
    """Reads `--cells`, and takes the options that were given.

    Raises:
        UsageError: the table cannot be read, lacks the column model or names one twice.
    """
    given = {name: value for name, value in options.items() if value is not None}
    return ToldFacts(everywhere=given, by_model={} if cells is None else _by_model(cells))


def _by_model(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in read_rows(path):
        where = f"{path}: row {row.number}"
        if row.values is None:
            raise UsageError(f"{where}: cannot be read: {row.problem}")
        allowed = (*FACTS, SHAPE)
        unknown = [name for name in row.values if name not in allowed]
        if unknown:
            raise UsageError(f"{where}: column {shown(unknown[0])}: allowed are {', '.join(allowed)}")
        model = as_name(row.values.get("model"), where, "model")
        if model is None:
            raise UsageError(f"{where}: model is missing", hint="it names the model as its log files do")
        if model in found:
            raise UsageError(f"{where}: model {shown(model)} has a row already, allowed is one for each")
        found[model] = {name: value for name, value in row.values.items() if value not in (None, "")}
        if len(found) > MOST_CELLS:
            raise UsageError(f"{path}: found more than {MOST_CELLS} rows")
    if not found:
        raise UsageError(f"{path}: found no row, allowed is one for each model")
    return found


def make_cell(values: Mapping[str, Any], where: str, *, how: Callable[[str], str]) -> ImportedCell:
    """A cell from its facts as a file holds them; `how` says how to give one that is missing.

    Raises:
        UsageError: a fact is missing or wrong, or the model is one that the registry does not know.
    """
    model = as_name(values.get("model"), where, "model")
    architecture = None if model is None else known_architecture(model)
    parameters = as_count(values.get("parameters"), where, "parameters", least=1, most=LARGEST_PARAMETERS)
    if parameters is None and architecture is not None:
        parameters = parameter_counts(architecture).total
    found = {
        "student": as_name(values.get("student"), where, "student"),
        "arm": as_name(values.get("arm"), where, "arm"),
        "parameters": parameters,
        "training_flops": as_float(values.get("training_flops"), where, "training_flops"),
    }
    for name in REQUIRED:
        if found[name] is None:
            raise UsageError(f"{where}: {name} is missing: {MEANINGS[name]}", hint=how(name))
    return ImportedCell(
        student=str(found["student"]),
        arm=_spelled(str(found["arm"])),
        seed=as_count(values.get("seed"), where, "seed") or 0,
        parameters=parameters or 0,
        training_flops=float(found["training_flops"] or 0.0),
        budget_flops=as_float(values.get("budget_flops"), where, "budget_flops", above=True),
        fixed_flops=as_float(values.get("fixed_flops"), where, "fixed_flops") or 0.0,
        model=None if architecture is None else model,
        architecture=None if architecture is None else architecture.model_dump(mode="json"),
    )


def _spelled(arm: str) -> str:
    """Arms of isothink's own in their one spelling: `mixed(.5)` is `mixed(0.5)`."""
    try:
        return str(parse_arm(arm))
    except ValueError:
        return arm


def published(model: str, where: str, column: str) -> str:
    """The name of a published model.

    Raises:
        UsageError: the FLOPs registry does not know it.
    """
    if known_architecture(model) is None:
        raise UsageError(
            f"{where}: {column}: found {shown(model)}, allowed are those that the FLOPs registry knows",
            hint="isothink list models shows them; without one, 2 x parameters per token count",
        )
    return model


@lru_cache(maxsize=256)
def known_architecture(model: str) -> Architecture | None:
    """The architecture of a published model, None for any other name: a name in a file never opens a path."""
    wanted = model.strip().lower()
    names = published_names()
    if not any(wanted in (name.lower(), name.lower().split("/")[-1]) for name in names):
        return None
    try:
        return lookup(model)
    except UsageError:  # a short name that several organisations share
        return None
