"""Stores what other tools measured in a run folder, whole or not at all, and never twice. Called by api.import_results.

An import lies in `imports/ID/`; its id is a hash of facts and answers. It takes a lock of its own, so that a study that
runs in the same folder goes on.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from isothink.domain.study import Study
from isothink.errors import UsageError
from isothink.run.import_record import (
    DOCUMENTS_OF_IMPORT,
    SAMPLES_OF_IMPORT,
    ImportedFile,
    ImportedPart,
    ImportKind,
    ImportManifest,
    ImportResult,
)
from isothink.run.import_row import ImportRow
from isothink.run.import_samples import CompletedPart, caveats_of, complete_part
from isothink.run.import_values import shown
from isothink.run.imports_folder import read_imports
from isothink.run.inputs import read_inputs
from isothink.store.fingerprint import fingerprint
from isothink.store.lock import hold_lock
from isothink.store.rows import file_digest
from isothink.store.run_folder import IMPORTS, MANIFEST, RunFolder, write_json
from isothink.store.study_file import read_pair_study
from isothink.store.tables import SAMPLE_SCHEMA, read_columns, write_columns

DOCUMENTS = pa.schema([("benchmark", pa.string()), ("item", pa.string()), ("document", pa.string())])
PartKey = tuple[tuple[str, str, int, float], str]


def import_rows(
    folder: RunFolder,
    rows: Sequence[ImportRow],
    *,
    kind: ImportKind,
    files: Sequence[ImportedFile],
    notes: Sequence[str] = (),
) -> ImportResult:
    """Stores the rows as cells of the run; what is there already is left as it is.

    Raises:
        UsageError: rows contradict each other, the study, or an earlier import.
    """
    _require_place(folder)
    parts = list(_parts(rows))
    _require_one_question(parts, _study_items(folder))
    with hold_lock(folder.path / IMPORTS / "lock"):
        for leftover in (folder.path / IMPORTS).glob(".*.partial"):  # of imports that were interrupted
            shutil.rmtree(leftover, ignore_errors=True)
        earlier = read_imports(folder)
        _require_no_contradiction(folder, earlier, parts)
        there = {part.digest for manifest in earlier for part in manifest.parts}
        fresh = [part for part in parts if part.record.digest not in there]
        found = {"run": str(folder.path), "present": len(parts) - len(fresh), "notes": tuple(notes)}
        if not fresh:
            return ImportResult(id=None, parts=(), caveats=(), **found)
        manifest = _manifest(fresh, kind, files)
        with folder.writing(IMPORTS, manifest.id) as place:
            samples = [sample for part in fresh for sample in part.completed.samples]
            columns = {name: [sample[name] for sample in samples] for name in SAMPLE_SCHEMA.names}
            write_columns(place / SAMPLES_OF_IMPORT, columns, SAMPLE_SCHEMA)
            documents = [line for part in fresh for line in part.documents()]
            write_columns(
                place / DOCUMENTS_OF_IMPORT,
                {name: [line[index] for line in documents] for index, name in enumerate(DOCUMENTS.names)},
                DOCUMENTS,
            )
            write_json(place / MANIFEST, manifest.model_dump(mode="json"))
    return ImportResult(id=manifest.id, parts=manifest.parts, caveats=caveats_of(manifest.parts), **found)


class _Part:
    """One cell on one benchmark: its rows, completed, and its record."""

    def __init__(self, rows: Sequence[ImportRow]) -> None:
        self.rows = rows
        self.completed: CompletedPart = complete_part(rows)
        samples = self.completed.samples
        scores = [sample["score"] for sample in samples if sample["score"] is not None]
        cell = rows[0].cell
        self.record = ImportedPart(
            cell=cell,
            benchmark=rows[0].benchmark,
            family=rows[0].family,
            items=len({row.item for row in rows}),
            samples=len(samples),
            unscored=len(samples) - len(scores),
            accuracy=float(np.mean(scores)) if scores else None,
            inference=self.completed.inference,
            guesses=tuple(sorted(self.completed.guesses)),
            digest=_digest([cell.model_dump(mode="json"), rows[0].family, samples]),
        )

    @property
    def key(self) -> PartKey:
        """What two imports must not both have."""
        return self.record.cell.key, self.record.benchmark

    def documents(self) -> Iterator[tuple[str, str, str]]:
        """Which question each item is, where the files say it."""
        for item, document in {row.item: row.document for row in self.rows if row.document is not None}.items():
            yield self.record.benchmark, item, document


def _parts(rows: Sequence[ImportRow]) -> Iterator[_Part]:
    """Rows grouped by cell and benchmark, in one order whatever that of the rows.

    Raises:
        UsageError: an answer stands there twice, or a cell or benchmark has two values of one fact.
    """
    groups: dict[PartKey, dict[tuple[str, int], ImportRow]] = {}
    cells: dict[Any, ImportRow] = {}
    families: dict[str, ImportRow] = {}
    for row in rows:
        first = cells.setdefault(row.cell.key, row)
        if first.cell is not row.cell and first.cell != row.cell:
            _refuse_two_facts(first, row)
        stated = families.setdefault(row.benchmark, row)
        if stated.family != row.family:
            raise UsageError(
                f"{row.where}: benchmark {shown(row.benchmark)} is in family {shown(row.family)}, and in"
                f" {shown(stated.family)} in {stated.where}"
            )
        group = groups.setdefault((row.cell.key, row.benchmark), {})
        twin = group.setdefault((row.item, row.repeat), row)
        if twin is not row:
            raise UsageError(
                f"{row.where}: item {shown(row.item)} of {shown(row.benchmark)} was answered by {shown(row.cell.id)} in"
                f" {twin.where} already",
                hint="several answers of one cell to an item need a column repeat; other runs another seed",
            )
    for key in sorted(groups):
        yield _Part([groups[key][answer] for answer in sorted(groups[key])])


def _refuse_two_facts(first: ImportRow, row: ImportRow) -> None:
    ours, theirs = row.cell.model_dump(), first.cell.model_dump()
    name = next(name for name in ours if ours[name] != theirs[name])
    raise UsageError(
        f"{row.where}: {name} of student {shown(row.cell.student)}, arm {shown(row.cell.arm)}, seed {row.cell.seed} is"
        f" {shown(ours[name])}, and {shown(theirs[name])} in {first.where}"
    )


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _manifest(parts: Sequence[_Part], kind: ImportKind, files: Sequence[ImportedFile]) -> ImportManifest:
    return ImportManifest(
        id=fingerprint([part.record.digest for part in parts]),
        kind=kind,
        files=tuple(files),
        parts=tuple(part.record for part in parts),
    )


def _require_place(folder: RunFolder) -> None:
    """A run, a folder of imports, or a place where nothing is yet: results must not be strewn among other files."""
    path = folder.path
    if not path.exists() or folder.exists() or (path / IMPORTS).is_dir():
        return
    if not path.is_dir() or any(path.iterdir()):
        raise UsageError(
            f"{path}: found neither a run nor imported results, allowed are those and a folder that is new or empty"
        )


def _study_items(folder: RunFolder) -> dict[str, set[str]]:
    """The ids of the study's items by benchmark; empty where there is no study, or its items are not frozen yet."""
    if not folder.exists():
        return {}
    study = read_pair_study(folder.study_file)
    inputs = read_inputs(folder, study) if isinstance(study, Study) else None
    found: dict[str, set[str]] = {}
    for item in inputs.items if inputs is not None else ():
        found.setdefault(item.benchmark, set()).add(item.id)
    return found


def _require_one_question(parts: Sequence[_Part], study: dict[str, set[str]]) -> None:
    """Every id means one question: within the import by digest, and a study's benchmark shares ids with it."""
    documents: dict[tuple[str, str], ImportRow] = {}
    for part in parts:
        for row in part.rows:
            if row.document is None:
                continue
            first = documents.setdefault((row.benchmark, row.item), row)
            if first.document != row.document:
                raise UsageError(
                    f"{row.where}: item {shown(row.item)} of {shown(row.benchmark)} is another question than in"
                    f" {first.where}",
                    hint="the two files were made with different versions of the data",
                )
        known = study.get(part.record.benchmark)
        if known is not None and not any(row.item in known for row in part.rows):
            raise UsageError(
                f"{part.rows[0].where}: none of the items of {shown(part.record.benchmark)}, the first"
                f" {shown(part.rows[0].item)}, is one of the study's, the first {shown(min(known))}",
                hint="map the column item to the study's ids (isothink sql RUN 'SELECT DISTINCT item FROM samples'), or"
                " give another name of the benchmark",
            )


def _require_no_contradiction(folder: RunFolder, earlier: Sequence[ImportManifest], parts: Sequence[_Part]) -> None:
    """Nothing that was imported is replaced silently."""
    known = {(part.cell.key, part.benchmark): (part, manifest) for manifest in earlier for part in manifest.parts}
    cells = {part.cell.key: (part, manifest) for manifest in earlier for part in manifest.parts}
    families = {part.benchmark: (part, manifest) for manifest in earlier for part in manifest.parts}
    for part in parts:
        own = part.record
        before = known.get(part.key)
        if before is not None and before[0].digest != own.digest:
            raise UsageError(
                f"{part.rows[0].where}: {shown(own.cell.id)} has answers to {shown(own.benchmark)} already, and others",
                hint=f"remove {folder.step_folder(IMPORTS, before[1].id)} to replace them, or give another seed",
            )
        same = cells.get(own.cell.key)
        if same is not None and same[0].cell != own.cell:
            ours, theirs = own.cell.model_dump(), same[0].cell.model_dump()
            name = next(name for name in ours if ours[name] != theirs[name])
            raise UsageError(
                f"{part.rows[0].where}: {name} of {shown(own.cell.id)} is {shown(ours[name])}, and"
                f" {shown(theirs[name])} in import {same[1].id}"
            )
        stated = families.get(own.benchmark)
        if stated is not None and stated[0].family != own.family:
            raise UsageError(
                f"{part.rows[0].where}: benchmark {shown(own.benchmark)} is in family {shown(own.family)}, and in"
                f" {shown(stated[0].family)} in import {stated[1].id}"
            )
    asked: dict[tuple[str, str], tuple[str, str]] = {}
    for manifest in earlier:
        table = read_columns(folder.step_folder(IMPORTS, manifest.id) / DOCUMENTS_OF_IMPORT).to_pylist()
        asked.update({(row["benchmark"], row["item"]): (row["document"], manifest.id) for row in table})
    for part in parts:
        for benchmark, item, document in part.documents():
            there = asked.get((benchmark, item))
            if there is not None and there[0].partition(":")[0] == document.partition(":")[0] and there[0] != document:
                raise UsageError(
                    f"{part.rows[0].where}: item {shown(item)} of {shown(benchmark)} is another question than in"
                    f" import {there[1]}",
                    hint="the two were made with different versions of the data",
                )


def file_record(path: Path) -> ImportedFile:
    """A file's name and content.

    Raises:
        UsageError: it cannot be read.
    """
    return ImportedFile(name=path.name, sha256=file_digest(path))
