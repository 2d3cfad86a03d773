"""Lets a `transformers` student answer prompts: greedy, batched, with a KV cache. Looked up by run/."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils import logging as transformers_logging

from isothink.benchmark.protocol import ignore
from isothink.corpus.protocol import Tokenizer
from isothink.domain.sample import Generation

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


class TransformersAnswerer:
    """The benchmark protocol over a folder of weights.

    Prompts of like length share a batch, so that little is padded; batches are cut from the sorted prompts alone.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer, *, batch_size: int) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
        self.model = model.to(self.device).eval()
        self.tokenizer = tokenizer
        self.batch_size = batch_size

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int, on_batch: Callable[[Sequence[Generation]], None] = ignore
    ) -> list[Generation]:
        """See the benchmark protocol."""
        encoded = self.tokenizer.encode_prompts(prompts)
        order = sorted(range(len(encoded)), key=lambda index: (len(encoded[index]), index))
        answers: dict[int, Generation] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            outputs = self._generate([encoded[index] for index in batch], max_new_tokens)
            for index, output in zip(batch, outputs, strict=True):
                answers[index] = self._answer(len(encoded[index]), output)
            on_batch([answers[index] for index in batch])
        return [answers[index] for index in range(len(encoded))]

    def _generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.full((len(prompts), longest), self.tokenizer.pad_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        settings = GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=self.tokenizer.end_id,
            pad_token_id=self.tokenizer.pad_id,
        )
        with torch.inference_mode():
            output = self.model.generate(
                ids.to(self.device), attention_mask=mask.to(self.device), generation_config=settings
            )
        rows: list[list[int]] = output[:, longest:].tolist()
        return [_until_end(row, self.tokenizer.end_id) for row in rows]

    def _answer(self, prompt_tokens: int, output: list[int]) -> Generation:
        return Generation(
            text=self.tokenizer.decode(output),
            stop_reason="end" if output and output[-1] == self.tokenizer.end_id else "length",
            prompt_tokens=prompt_tokens,
            output_tokens=len(output),
            trace_tokens=self.tokenizer.trace_tokens(output),
        )


def _until_end(row: list[int], end_id: int) -> list[int]:
    """What was emitted: up to the end token, which counts; what `generate` pads after it does not."""
    return row[: row.index(end_id) + 1] if end_id in row else row
