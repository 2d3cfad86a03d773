"""Lets a `transformers` student answer prompts in this process. Looked up by run/."""

from collections.abc import Sequence

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils import logging as transformers_logging

from isothink.backends.batch_writer import BatchWriter
from isothink.backends.faults import first_line, is_out_of_memory
from isothink.backends.packed_weights import pack_weights
from isothink.backends.positions import positions_of, require_positions
from isothink.backends.slot_writer import SlotWriter, keeps_plain_keys
from isothink.backends.writing import Writer, Writing
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask, Receive
from isothink.corpus.protocol import Tokenizer
from isothink.domain.evaluation_settings import LocalAnswers
from isothink.domain.sample import Generation
from isothink.domain.teacher_settings import Sampling
from isothink.errors import StepError

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


class TransformersAnswerer:
    """The benchmark protocol over a folder of weights, which on a GPU are bfloat16.

    A model that keeps plain keys and values answers in rows that are refilled as answers end (slot_writer.py), any
    other one in batches (batch_writer.py). Where memory runs out, fewer answers are written at a time from then on.
    """

    def __init__(self, settings: LocalAnswers, answering: Answering, tokenizer: Tokenizer) -> None:
        """Loads the weights.

        Raises:
            StepError: they cannot be loaded.
        """
        folder = answering.folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        try:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise StepError(f"{folder}: the student cannot be loaded: {first_line(error)}") from error
        # what a model's own file sets (a temperature, a repetition penalty) would be mixed into the study's settings
        model.generation_config = GenerationConfig()
        self.model = model.to(self.device).eval()
        pack_weights(self.model, answering.batch_size)
        self.tokenizer = tokenizer
        kind = SlotWriter if keeps_plain_keys(self.model) else BatchWriter
        self.writer: Writer = kind(self.model, end_ids=tokenizer.end_ids, pad_id=tokenizer.pad_id)
        self._rows = answering.batch_size

    def answer_all(self, asks: Sequence[Ask], settings: AnswerSettings, receive: Receive) -> None:
        """See Answerer."""
        prompts = self.tokenizer.encode_prompts([ask.prompt for ask in asks])
        require_positions(positions_of(self.model.config), prompts, settings.max_new_tokens)
        left = [Writing(key=ask.key, prompt=prompt) for ask, prompt in zip(asks, prompts, strict=True)]
        while left:
            left = self._answer(left, settings, receive)

    def _answer(self, writings: Sequence[Writing], settings: AnswerSettings, receive: Receive) -> list[Writing]:
        """Answers until memory runs out; returns what is left, for half as many rows.

        Raises:
            StepError: one row alone does not fit into memory, or the model fails otherwise.
        """
        left = dict.fromkeys(writings)
        sampling = _sampling(settings)
        writer = self.writer.write(writings, rows=self._rows, cap=settings.max_new_tokens, sampling=sampling)
        while True:
            try:
                writing = next(writer, None)
            except (RuntimeError, MemoryError) as raised:  # OutOfMemoryError is a RuntimeError
                error = raised.with_traceback(None)  # whose frames hold what filled the memory
                break
            if writing is None:
                return []
            del left[writing]
            receive(writing.key, self._generation(writing))
            writing.release()
        if not is_out_of_memory(error):
            raise StepError(f"the student fails: {first_line(error)}") from error
        if self._rows == 1:
            raise StepError(
                f"one answer alone does not fit into the memory of {self.device}: {first_line(error)}",
                hint="less memory is needed with a smaller evaluation.max_new_tokens",
            ) from error
        self._rows = min(self._rows, len(left)) // 2 or 1
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return list(left)

    def _generation(self, writing: Writing) -> Generation:
        output = writing.output
        return Generation(
            text=self.tokenizer.decode(output),
            stop_reason="end" if output and output[-1] in self.tokenizer.end_ids else "length",
            prompt_tokens=len(writing.prompt),
            output_tokens=len(output),
            trace_tokens=self.tokenizer.trace_tokens(output),
            seconds=writing.seconds,
        )


def _sampling(settings: AnswerSettings) -> Sampling:
    """The teacher's settings of the same names, which know greedy as temperature 0."""
    if settings.sampling == "greedy":
        return Sampling(temperature=0, seed=settings.seed)
    return Sampling(**settings.sampling.model_dump(), seed=settings.seed)
