"""Pairs, corpus and items: made from a study, frozen in the run folder, read back. Used by planning and by workers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from isothink.corpus.corpus import Corpus, freeze, measure
from isothink.corpus.lengths import CorpusLengths, LengthSource
from isothink.corpus.ragged import Ragged
from isothink.corpus.rendering import tokenize_pairs
from isothink.domain.pair import Pair
from isothink.domain.sample import Item
from isothink.domain.study import PairStudy, Study
from isothink.errors import UsageError
from isothink.plan.planner import ItemLengths
from isothink.run.backends import load_tokenizer
from isothink.run.generation import Sink, make_pairs
from isothink.run.identity import corpus_step, limit_of_pilot, pairs_step, pilot_step
from isothink.run.items import study_items
from isothink.store.fingerprint import fingerprint
from isothink.store.run_folder import MANIFEST, RunFolder
from isothink.store.tables import (
    ITEMS_FILE,
    PAIRS_FILE,
    TOKEN_SCHEMA,
    TOKENS_FILE,
    read_columns,
    read_pairs,
    write_columns,
)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What every arm of a study reads and answers."""

    corpus: Corpus
    items: tuple[Item, ...]
    item_prompt_tokens: tuple[int, ...]

    def lengths(self, origin: LengthSource) -> CorpusLengths:
        """What planning needs of the corpus."""
        return measure(self.corpus, origin=origin)

    def item_lengths(self) -> ItemLengths:
        """What planning needs of the items."""
        return ItemLengths(
            identity=items_identity(self.items), prompt_tokens=np.asarray(self.item_prompt_tokens, dtype=np.int64)
        )


def items_identity(items: tuple[Item, ...]) -> str:
    """Identity of the questions and their scoring."""
    return fingerprint([item.model_dump() for item in items])


def make_inputs(study: Study, pairs: tuple[Pair, ...]) -> Inputs:
    """Tokenizes pairs and items."""
    tokenizer = load_tokenizer(study)
    rows = tokenize_pairs(pairs, tokenizer, study.rendering)
    items = study_items(study)
    prompts = tokenizer.encode_prompts([item.prompt for item in items])
    return Inputs(
        corpus=freeze(rows, tokenizer=tokenizer.fingerprint, vocabulary_size=tokenizer.vocabulary_size),
        items=items,
        item_prompt_tokens=tuple(len(prompt) for prompt in prompts),
    )


def pilot_inputs(study: Study, folder: RunFolder) -> Inputs:
    """Inputs to plan with before a run has frozen any: what it would freeze, or those of the largest pilot.

    A teacher that costs nothing is asked in memory; one that is paid for is never asked by a plan.

    Raises:
        UsageError: the teacher is paid for, and there is no pilot.
    """
    if study.teacher.backend in ("symbolic", "recorded"):
        pairs: list[Pair] = []
        make_pairs(study, folder, Sink(keep=pairs.append, drop=lambda dropped: None))
        return make_inputs(study, tuple(pairs))
    made = folder.step_folder("pairs", pairs_step(study))
    places = [made] if (made / MANIFEST).is_file() else _pilots(study, folder)
    if not places:
        raise UsageError(
            "the plan needs to know how long the teacher's answers are, and no pair is there yet",
            hint="isothink generate STUDY --limit 50 asks a pilot",
        )
    return make_inputs(study, tuple(read_pairs(places[-1] / PAIRS_FILE)))


def _pilots(study: PairStudy, folder: RunFolder) -> list[Path]:
    """The complete pilots of a study, the largest last."""
    found = [(limit_of_pilot(place.name), place) for place in (folder.path / "pilots").glob("pilot*")]
    sizes = [(limit, place) for limit, place in found if limit is not None and (place / MANIFEST).is_file()]
    return [place for limit, place in sorted(sizes) if place.name == pilot_step(study, limit)]


def write_inputs(inputs: Inputs, folder: Path) -> dict[str, object]:
    """Writes the frozen inputs into `folder` and returns what their manifest says."""
    corpus = inputs.corpus
    columns = {
        "pair": list(corpus.ids),
        "source": list(corpus.sources),
        **{
            name: pa.ListArray.from_arrays(pa.array(part.offsets, pa.int32()), pa.array(part.values, pa.int32()))
            for name, part in (("prompt", corpus.prompt), ("ift", corpus.ift), ("reasoning", corpus.reasoning))
        },
    }
    write_columns(folder / TOKENS_FILE, columns, TOKEN_SCHEMA)
    items: dict[str, list[object]] = {
        name: [getattr(item, name) for item in inputs.items] for name in Item.model_fields
    }
    items["prompt_tokens"] = list(inputs.item_prompt_tokens)
    write_columns(folder / ITEMS_FILE, items, pa.table(items).schema)
    return {
        "corpus": corpus.identity,
        "tokenizer": corpus.tokenizer,
        "vocabulary_size": corpus.vocabulary_size,
        "items": items_identity(inputs.items),
        "pairs": len(corpus.ids),
    }


def read_inputs(folder: RunFolder, study: Study) -> Inputs | None:
    """The frozen inputs of a study, or None where they are not frozen yet."""
    step = corpus_step(study)
    manifest = folder.manifest("corpus", step)
    if manifest is None:
        return None
    place = folder.step_folder("corpus", step)
    table = read_columns(place / TOKENS_FILE)
    corpus = Corpus(
        ids=tuple(table["pair"].to_pylist()),
        sources=tuple(table["source"].to_pylist()),
        prompt=_ragged(table["prompt"]),
        ift=_ragged(table["ift"]),
        reasoning=_ragged(table["reasoning"]),
        tokenizer=str(manifest["tokenizer"]),
        vocabulary_size=int(manifest["vocabulary_size"]),
    )
    rows = read_columns(place / ITEMS_FILE).to_pylist()
    tokens = tuple(int(row.pop("prompt_tokens")) for row in rows)
    return Inputs(corpus=corpus, items=tuple(Item.model_validate(row) for row in rows), item_prompt_tokens=tokens)


def _ragged(column: pa.ChunkedArray) -> Ragged:
    whole = column.combine_chunks()
    return Ragged(
        values=whole.values.to_numpy(zero_copy_only=False).astype(np.int32),
        offsets=whole.offsets.to_numpy(zero_copy_only=False).astype(np.int64),
    )
