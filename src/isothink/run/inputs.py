"""Pairs, corpus and items: made from a study, frozen in the run folder, read back. Used by planning and by workers."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from isothink.corpus.corpus import Corpus, freeze, measure, open_corpus, write_corpus
from isothink.corpus.lengths import CorpusLengths, LengthSource
from isothink.corpus.over_length import LengthFilter, OverLength
from isothink.corpus.protocol import Tokenizer
from isothink.corpus.rendering import tokenize_pairs
from isothink.domain.pair import Pair
from isothink.domain.sample import Item
from isothink.domain.student_settings import ModelTokenizer, StudentSettings
from isothink.domain.study import PairStudy, Study
from isothink.domain.training_settings import RateSweep
from isothink.errors import RunFolderError, StudyError, UsageError
from isothink.plan.planner import ItemLengths
from isothink.plan.students import longest_sequence, positions_of, student_architecture
from isothink.run.backends import load_tokenizer, load_vocabulary
from isothink.run.generation import Sink, make_pairs
from isothink.run.identity import corpus_step, limit_of_pilot, pairs_step, pilot_step
from isothink.run.items import study_items, validation_items
from isothink.store.fingerprint import fingerprint
from isothink.store.run_folder import MANIFEST, RunFolder
from isothink.store.tables import ITEMS_FILE, PAIRS_FILE, read_columns, write_columns

PAIRS_AT_ONCE = 512


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What every arm of a study reads and answers."""

    corpus: Corpus
    items: tuple[Item, ...]
    item_prompt_tokens: tuple[int, ...]
    is_balanced: bool
    """Whether the sources are procedural tasks, which are read equally often."""

    def lengths(self, origin: LengthSource) -> CorpusLengths:
        """What planning needs of the corpus."""
        return measure(self.corpus, origin=origin, is_balanced=self.is_balanced)

    def item_lengths(self) -> ItemLengths:
        """What planning needs of the items."""
        return ItemLengths(
            identity=items_identity(self.items), prompt_tokens=np.asarray(self.item_prompt_tokens, dtype=np.int64)
        )


def items_identity(items: tuple[Item, ...]) -> str:
    """Identity of the questions and their scoring."""
    return fingerprint([item.model_dump() for item in items])


def make_inputs(study: Study, pairs: Iterable[Pair]) -> Inputs:
    """Tokenizes pairs and items, in memory.

    Raises:
        StudyError: students, tokenizer and items do not fit together.
        StepError: the template loses something of the pairs, or all of them are too long.
    """
    tokenizer = open_tokenizer(study)
    items, prompt_tokens = _items(study, tokenizer)
    fits = LengthFilter(longest_sequence(study), tokenizer.trace_tokens)
    rows = fits.kept(tokenize_pairs(pairs, tokenizer, study.rendering))
    corpus = freeze(rows, tokenizer=tokenizer.fingerprint, vocabulary_size=tokenizer.vocabulary_size)
    return Inputs(
        corpus=replace(corpus, over_length=fits.facts()),
        items=items,
        item_prompt_tokens=prompt_tokens,
        is_balanced=_is_balanced(study),
    )


def freeze_inputs(study: Study, pairs: Path, folder: Path) -> dict[str, object]:
    """Tokenizes the pairs of a table and the items into `folder`, and returns what its manifest says.

    Raises:
        StudyError, StepError: see `make_inputs`; or the disk is full.
    """
    tokenizer = open_tokenizer(study)
    items, prompt_tokens = _items(study, tokenizer)
    cap = longest_sequence(study)
    fits = LengthFilter(cap, tokenizer.trace_tokens)
    rows = fits.kept(tokenize_pairs(stored_pairs(pairs), tokenizer, study.rendering))
    written = write_corpus(rows, folder, tokenizer=tokenizer.fingerprint)
    columns: dict[str, list[object]] = {name: [getattr(item, name) for item in items] for name in Item.model_fields}
    columns["prompt_tokens"] = list(prompt_tokens)
    write_columns(folder / ITEMS_FILE, columns, pa.table(columns).schema)
    return {
        "corpus": written.identity,
        "tokenizer": tokenizer.fingerprint,
        "vocabulary_size": tokenizer.vocabulary_size,
        "items": items_identity(items),
        "pairs": written.pairs,
        "max_tokens": cap,
        **{f"over_length_{name}": value for name, value in asdict(fits.facts()).items()},
        "mean_prompt_tokens": written.mean_prompt_tokens,
        "mean_ift_tokens": written.mean_ift_tokens,
        "mean_reasoning_tokens": written.mean_reasoning_tokens,
    }


def open_tokenizer(study: Study) -> Tokenizer:
    """The study's tokenizer, after a look at whether it fits every student.

    Raises:
        StudyError: a student's vocabulary is too small, or its own tokenizer gives other ids.
    """
    tokenizer = load_tokenizer(study)
    vocabulary = dict(tokenizer.vocabulary)
    for index, student in enumerate(study.students):
        student_architecture(study, index, tokenizer.vocabulary_size)
        own = load_vocabulary(student) if student.model is not None and not _is_source(student, study) else None
        if own is not None and own != vocabulary:
            differing = {token for token, _ in set(own.items()) ^ set(vocabulary.items())}
            raise StudyError(
                f"students[{index}].model: its own tokenizer differs from the study's in {len(differing)} tokens,"
                f" such as {min(differing)!r}; one tokenizer serves all students of a study",
                hint="take students of one family, or make a study of each family",
            )
    return tokenizer


def _is_source(student: StudentSettings, study: Study) -> bool:
    """Whether the study's tokenizer is that of this student's model."""
    settings = study.tokenizer
    return isinstance(settings, ModelTokenizer) and (settings.model, settings.revision) == (
        student.model,
        student.revision,
    )


def _items(study: Study, tokenizer: Tokenizer) -> tuple[tuple[Item, ...], tuple[int, ...]]:
    """The items, and the tokens of their rendered prompts.

    Raises:
        StudyError: a student cannot read a prompt and an answer after it; or a sweep of rates has no items of its own.
    """
    items = study_items(study)
    sweep = study.training.learning_rate
    asked = [*items, *(validation_items(study, sweep.validation) if isinstance(sweep, RateSweep) else ())]
    lengths = [len(prompt) for prompt in tokenizer.encode_prompts([item.prompt for item in asked])]
    longest, cap = max(lengths, default=0), max(map(study.evaluation.cap, study.arms))
    for index, student in enumerate(study.students):
        positions = positions_of(study, index)
        if positions is not None and longest + cap > positions:
            raise StudyError(
                f"evaluation.max_new_tokens: found {cap}, allowed are numbers up to {max(0, positions - longest)}:"
                f" student {student.name} has {positions} positions and the longest prompt takes {longest}"
            )
    return items, tuple(lengths[: len(items)])


def _is_balanced(study: Study) -> bool:
    return study.prompts.backend == "procedural"


def stored_pairs(path: Path) -> Iterator[Pair]:
    """The pairs of a table, a few hundred in memory at a time.

    Raises:
        RunFolderError: the file is missing or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=PAIRS_AT_ONCE, columns=list(Pair.model_fields), use_threads=False)
            for batch in batches:
                yield from (Pair.model_validate(row) for row in batch.to_pylist())
    except (pa.ArrowException, OSError) as error:
        problem = str(error).splitlines()[0]
        raise RunFolderError(
            f"{path}: cannot be read: {problem}", hint="remove its folder to have it made anew"
        ) from None


def pilot_inputs(study: Study, folder: RunFolder) -> Inputs:
    """Inputs to plan with before a run has frozen any: what it would freeze, or those of the largest pilot.

    A teacher that costs nothing is asked in memory; one that is paid for is never asked by a plan.

    Raises:
        UsageError: the teacher is paid for, and there is no pilot.
    """
    if study.teacher.backend in ("symbolic", "recorded"):
        pairs: list[Pair] = []
        make_pairs(study, folder, Sink(keep=pairs.append, drop=lambda dropped: None))
        return make_inputs(study, pairs)
    made = folder.step_folder("pairs", pairs_step(study))
    places = [made] if (made / MANIFEST).is_file() else _pilots(study, folder)
    if not places:
        raise UsageError(
            "the plan needs to know how long the teacher's answers are, and no pair is there yet",
            hint="isothink generate STUDY --limit 50 asks a pilot",
        )
    return make_inputs(study, stored_pairs(places[-1] / PAIRS_FILE))


def _pilots(study: PairStudy, folder: RunFolder) -> list[Path]:
    """The complete pilots of a study, the largest last."""
    found = [(limit_of_pilot(place.name), place) for place in (folder.path / "pilots").glob("pilot*")]
    sizes = [(limit, place) for limit, place in found if limit is not None and (place / MANIFEST).is_file()]
    return [place for limit, place in sorted(sizes) if place.name == pilot_step(study, limit)]


def read_inputs(folder: RunFolder, study: Study) -> Inputs | None:
    """The frozen inputs of a study, or None where they are not frozen yet. Tokens stay on the disk."""
    step = corpus_step(study)
    manifest = folder.manifest("corpus", step)
    if manifest is None:
        return None
    place = folder.step_folder("corpus", step)
    corpus = open_corpus(
        place,
        tokenizer=str(manifest["tokenizer"]),
        vocabulary_size=int(manifest["vocabulary_size"]),
        identity=str(manifest["corpus"]),
        over_length=OverLength(**{field.name: manifest[f"over_length_{field.name}"] for field in fields(OverLength)}),
    )
    rows = read_columns(place / ITEMS_FILE).to_pylist()
    tokens = tuple(int(row.pop("prompt_tokens")) for row in rows)
    return Inputs(
        corpus=corpus,
        items=tuple(Item.model_validate(row) for row in rows),
        item_prompt_tokens=tokens,
        is_balanced=_is_balanced(study),
    )
