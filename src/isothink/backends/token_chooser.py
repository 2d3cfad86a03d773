"""Chooses the next token of every row of a batch. Used by slot_writer.py and row_sampler.py.

`transformers` draws a whole batch from one generator: the same prompt then gets another reply in another batch. Here
each row has its own draws, and a token is found by inverting its row's cumulative distribution. What is left of the
batch are the last bits of its arithmetic, which move a border between two tokens by as little.
"""

import hashlib

import numpy as np
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from isothink.domain.teacher_settings import Sampling


class TokenChooser:
    """One sampling setting. Rows may be at different steps: each brings the number that draws its next token."""

    def __init__(self, sampling: Sampling) -> None:
        self.is_greedy = sampling.temperature == 0
        self._seed = sampling.seed or 0
        self._warpers = _warpers(sampling)

    def draws(self, key: str, steps: int) -> torch.Tensor | None:
        """The numbers in (0, 1] that the first `steps` tokens of an answer are drawn with; None where nothing is drawn.

        They follow from the seed (0 if there is none) and the key alone.
        """
        if self.is_greedy:
            return None
        digest = hashlib.sha256(f"{self._seed}\0{key}".encode()).digest()
        numbers = np.random.default_rng(int.from_bytes(digest[:16])).random(steps, dtype=np.float32)
        return torch.from_numpy(1 - numbers)  # from [0, 1) to (0, 1]

    def choose(self, scores: torch.Tensor, draws: torch.Tensor | None) -> torch.Tensor:
        """The token of each row: the one that its draw finds, or without draws the best one.

        Raises:
            RuntimeError: a score is not a number.
        """
        best = scores.max(dim=-1)  # not a number where any of the row is not
        if bool(best.values.isnan().any()):
            raise RuntimeError("the model's scores are not numbers")
        if draws is None:
            return best.indices
        # the first argument of a warper is what was written, which none of these reads
        return invert(self._warpers(torch.empty(0), scores.float()), draws.to(scores.device))


def invert(scores: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """The token of each row at which its cumulative distribution reaches the row's draw, a number in (0, 1].

    A token without probability is never found: the sum before it is as large as the one at it.
    """
    exact = torch.float32 if scores.device.type == "mps" else torch.float64  # which that device does not have
    sums = scores.softmax(dim=-1).cumsum(dim=-1, dtype=exact)
    return torch.searchsorted(sums, draws.to(exact)[:, None] * sums[:, -1:])[:, 0]


def _warpers(sampling: Sampling) -> LogitsProcessorList:
    """What narrows the distribution, in the order of `transformers`."""
    warpers = LogitsProcessorList()
    if sampling.temperature not in (0, 1):
        warpers.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k is not None:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        warpers.append(MinPLogitsWarper(sampling.min_p))
    return warpers
