"""The lengths of a corpus: all that planning knows of it. Declared, of a pilot, or measured once it is frozen."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from isothink.domain.arm import Format

Integers = npt.NDArray[np.int64]
LengthSource = Literal["declared", "pilot", "measured"]


@dataclass(frozen=True, kw_only=True)
class CorpusLengths:
    """What planning knows of a corpus; arrays have one entry per pair.

    `prompt` counts the tokens before the answer, `ift` and `reasoning` those of prompt plus answer.
    `origin` says whether the corpus is frozen (`measured`) or was made to look at.
    """

    origin: LengthSource
    corpus: str
    tokenizer: str
    vocabulary_size: int
    sources: tuple[str, ...]
    source: Integers
    prompt: Integers
    ift: Integers
    reasoning: Integers
    ids: tuple[str, ...]

    @property
    def unique_prompts(self) -> int:
        """How many different prompts there are."""
        return len(self.ids)

    def of(self, format_name: Format) -> Integers:
        """Sequence lengths in one format."""
        return self.ift if format_name == "ift" else self.reasoning
