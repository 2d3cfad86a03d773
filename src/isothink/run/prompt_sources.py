"""The rows that prompts come from, and the texts that they must not share words with. Called by run/generation.py."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from isothink.domain.pair import Prompt
from isothink.domain.prompt_settings import DataPrompts, FileSet, HubSet, ProceduralPrompts
from isothink.domain.study import PairStudy, Study
from isothink.errors import StepError
from isothink.run.backends import load_hub_set
from isothink.run.items import study_items
from isothink.store.rows import Row, file_digest, read_rows
from isothink.teacher.contamination import BenchmarkIndex
from isothink.teacher.prompt_rows import PromptRow, prompt_rows, source_of
from isothink.teacher.prompts import procedural_prompts
from isothink.teacher.published_sets import check_published

if TYPE_CHECKING:
    from isothink.backends.hub_sets import HubRows


class PromptSource:
    """All rows of a study's prompts, and facts about where they came from.

    Files are read again each time, since they may be of any size; what generators make is kept.
    """

    def __init__(self, study: PairStudy) -> None:
        self._prompts = study.prompts
        self._hub: dict[int, HubRows] = {}
        self._facts: list[dict[str, JsonValue]] = []
        self._made: list[PromptRow] = []
        if isinstance(self._prompts, DataPrompts):
            self._open(self._prompts)

    @property
    def facts(self) -> tuple[dict[str, JsonValue], ...]:
        """What was read of each data set: its source name, and its digest or the revision found, and what was odd."""
        return tuple(self._facts)

    def rows(self) -> Iterator[PromptRow]:
        """Every row.

        Raises:
            StepError: a file was changed since it was read before.
        """
        if isinstance(self._prompts, ProceduralPrompts):
            self._made = self._made or list(_procedural(self._prompts))
            yield from self._made
            return
        for number, chosen in enumerate(self._prompts.sets):
            rows = _file_rows(chosen) if isinstance(chosen, FileSet) else self._hub[number].rows()
            yield from prompt_rows(rows, chosen, source=source_of(chosen))

    def _open(self, prompts: DataPrompts) -> None:
        for number, chosen in enumerate(prompts.sets):
            if chosen.kind == "file":
                self._facts.append({"source": source_of(chosen), "sha256": _expected_digest(chosen)})
            else:
                self._hub[number] = opened = load_hub_set(chosen)
                self._facts.append(_hub_facts(chosen, opened))


def _hub_facts(chosen: HubSet, opened: "HubRows") -> dict[str, JsonValue]:
    findings = check_published(chosen.name, opened.columns, opened.count, chosen.split)
    return {
        "source": source_of(chosen),
        "name": chosen.name,
        "asked_revision": chosen.revision,
        "revision": opened.revision,
        "rows": opened.count,
        "fingerprint": opened.fingerprint,
        "findings": list(findings),
    }


def _file_rows(chosen: FileSet) -> Iterator[Row]:
    _expected_digest(chosen)  # rows are chosen by their places, which another content would give to other prompts
    return read_rows(Path(chosen.path))


def _expected_digest(chosen: FileSet) -> str:
    digest = file_digest(Path(chosen.path))
    if chosen.sha256 not in (None, digest):
        raise StepError(
            f"{chosen.path}: its contents are not those of sha256 {chosen.sha256}",
            hint="run the study file again, which reads it anew; replies to prompts that stayed are kept",
        )
    return digest


def _procedural(prompts: ProceduralPrompts) -> Iterator[PromptRow]:
    for prompt in procedural_prompts(prompts.tasks, prompts_per_task=prompts.per_task, seed=prompts.seed):
        yield PromptRow(prompt=prompt, source=prompt.source, text=prompt.text, problem=None, detail="")


def benchmark_index(study: PairStudy) -> BenchmarkIndex | None:
    """What prompts of data sets are compared with; procedural questions are split from their items by construction."""
    if isinstance(study.prompts, ProceduralPrompts):
        return None
    settings = study.filters.decontamination
    texts: list[tuple[str, str]] = []
    if settings.items and isinstance(study, Study):
        texts.extend((f"{item.benchmark} {item.id}", item.prompt) for item in study_items(study))
    for chosen in settings.against:
        texts.extend(_questions(chosen))
    if not texts:
        return None
    return BenchmarkIndex(texts, words=settings.words, shortest_item=settings.shortest_item)


def _questions(chosen: FileSet) -> Iterator[tuple[str, str]]:
    rows: Iterable[Row] = read_rows(Path(chosen.path))
    for number, row in enumerate(prompt_rows(rows, chosen, source=source_of(chosen)), start=1):
        if isinstance(row.prompt, Prompt):
            yield f"{source_of(chosen)} row {number}", row.prompt.text
