"""Draws the tokens of a batch so that each row depends on its own seed alone. Used by transformers_teacher.py.

`transformers` draws a whole batch from one generator: the same prompt then gets another reply in another batch. Here
each row has its own draws, and a token is found by inverting its row's cumulative distribution. What is left of the
batch are the last bits of its arithmetic, which move a border between two tokens by as little.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from isothink.domain.teacher_settings import Sampling


class RowSampler(LogitsProcessor):  # type: ignore[misc]
    """Leaves one token of each row; `generate` then only has to take the best one."""

    def __init__(self, sampling: Sampling, *, keys: Sequence[str], steps: int, prompt_length: int) -> None:
        """Draws `steps` numbers for each of `keys`, from the sampling's seed (or 0) and the key."""
        self._warpers = _warpers(sampling)
        self._greedy = sampling.temperature == 0
        self._penalty = sampling.presence_penalty or 0.0
        self._prompt_length = prompt_length
        if not self._greedy:
            self._draws = torch.stack([_draws(sampling.seed or 0, key, steps) for key in keys])

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with all but one token of each row ruled out; those of greedy sampling stay as they are."""
        written = input_ids[:, self._prompt_length :]
        scores = scores.float()
        if bool(scores.isnan().any()):
            raise RuntimeError("the model's scores are not numbers")
        if self._penalty:  # as OpenAI defines it: once for every token that the reply holds, the prompt aside
            scores = scores - self._penalty * torch.zeros_like(scores).scatter_(1, written, 1.0)
        if self._greedy:
            return scores
        chosen = invert(self._warpers(input_ids, scores), self._draws[:, written.shape[1]].to(scores.device))
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen[:, None], 0.0)


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


def _draws(seed: int, key: str, steps: int) -> torch.Tensor:
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    numbers = np.random.default_rng(int.from_bytes(digest[:16])).random(steps, dtype=np.float32)
    return torch.from_numpy(1 - numbers)  # from [0, 1) to (0, 1]
