"""Lets a student answer prompts with vLLM in this process, on a GPU. Looked up by run/; vLLM is imported on use."""

import hashlib
import os
import time
from collections.abc import Sequence
from typing import Any

from transformers import AutoConfig

from isothink.backends.faults import first_line
from isothink.backends.positions import positions_of, require_positions
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask, Receive
from isothink.corpus.protocol import Tokenizer
from isothink.domain.evaluation_settings import VllmAnswers
from isothink.domain.sample import Generation
from isothink.errors import StepError

BATCHES_AT_ONCE = 4
"""How many times `evaluation.batch_size` prompts vLLM is given at once: a kill loses them, and the fewer they are, the
more often its rows run empty."""


class VllmAnswerer:
    """The benchmark protocol over vLLM's offline engine. Prompts and answers are token ids: vLLM needs no tokenizer."""

    def __init__(self, settings: VllmAnswers, answering: Answering, tokenizer: Tokenizer) -> None:
        """Starts the engine, which takes its share of the GPU's memory until this object is gone.

        Raises:
            ModuleNotFoundError: vLLM is not installed.
            StepError: it does not start with this student.
        """
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # it reports what runs where unless told otherwise
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        from vllm import LLM

        self._tokenizer = tokenizer
        self._at_once = BATCHES_AT_ONCE * answering.batch_size
        try:
            self._positions = positions_of(AutoConfig.from_pretrained(answering.folder))
            self._engine = LLM(
                model=str(answering.folder),
                skip_tokenizer_init=True,
                generation_config="vllm",  # none of the student's folder: a temperature there is not the study's
                dtype=settings.precision,
                gpu_memory_utilization=settings.gpu_memory_utilization,
                tensor_parallel_size=settings.tensor_parallel_size,
                max_num_seqs=answering.batch_size,
                seed=0,
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise StepError(
                f"{answering.folder}: vLLM does not start with this student: {first_line(error)}"
            ) from error

    def answer_all(self, asks: Sequence[Ask], settings: AnswerSettings, receive: Receive) -> None:
        """See Answerer."""
        prompts = self._tokenizer.encode_prompts([ask.prompt for ask in asks])
        require_positions(self._positions, prompts, settings.max_new_tokens)
        order = sorted(range(len(asks)), key=lambda number: len(prompts[number]))
        for start in range(0, len(order), self._at_once):
            chunk = order[start : start + self._at_once]
            started = time.perf_counter()
            try:
                replies = self._engine.generate(
                    [{"prompt_token_ids": prompts[number]} for number in chunk],
                    [self._parameters(settings, asks[number].key) for number in chunk],
                    use_tqdm=False,
                )
            except (RuntimeError, ValueError) as error:
                raise StepError(f"vLLM fails: {first_line(error)}") from error
            seconds = time.perf_counter() - started
            for number, reply in zip(chunk, replies, strict=True):
                receive(asks[number].key, self._generation(len(prompts[number]), reply.outputs[0], seconds))

    def _parameters(self, settings: AnswerSettings, key: str) -> Any:
        from vllm import SamplingParams

        how: dict[str, Any] = {"temperature": 0.0}
        if settings.sampling != "greedy":
            drawn = settings.sampling
            how = {"temperature": drawn.temperature, "top_p": drawn.top_p, "seed": _seed(settings.seed, key)}
            how |= {
                name: value for name, value in (("top_k", drawn.top_k), ("min_p", drawn.min_p)) if value is not None
            }
        return SamplingParams(
            max_tokens=settings.max_new_tokens,
            # nothing but these ends an answer: neither what the folder calls end of sequence, nor stop strings
            stop_token_ids=list(self._tokenizer.end_ids),
            ignore_eos=True,
            detokenize=False,
            skip_special_tokens=False,
            **how,
        )

    def _generation(self, prompt_tokens: int, output: Any, seconds: float) -> Generation:
        ids = [int(index) for index in output.token_ids]
        if output.finish_reason not in ("stop", "length"):
            raise StepError(f"vLLM ended an answer for a reason that is not known here: {output.finish_reason}")
        ended = output.finish_reason == "stop"
        if ended and (not ids or ids[-1] not in self._tokenizer.end_ids):  # a version that leaves the end token out
            ids.append(output.stop_reason if isinstance(output.stop_reason, int) else self._tokenizer.end_id)
        return Generation(
            text=self._tokenizer.decode(ids),
            stop_reason="end" if ended else "length",
            prompt_tokens=prompt_tokens,
            output_tokens=len(ids),
            trace_tokens=self._tokenizer.trace_tokens(ids),
            seconds=seconds,
        )


def _seed(seed: int, key: str) -> int:
    """What vLLM seeds one request's generator with: 63 bits."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8]) >> 1
