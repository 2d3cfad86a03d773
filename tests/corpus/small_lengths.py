"""Small corpora as lengths, for tests of orders and streams."""

import numpy as np

from isothink.corpus.lengths import CorpusLengths


def lengths_of(counts, *, prompt=5, ift=3, reasoning=20, spread=0, seed=0, prefix="p", is_balanced=False):
    """Sources a, b, ... with that many pairs each; answers of about those lengths, `spread` tokens more or less."""
    generator = np.random.Generator(np.random.PCG64(seed))
    source = np.repeat(np.arange(len(counts)), counts)

    def around(mean):
        return np.maximum(1, mean + generator.integers(-spread, spread + 1, size=len(source)))

    prompts = around(prompt)
    return CorpusLengths(
        origin="measured",
        corpus="corpus",
        tokenizer="tokenizer",
        vocabulary_size=11,
        sources=tuple("abcdefgh"[: len(counts)]),
        source=source,
        prompt=prompts,
        ift=prompts + around(ift),
        reasoning=prompts + around(reasoning),
        ids=tuple(f"{prefix}{index}" for index in range(len(source))),
        is_balanced=is_balanced,
    )
