"""Writes answers batch by batch with `generate`, for models that slot_writer.py cannot serve.

Used by transformers_answerer.py for students with sliding windows, recurrent states or caches of their own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList

from isothink.backends.row_sampler import RowSampler
from isothink.backends.writing import Writing
from isothink.domain.teacher_settings import Sampling


class BatchWriter:
    """A Writer for any model. Prompts of like length share a batch, so that little is padded."""

    def __init__(self, model: Any, *, end_ids: Sequence[int], pad_id: int) -> None:
        self._model = model
        self._end_ids = end_ids
        self._pad_id = pad_id

    def write(self, writings: Sequence[Writing], *, rows: int, cap: int, sampling: Sampling) -> Iterator[Writing]:
        """See Writer."""
        ordered = sorted(writings, key=lambda writing: -writing.length)  # longest first, as slot_writer.py has it
        for start in range(0, len(ordered), rows):
            batch = ordered[start : start + rows]
            for writing in batch:
                writing.begin()
            for writing, output in zip(batch, self._generate(batch, cap, sampling), strict=True):
                writing.output = output
                yield writing

    def _generate(self, batch: Sequence[Writing], cap: int, sampling: Sampling) -> list[list[int]]:
        longest = max(len(writing.prompt) for writing in batch)
        ids = torch.full((len(batch), longest), self._pad_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, writing in enumerate(batch):
            ids[row, longest - len(writing.prompt) :] = torch.tensor(writing.prompt)
            mask[row, longest - len(writing.prompt) :] = 1
        sampler = RowSampler(sampling, keys=[writing.key for writing in batch], steps=cap, prompt_length=longest)
        settings = GenerationConfig(
            max_new_tokens=cap,
            do_sample=False,
            use_cache=True,
            eos_token_id=list(self._end_ids),
            pad_token_id=self._pad_id,
        )
        device = self._model.device
        with torch.inference_mode():
            output = self._model.generate(
                ids.to(device),
                attention_mask=mask.to(device),
                logits_processor=LogitsProcessorList([sampler]),
                generation_config=settings,
            )
        rows: list[list[int]] = output[:, longest:].tolist()
        return [self._until_end(row) for row in rows]

    def _until_end(self, row: list[int]) -> list[int]:
        """What was emitted: up to the first end token, which counts; what `generate` pads after it does not."""
        for position, index in enumerate(row):
            if index in self._end_ids:
                return row[: position + 1]
        return row
