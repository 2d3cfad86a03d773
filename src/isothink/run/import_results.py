"""One import from files to cells: reads them in the form that is named, and stores what they hold. Called by api.py."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isothink.errors import UsageError
from isothink.run.import_facts import told_facts
from isothink.run.import_inspect import read_inspect
from isothink.run.import_lm_eval import read_lm_eval
from isothink.run.import_record import ImportKind, ImportResult
from isothink.run.import_table import read_table
from isothink.run.importing import file_record, import_rows
from isothink.run.open import folder_of


def import_files(
    paths: Sequence[Path],
    into: Path,
    *,
    kind: ImportKind,
    names: Mapping[str, str],
    constants: Mapping[str, str],
    facts: Mapping[str, Any],
    cells: Path | None,
    metric: str | None,
) -> ImportResult:
    """Imports files of one kind into a run folder.

    Raises:
        UsageError: a file, a value, or what is to be done with them is wrong.
    """
    if not paths:
        raise UsageError("found no file to import")
    folder = folder_of(into)
    if kind == "table":
        tables = [read_table(path, names=names, constants=constants) for path in paths]
        rows = [row for table, _ in tables for row in table]
        notes = tuple(note for _, found in tables for note in found)
        files = list(paths)
    elif kind == "lm-eval":
        rows, files, notes = read_lm_eval(paths, told=told_facts(facts, cells), metric=metric)
    elif kind == "inspect":
        rows, files, notes = read_inspect(paths, told=told_facts(facts, cells), scorer=metric)
    else:
        raise UsageError(f"kind: found {kind!r}, allowed are table, lm-eval and inspect")
    return import_rows(folder, rows, kind=kind, files=[file_record(path) for path in files], notes=notes)
