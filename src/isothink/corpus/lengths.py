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
    `origin` says whether the corpus is frozen (`measured`), was made to look at, or is no more than declared.
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
    is_balanced: bool = False
    """Whether the prompt order reads every source equally often, whatever its size, as procedural tasks are read; else
    in proportion to its size, so that an epoch holds every pair once."""
    dropped_pairs: int = 0
    """How many pairs are not here because a sequence of theirs was too long."""
    dropped_ift_share: float = 0.0
    """The share of all IFT answer tokens that went with them."""
    dropped_trace_share: float = 0.0
    """The share of all trace tokens that went with them."""

    @property
    def unique_prompts(self) -> int:
        """How many different prompts there are."""
        return len(self.ids)

    def of(self, format_name: Format) -> Integers:
        """Sequence lengths in one format."""
        return self.ift if format_name == "ift" else self.reasoning
