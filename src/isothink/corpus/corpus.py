"""The frozen corpus: every pair's token ids in a fixed order, and the lengths that planning prices. Used by run/.

In a run folder it is an index of all pairs as Parquet and a file of raw token ids for each part, which is mapped: a
corpus of tens of gigabytes costs some two hundred bytes of memory for each pair.
"""

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from isothink.corpus.lengths import CorpusLengths, Integers, LengthSource
from isothink.corpus.over_length import NONE_TOO_LONG, OverLength
from isothink.corpus.ragged import Ragged, RaggedRows, map_ragged, token_bytes, write_row
from isothink.corpus.rendering import TokenizedPair
from isothink.errors import StepError
from isothink.store.tables import TableWriter, read_columns

INDEX_FILE = "index.parquet"
PARTS = ("prompt", "ift", "reasoning")
INDEX_SCHEMA = pa.schema(
    [("pair", pa.string()), ("source", pa.string()), *((f"{part}_tokens", pa.int32()) for part in PARTS)]
)
"""One row for each pair: how many tokens its prompt and its two answers have."""


def tokens_file(part: str) -> str:
    """The name of the file that holds the token ids of one part of all pairs."""
    return f"{part}.tokens"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All pairs as token ids, in the order in which they were written; an answer ends with the end-of-turn token.

    `identity` is a hash of everything that a student could see of it, in order.
    """

    ids: tuple[str, ...]
    sources: tuple[str, ...]
    prompt: Ragged
    ift: Ragged
    reasoning: Ragged
    tokenizer: str
    vocabulary_size: int
    identity: str
    over_length: OverLength = NONE_TOO_LONG


@dataclass(frozen=True, kw_only=True)
class WrittenCorpus:
    """What is known of a corpus once it is written; the means are of whole sequences, but for that of the prompt."""

    identity: str
    pairs: int
    mean_prompt_tokens: float
    mean_ift_tokens: float
    mean_reasoning_tokens: float


class _Identity:
    """Hashes pairs as they pass."""

    def __init__(self, tokenizer: str) -> None:
        self._digest = hashlib.sha256(tokenizer.encode())

    def add(self, row: TokenizedPair) -> None:
        """The next pair."""
        parts = (row.prompt, row.ift, row.reasoning)
        lengths = ",".join(str(len(part)) for part in parts)
        self._digest.update(f"\n{len(row.pair)}:{row.pair}{len(row.source)}:{row.source}\t{lengths}\t".encode())
        for part in parts:
            self._digest.update(token_bytes(part))

    def __str__(self) -> str:
        return self._digest.hexdigest()[:16]


def freeze(rows: Iterable[TokenizedPair], *, tokenizer: str, vocabulary_size: int) -> Corpus:
    """The corpus that tokenized pairs make, in memory."""
    identity = _Identity(tokenizer)
    ids: list[str] = []
    sources: list[str] = []
    parts = {part: RaggedRows() for part in PARTS}
    for row in rows:
        identity.add(row)
        ids.append(row.pair)
        sources.append(row.source)
        for part, kept in parts.items():
            kept.add(getattr(row, part))
    return Corpus(
        ids=tuple(ids),
        sources=tuple(sources),
        prompt=parts["prompt"].ragged(),
        ift=parts["ift"].ragged(),
        reasoning=parts["reasoning"].ragged(),
        tokenizer=tokenizer,
        vocabulary_size=vocabulary_size,
        identity=str(identity),
    )


def write_corpus(rows: Iterable[TokenizedPair], folder: Path, *, tokenizer: str) -> WrittenCorpus:
    """Writes tokenized pairs as they come, holding a few hundred of them.

    Raises:
        StepError: the disk is full, or cannot be written.
    """
    identity = _Identity(tokenizer)
    totals = dict.fromkeys(PARTS, 0)
    pairs = 0
    with ExitStack() as stack:
        try:
            index = stack.enter_context(TableWriter(folder / INDEX_FILE, INDEX_SCHEMA))
            files = {part: stack.enter_context((folder / tokens_file(part)).open("wb")) for part in PARTS}
            for row in rows:
                identity.add(row)
                pairs += 1
                lengths = {part: len(getattr(row, part)) for part in PARTS}
                index.add(
                    {"pair": row.pair, "source": row.source, **{f"{part}_tokens": lengths[part] for part in PARTS}}
                )
                for part, file in files.items():
                    write_row(file, getattr(row, part))
                    totals[part] += lengths[part]
        except OSError as failure:
            reason = failure.strerror or str(failure)
            raise StepError(
                f"the corpus cannot be written: {reason}", hint="free some space; the same command goes on"
            ) from None
    prompt = totals["prompt"] / max(pairs, 1)
    return WrittenCorpus(
        identity=str(identity),
        pairs=pairs,
        mean_prompt_tokens=prompt,
        mean_ift_tokens=prompt + totals["ift"] / max(pairs, 1),
        mean_reasoning_tokens=prompt + totals["reasoning"] / max(pairs, 1),
    )


def open_corpus(
    folder: Path, *, tokenizer: str, vocabulary_size: int, identity: str, over_length: OverLength
) -> Corpus:
    """A corpus that `write_corpus` wrote, its tokens on the disk.

    Raises:
        RunFolderError: a file is missing or damaged.
    """
    ids, sources, lengths = _read_index(folder / INDEX_FILE)
    pa.default_memory_pool().release_unused()  # reading the index took as much again
    parts = {part: map_ragged(folder / tokens_file(part), lengths[part]) for part in PARTS}
    return Corpus(
        ids=ids,
        sources=sources,
        prompt=parts["prompt"],
        ift=parts["ift"],
        reasoning=parts["reasoning"],
        tokenizer=tokenizer,
        vocabulary_size=vocabulary_size,
        identity=identity,
        over_length=over_length,
    )


def _read_index(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Integers]]:
    """Ids, sources (one text object for each source, however many pairs it has) and lengths of all pairs."""
    index = read_columns(path)
    sources = index["source"].combine_chunks().dictionary_encode()
    names = sources.dictionary.to_pylist()
    lengths = {part: index[f"{part}_tokens"].to_numpy().astype(np.int64) for part in PARTS}
    return tuple(index["pair"].to_pylist()), tuple(names[number] for number in sources.indices.to_numpy()), lengths


def measure(corpus: Corpus, *, origin: LengthSource, is_balanced: bool = False) -> CorpusLengths:
    """The lengths of a corpus."""
    names = tuple(sorted(set(corpus.sources)))
    position = {name: index for index, name in enumerate(names)}
    prompt = corpus.prompt.lengths
    return CorpusLengths(
        origin=origin,
        corpus=corpus.identity,
        tokenizer=corpus.tokenizer,
        vocabulary_size=corpus.vocabulary_size,
        sources=names,
        source=np.array([position[source] for source in corpus.sources], dtype=np.int64),
        prompt=prompt,
        ift=prompt + corpus.ift.lengths,
        reasoning=prompt + corpus.reasoning.lengths,
        ids=corpus.ids,
        is_balanced=is_balanced,
        dropped_pairs=corpus.over_length.pairs,
        dropped_ift_share=corpus.over_length.ift_tokens_share,
        dropped_trace_share=corpus.over_length.trace_tokens_share,
    )
