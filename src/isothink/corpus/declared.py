"""Lengths of a corpus that nobody has made yet, as a study declares them. Called by run/ for a plan before any pair.

The lengths of answers are log-normal, as those of texts about are; drawn from raw PCG64 output by the Box-Muller
transform, so that the same study gives the same plan.
"""

import math
from typing import Literal

import numpy as np

from isothink.corpus.lengths import CorpusLengths, Integers
from isothink.domain.budget_settings import DeclaredLengths, DeclaredSource
from isothink.errors import StudyError

DECLARED = "declared"
"""Stands for the identities of corpus, tokenizer and items, which do not exist."""

_DRAWS = {"ift": 1, "reasoning": 2}
_DRAWS_TAG = 3
_MANTISSA_BITS = 53


def declared_lengths(settings: DeclaredLengths, *, vocabulary_size: int, max_tokens: int | None) -> CorpusLengths:
    """The lengths that a study declares; pairs with a sequence of more than `max_tokens` are dropped and counted.

    What a dropped trace held is not declared apart from its answer: its share is that of whole reasoning answers.

    Raises:
        StudyError: no pair is left.
    """
    names = sorted(settings.sources)
    sources = [settings.sources[name] for name in names]
    counts = [source.prompts for source in sources]
    source = np.repeat(np.arange(len(names)), counts)
    prompt = np.repeat([one.prompt_tokens for one in sources], counts)
    plain = _answers(sources, "ift")
    thought = _answers(sources, "reasoning")
    fits = np.ones(len(source), dtype=bool)
    if max_tokens is not None:
        fits = prompt + np.maximum(plain, thought) <= max_tokens
        present = np.bincount(source[fits], minlength=len(names))
        for name, left in zip(names, present.tolist(), strict=True):
            if not left:
                raise StudyError(
                    f"lengths.sources.{name}: found no pair of at most {max_tokens} tokens, every source needs one",
                    hint="training.max_tokens, or the positions that the students have, are the limit",
                )
    kept = int(np.count_nonzero(fits))
    return CorpusLengths(
        origin="declared",
        corpus=DECLARED,
        tokenizer=DECLARED,
        vocabulary_size=vocabulary_size,
        sources=tuple(names),
        source=source[fits],
        prompt=prompt[fits],
        ift=(prompt + plain)[fits],
        reasoning=(prompt + thought)[fits],
        ids=("",) * kept,  # as many as there are pairs; nobody has named them
        dropped_pairs=len(fits) - kept,
        dropped_ift_share=float(plain[~fits].sum() / plain.sum()),
        dropped_trace_share=float(thought[~fits].sum() / thought.sum()),
    )


def _answers(sources: list[DeclaredSource], name: Literal["ift", "reasoning"]) -> Integers:
    """Tokens of every answer in one format, the end token included."""
    parts = []
    for index, source in enumerate(sources):
        mean = source.ift_tokens if name == "ift" else source.reasoning_tokens
        if source.variation == 0:
            parts.append(np.full(source.prompts, mean, dtype=np.int64))
        else:
            normal = _normal(source.prompts, [_DRAWS_TAG, _DRAWS[name], index])
            parts.append(_spread(mean, source.variation, normal))
    return np.concatenate(parts)


def _spread(mean: int, variation: float, normal: np.ndarray) -> Integers:
    """Log-normal lengths of this mean: whole tokens, none below 1, their sum kept by carrying the rounding along."""
    drawn = np.exp(math.sqrt(math.log1p(variation**2)) * normal)
    ends = np.cumsum(drawn * (mean * len(drawn) / drawn.sum()))
    lengths: Integers = np.diff(np.rint(ends), prepend=0.0).astype(np.int64)
    return np.maximum(lengths, 1)


def _normal(count: int, seed: list[int]) -> np.ndarray:
    """Standard normal draws."""
    half = -(-count // 2)
    raw = np.asarray(np.random.PCG64(np.random.SeedSequence(seed)).random_raw(2 * half), dtype=np.uint64)
    uniform = ((raw >> np.uint64(64 - _MANTISSA_BITS)) + 0.5) * 2.0**-_MANTISSA_BITS
    radius, angle = np.sqrt(-2.0 * np.log(uniform[:half])), 2.0 * math.pi * uniform[half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
