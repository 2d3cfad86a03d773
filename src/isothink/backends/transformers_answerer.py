"""Lets a `transformers` student answer prompts: greedy, batched, with a KV cache. Looked up by run/."""

import time
from collections.abc import Sequence

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils import logging as transformers_logging

from isothink.benchmark.protocol import Answering, AnswerSettings, Ask, Receive
from isothink.corpus.protocol import Tokenizer
from isothink.domain.evaluation_settings import LocalAnswers
from isothink.domain.sample import Generation
from isothink.errors import StepError, UsageError

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


class TransformersAnswerer:
    """The benchmark protocol over a folder of weights.

    Prompts of like length share a batch, so that little is padded; batches are cut from the sorted prompts alone. On a
    GPU the weights are bfloat16.
    """

    def __init__(self, settings: LocalAnswers, answering: Answering, tokenizer: Tokenizer) -> None:
        folder = answering.folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        try:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            problem = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise StepError(f"{folder}: the student cannot be loaded: {problem}") from error
        # what a model's own file sets (a temperature, a repetition penalty) would be mixed into the study's settings
        model.generation_config = GenerationConfig()
        self.model = model.to(self.device).eval()
        self.tokenizer = tokenizer
        self.batch_size = answering.batch_size

    @property
    def positions(self) -> int | None:
        """How many tokens a prompt and its answer may have together, where the model says so."""
        most = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return most if isinstance(most, int) and most > 0 else None

    def answer_all(self, asks: Sequence[Ask], settings: AnswerSettings, receive: Receive) -> None:
        """See Answerer."""
        encoded = self.tokenizer.encode_prompts([ask.prompt for ask in asks])
        self._require_positions(encoded, settings.max_new_tokens)
        order = sorted(range(len(encoded)), key=lambda index: (len(encoded[index]), index))
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            started = time.perf_counter()
            outputs = self._generate([encoded[index] for index in batch], settings.max_new_tokens)
            seconds = time.perf_counter() - started
            for index, output in zip(batch, outputs, strict=True):
                receive(asks[index].key, self._answer(len(encoded[index]), output, seconds))

    def _require_positions(self, prompts: list[list[int]], max_new_tokens: int) -> None:
        longest = max(map(len, prompts), default=0)
        if self.positions is not None and longest + max_new_tokens > self.positions:
            raise UsageError(
                f"evaluation.max_new_tokens: found {max_new_tokens}, allowed are numbers up to"
                f" {max(0, self.positions - longest)}: the student has {self.positions} positions and the longest"
                f" prompt takes {longest}"
            )

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
            eos_token_id=list(self.tokenizer.end_ids),
            pad_token_id=self.tokenizer.pad_id,
        )
        with torch.inference_mode():
            output = self.model.generate(
                ids.to(self.device), attention_mask=mask.to(self.device), generation_config=settings
            )
        rows: list[list[int]] = output[:, longest:].tolist()
        return [until_end(row, self.tokenizer.end_ids) for row in rows]

    def _answer(self, prompt_tokens: int, output: list[int], seconds: float) -> Generation:
        return Generation(
            text=self.tokenizer.decode(output),
            stop_reason="end" if output and output[-1] in self.tokenizer.end_ids else "length",
            prompt_tokens=prompt_tokens,
            output_tokens=len(output),
            trace_tokens=self.tokenizer.trace_tokens(output),
            seconds=seconds,
        )


def until_end(row: list[int], end_ids: Sequence[int]) -> list[int]:
    """What was emitted: up to the first end token, which counts; what `generate` pads after it does not."""
    for position, index in enumerate(row):
        if index in end_ids:
            return row[: position + 1]
    return row
