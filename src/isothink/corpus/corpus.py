"""The frozen corpus: every pair's token ids in a fixed order, and the lengths that planning prices."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isothink.corpus.lengths import CorpusLengths, LengthSource
from isothink.corpus.ragged import Ragged, ragged
from isothink.corpus.rendering import TokenizedPair


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All pairs as token ids, in the order in which they were written; an answer ends with the end-of-turn token."""

    ids: tuple[str, ...]
    sources: tuple[str, ...]
    prompt: Ragged
    ift: Ragged
    reasoning: Ragged
    tokenizer: str
    vocabulary_size: int

    @property
    def identity(self) -> str:
        """A hash of everything that a student could see of it, in order."""
        digest = hashlib.sha256(self.tokenizer.encode())
        for pair, source in zip(self.ids, self.sources, strict=True):
            digest.update(f"\n{pair}\t{source}".encode())
        for part in (self.prompt, self.ift, self.reasoning):
            digest.update(part.offsets.astype("<i8").tobytes() + part.values.astype("<i4").tobytes())
        return digest.hexdigest()[:16]


def freeze(rows: Sequence[TokenizedPair], *, tokenizer: str, vocabulary_size: int) -> Corpus:
    """The corpus that tokenized pairs make."""
    return Corpus(
        ids=tuple(row.pair for row in rows),
        sources=tuple(row.source for row in rows),
        prompt=ragged([row.prompt for row in rows]),
        ift=ragged([row.ift for row in rows]),
        reasoning=ragged([row.reasoning for row in rows]),
        tokenizer=tokenizer,
        vocabulary_size=vocabulary_size,
    )


def measure(corpus: Corpus, *, origin: LengthSource) -> CorpusLengths:
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
    )
