"""Makes the pairs of a study: chooses prompts, checks the toggle, asks what was not asked before, keeps or drops pairs.

Called by run/step.py, and by inputs.py for plans. Rows stream from the prompt files to the tables: memory holds a few
hundred of them, and a few bytes for each of the others.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.compute.registry import lookup
from isothink.domain.pair import DroppedPair, StoredPair
from isothink.domain.reply import MODES
from isothink.domain.study import PairStudy
from isothink.domain.teacher_settings import (
    OpenAITeacher,
    RecordedTeacher,
    SymbolicTeacher,
    TransformersTeacher,
    mode_sampling,
    sampling_differences,
)
from isothink.errors import StepError
from isothink.run.answers import CHUNK, Answers, FreeAnswers, PaidAnswers, RecordedAnswers, chunks
from isothink.run.asking_meter import AskingMeter, Progressed
from isothink.run.backends import Verification, load_teacher, load_token_counter
from isothink.run.identity import asking_identity, toggle_of
from isothink.run.prompt_sources import PromptSource, benchmark_index
from isothink.run.step_progress import StepProgress
from isothink.store.fingerprint import fingerprint
from isothink.store.run_folder import RunFolder
from isothink.store.tables import (
    DROPPED_FILE,
    DROPPED_SCHEMA,
    PAIR_SCHEMA,
    PAIRS_FILE,
    TableWriter,
    pair_row,
)
from isothink.teacher.assembly import Assembler
from isothink.teacher.projection import Projection, project
from isothink.teacher.selection import Selection
from isothink.teacher.summary import PairSummary


@dataclass(frozen=True, kw_only=True)
class Sink:
    """Where what becomes of each prompt goes."""

    keep: Callable[[StoredPair], None]
    drop: Callable[[DroppedPair], None]


def nothing_heard(progress: StepProgress) -> None:
    """Nobody wants to know how far it is."""


def write_pairs(
    study: PairStudy,
    folder: RunFolder,
    beside: Path,
    *,
    limit: int | None = None,
    progressed: Progressed = nothing_heard,
) -> PairSummary:
    """Makes the pairs and writes them, and what was dropped, as tables into `beside`.

    Raises:
        StepError: the toggle does not work, the teacher cannot be reached, the disk is full, or no pair is left.
    """
    with (
        TableWriter(beside / PAIRS_FILE, PAIR_SCHEMA) as pairs,
        TableWriter(beside / DROPPED_FILE, DROPPED_SCHEMA) as dropped,
    ):
        sink = Sink(keep=lambda pair: pairs.add(pair_row(pair)), drop=lambda pair: dropped.add(pair.model_dump()))
        return make_pairs(study, folder, sink, limit=limit, progressed=progressed)


def make_pairs(
    study: PairStudy,
    folder: RunFolder,
    sink: Sink,
    *,
    limit: int | None = None,
    progressed: Progressed = nothing_heard,
) -> PairSummary:
    """Makes the pairs of a study in the order of its prompts, or of `limit` prompts chosen at random.

    Raises:
        StepError: see `write_pairs`.
    """
    source = PromptSource(study)
    selection = Selection(source.rows, index=benchmark_index(study), limit=limit)
    with Verification() as verification:
        assembler = Assembler(
            study.filters,
            sampling=json.dumps(sampling_of(study), sort_keys=True),
            toggle=fingerprint(toggle_of(study.teacher)),
            verify=verification.verify,
            counter=load_token_counter(study.teacher),
        )

        def drop(dropped: DroppedPair) -> None:
            assembler.count_dropped(dropped)
            sink.drop(dropped)

        selection.choose(drop)
        if not len(selection):
            raise StepError(f"found no prompt to ask in {selection.read} rows{_why(assembler)}")
        with _answers(study, folder, selection) as answers:
            meter = AskingMeter(progressed, prompts=len(selection))
            answers.prepare(meter)
            assembler.architecture = answers.architecture or _declared_architecture(study)
            for chunk in chunks(answers.all(), CHUNK):
                for made in assembler.assemble(chunk):
                    if isinstance(made, StoredPair):
                        sink.keep(made)
                    else:
                        sink.drop(made)
                meter.assembled(len(chunk), kept=assembler.kept)
    if not assembler.kept:
        raise StepError(f"the teacher made no pair out of {len(selection)} prompts{_why(assembler)}")
    return _summary(study, source, selection, assembler, answers, limit)


def _why(assembler: Assembler) -> str:
    counts = ", ".join(f"{count.reason} {count.pairs} (at fault: {count.mode})" for count in assembler.dropped)
    return f"; dropped: {counts}" if counts else ""


def _answers(study: PairStudy, folder: RunFolder, selection: Selection) -> Answers:
    settings = study.teacher
    if isinstance(settings, RecordedTeacher):
        return RecordedAnswers(selection)
    teacher = load_teacher(settings)
    if isinstance(settings, SymbolicTeacher):
        return FreeAnswers(selection, teacher)
    return PaidAnswers(
        selection, teacher, settings, study.filters, replies=folder.replies, identity=asking_identity(settings)
    )


def sampling_of(study: PairStudy) -> dict[str, JsonValue]:
    """How each mode draws tokens; empty for a program and for recorded replies."""
    settings = study.teacher
    if isinstance(settings, OpenAITeacher | TransformersTeacher):
        return {mode: mode_sampling(settings, mode).model_dump(mode="json") for mode in MODES}
    return {}


def _declared_architecture(study: PairStudy) -> Architecture | None:
    """The shape that the study file gives a teacher whose backend knows none."""
    settings = study.teacher
    if not isinstance(settings, RecordedTeacher) or settings.architecture is None:
        return None
    if isinstance(settings.architecture, str):
        return lookup(settings.architecture)
    return architecture_from_config(settings.architecture, "teacher.architecture")


def _summary(
    study: PairStudy,
    source: PromptSource,
    selection: Selection,
    assembler: Assembler,
    answers: Answers,
    limit: int | None,
) -> PairSummary:
    settings = study.teacher
    off, on = (assembler.tallies[mode].summary() for mode in MODES)
    paid = settings if isinstance(settings, OpenAITeacher | TransformersTeacher) else None
    projection: Projection | None = None
    if limit is not None:
        projection = project(
            off,
            on,
            pilot=len(selection),
            pairs=assembler.kept,
            prompts=selection.fit,
            seconds=answers.seconds,
            price=paid.price if paid is not None else None,
        )
    return PairSummary(
        teacher=teacher_name(study),
        backend=settings.backend,
        prompts_read=selection.read,
        prompts_fit=selection.fit,
        prompts_asked=len(selection),
        pairs=assembler.kept,
        dropped=assembler.dropped,
        off=off,
        on=on,
        toggle=toggle_of(settings),
        toggle_fingerprint=fingerprint(toggle_of(settings)),
        differences=answers.differences,
        sampling=sampling_of(study),
        sampling_differences=sampling_differences(paid) if paid is not None else {},
        filters=study.filters,
        data=source.facts,
        seconds=answers.seconds,
        projection=projection,
    )


def teacher_name(study: PairStudy) -> str:
    """The teacher's model as the study file names it."""
    settings = study.teacher
    if isinstance(settings, SymbolicTeacher):
        return settings.backend
    return settings.model or settings.backend
