"""Lets `generate` draw the tokens of a batch so that each row depends on its own seed alone.

Used by local_model.py and batch_writer.py; how a token is found is in token_chooser.py.
"""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

from isothink.backends.token_chooser import TokenChooser
from isothink.domain.teacher_settings import Sampling


class RowSampler(LogitsProcessor):  # type: ignore[misc]
    """Leaves one token of each row; `generate` then only has to take the best one."""

    def __init__(self, sampling: Sampling, *, keys: Sequence[str], steps: int, prompt_length: int) -> None:
        """Draws `steps` numbers for each of `keys`, from the sampling's seed (or 0) and the key."""
        self._chooser = TokenChooser(sampling)
        self._penalty = sampling.presence_penalty or 0.0
        self._prompt_length = prompt_length
        draws = [self._chooser.draws(key, steps) for key in keys]
        self._draws = torch.stack([row for row in draws if row is not None]) if not self._chooser.is_greedy else None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with all but one token of each row ruled out."""
        written = input_ids[:, self._prompt_length :]
        scores = scores.float()
        if self._penalty:  # as OpenAI defines it: once for every token that the reply holds, the prompt aside
            scores = scores - self._penalty * torch.zeros_like(scores).scatter_(1, written, 1.0)
        draws = None if self._draws is None else self._draws[:, written.shape[1]]
        chosen = self._chooser.choose(scores, draws)
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen[:, None], 0.0)
