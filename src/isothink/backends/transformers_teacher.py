"""A small model as teacher in this process, without a server. Looked up by run/ under the name `transformers`.

Questions that draw in the same way are answered in batches. With sampling, the same questions in the same order and
batches give the same texts; what resumes after an interruption is batched anew, and draws anew.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import logging as transformers_logging

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.domain.reply import Failure, Reply
from isothink.domain.teacher_settings import Sampling, TransformersTeacher, mode_sampling
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import ArchitectureError, UsageError
from isothink.teacher.protocol import Question, Receive

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


class LocalTeacher:
    """The teacher protocol over a folder of weights, or a model of the Hub."""

    is_free = False

    def __init__(self, settings: TransformersTeacher) -> None:
        """Loads the model.

        Raises:
            UsageError: there is no such model, tokenizer or template, or the model has no chat template.
        """
        if settings.sampling.presence_penalty is not None:
            raise UsageError("teacher.sampling.presence_penalty: found a value, which backend transformers cannot do")
        self.name = settings.model
        self._settings = settings
        self._device = torch.device(_device(settings.device))
        self._tokenizer = _load_tokenizer(settings)
        self._model = _load_model(settings).to(self._device).eval()
        self._ends = _end_tokens(self._model, self._tokenizer)
        self._pad = self._tokenizer.pad_token_id if self._tokenizer.pad_token_id is not None else min(self._ends)
        # what the model's own file says about sampling is not what the study says
        self._model.generation_config = GenerationConfig(eos_token_id=sorted(self._ends), pad_token_id=self._pad)
        kept = {self._tokenizer.convert_tokens_to_ids(tag) for tag in (THINK_OPEN, THINK_CLOSE)}
        self._hidden = (set(self._tokenizer.all_special_ids) | self._ends | {self._pad}) - kept

    @property
    def architecture(self) -> Architecture | None:
        """See Teacher; None where the formulas do not cover the model."""
        try:
            return architecture_from_config(self._model.config.to_dict(), self.name)
        except ArchitectureError:
            return None

    def render(self, question: Question) -> JsonValue:
        """See Teacher: the rendered prompt, and how tokens are drawn."""
        sampling = mode_sampling(self._settings, question.mode).model_dump(mode="json", exclude_none=True)
        return {"text": self._prompt(question), **sampling, "max_tokens": self._most_tokens(question)}

    def answer_all(self, questions: Iterable[Question], receive: Receive) -> None:
        """See Teacher."""
        waiting: dict[tuple[Sampling, int], list[Question]] = defaultdict(list)
        for question in questions:
            key = (mode_sampling(self._settings, question.mode), self._most_tokens(question))
            waiting[key].append(question)
            if len(waiting[key]) == self._settings.batch_size:
                self._answer(waiting.pop(key), *key, receive)
        for (sampling, most_tokens), batch in waiting.items():
            self._answer(batch, sampling, most_tokens, receive)

    def _answer(self, batch: list[Question], sampling: Sampling, most_tokens: int, receive: Receive) -> None:
        """Answers a batch; one that does not fit into the memory is halved, and a question that fails alone failed."""
        try:
            replies = self._generate(batch, sampling, most_tokens)
        except (RuntimeError, MemoryError, ValueError, IndexError) as error:  # torch raises RuntimeError for memory too
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if len(batch) == 1:
                receive(batch[0], Failure(error=f"{type(error).__name__}: {_first_line(error)}", attempts=1))
                return
            middle = len(batch) // 2
            self._answer(batch[:middle], sampling, most_tokens, receive)
            self._answer(batch[middle:], sampling, most_tokens, receive)
            return
        for question, reply in zip(batch, replies, strict=True):
            receive(question, reply)

    def _generate(self, batch: Sequence[Question], sampling: Sampling, most_tokens: int) -> list[Reply]:
        started = time.perf_counter()
        prompts = [self._prompt(question) for question in batch]
        encoded = [self._tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
        longest = max(len(ids) for ids in encoded)
        ids = torch.full((len(batch), longest), self._pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(encoded):
            ids[row, longest - len(tokens) :] = torch.tensor(tokens)
            mask[row, longest - len(tokens) :] = 1
        torch.manual_seed(_seed(sampling.seed or 0, batch))
        with torch.inference_mode():
            output = self._model.generate(
                ids.to(self._device),
                attention_mask=mask.to(self._device),
                generation_config=self._drawing(sampling, most_tokens),
            )
        seconds = time.perf_counter() - started
        rows = output[:, longest:].tolist()
        return [
            self._reply(prompt, len(tokens), _until_end(row, self._ends), most_tokens, seconds)
            for prompt, tokens, row in zip(prompts, encoded, rows, strict=True)
        ]

    def _drawing(self, sampling: Sampling, most_tokens: int) -> GenerationConfig:
        common = {
            "max_new_tokens": most_tokens,
            "use_cache": True,
            "eos_token_id": sorted(self._ends),
            "pad_token_id": self._pad,
        }
        if sampling.temperature == 0:
            return GenerationConfig(do_sample=False, **common)
        return GenerationConfig(
            do_sample=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or 0,  # the library's default is 50
            min_p=sampling.min_p,
            **common,
        )

    def _reply(self, prompt: str, prompt_tokens: int, output: list[int], most_tokens: int, seconds: float) -> Reply:
        ended = bool(output) and output[-1] in self._ends
        content = self._tokenizer.decode([token for token in output if token not in self._hidden])
        if prompt.rstrip().endswith(
            THINK_OPEN
        ):  # the opener came with the prompt: what follows is a trace all the same
            content = f"{THINK_OPEN}\n{content}"
        return Reply(
            message=self._tokenizer.decode(output),
            content=content,
            finish="end" if ended else "length",
            finish_reason="end" if ended else "length",
            model=self.name,
            prompt_tokens=prompt_tokens,
            output_tokens=len(output),
            max_tokens=most_tokens,
            latency_seconds=seconds,
        )

    def _prompt(self, question: Question) -> str:
        mode = self._settings.off if question.mode == "off" else self._settings.on
        messages = [{"role": "user", "content": question.prompt + mode.prompt_suffix}]
        if mode.system is not None:
            messages.insert(0, {"role": "system", "content": mode.system})
        variables: Any = mode.request.get("chat_template_kwargs") or {}
        rendered: str = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, **variables
        )
        return rendered

    def _most_tokens(self, question: Question) -> int:
        return question.max_tokens or mode_sampling(self._settings, question.mode).max_tokens


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def _source(settings: TransformersTeacher) -> dict[str, Any]:
    """Where the model is read from, for `from_pretrained`; code of the repository is never run."""
    options: dict[str, Any] = {"trust_remote_code": False}
    if settings.revision is not None:
        options["revision"] = settings.revision
    if settings.gguf_file is not None:
        options["gguf_file"] = settings.gguf_file
    return options


def _load_tokenizer(settings: TransformersTeacher) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.model, **_source(settings))
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise _cannot_load(settings, "tokenizer", error) from None
    if settings.chat_template is not None:
        try:
            tokenizer.chat_template = Path(settings.chat_template).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UsageError(f"teacher.chat_template: {settings.chat_template} cannot be read: {error}") from None
    if not tokenizer.chat_template:
        raise UsageError(
            f"teacher.model: found {settings.model}, which has no chat template",
            hint="teacher.chat_template names a Jinja file",
        )
    return tokenizer


def _load_model(settings: TransformersTeacher) -> Any:
    options = {**_source(settings), "dtype": getattr(torch, settings.precision)}
    try:
        if settings.gguf_file is not None:
            from transformers import GgufConfig

            return AutoModelForCausalLM.from_pretrained(
                settings.model, quantization_config=GgufConfig(dequantize=True), **options
            )
        AutoConfig.from_pretrained(settings.model, **_source(settings))
        return AutoModelForCausalLM.from_pretrained(settings.model, use_safetensors=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise _cannot_load(settings, "model", error) from None


def _cannot_load(settings: TransformersTeacher, what: str, error: Exception) -> UsageError:
    return UsageError(
        f"teacher.model: the {what} of {settings.model} cannot be loaded: {_first_line(error)}",
        hint="allowed is a folder with safetensors (or a gguf_file), or a Hub id that can be reached",
    )


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Every token that ends an answer: what the model's file names, and the tokenizer's own."""
    named = model.generation_config.eos_token_id if model.generation_config is not None else None
    ends = set(named if isinstance(named, list) else [named]) | {tokenizer.eos_token_id}
    ends.discard(None)
    if not ends:
        raise UsageError(f"teacher.model: found {tokenizer.name_or_path}, which has no end token")
    return ends


def _until_end(row: list[int], ends: set[int]) -> list[int]:
    """What was emitted: up to the first end token, which counts; what `generate` pads after it does not."""
    for position, token in enumerate(row):
        if token in ends:
            return row[: position + 1]
    return row


def _seed(seed: int, batch: Sequence[Question]) -> int:
    """A seed that differs between batches and is the same whenever the same batch is asked."""
    text = "\0".join([str(seed), *(question.key for question in batch)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]
