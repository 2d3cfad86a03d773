"""A chat model of `transformers` in this process: tokenizer, template and weights. Used by transformers_teacher.py.

Weights are safetensors or a GGUF file, a folder's or the Hub's; code that comes with a model is never run.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from isothink.backends.faults import first_line
from isothink.backends.row_sampler import RowSampler
from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.domain.teacher_settings import Sampling, TransformersTeacher
from isothink.errors import ArchitectureError, MissingDependencyError, UsageError

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

_TEMPLATE_VARIABLES = frozenset({"tools", "documents"})
"""Parameters of `apply_chat_template` that are variables of the template; its others are not, and set elsewhere."""
RENDERING = frozenset(inspect.signature(PreTrainedTokenizerBase.apply_chat_template).parameters) - _TEMPLATE_VARIABLES


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What a model wrote after one prompt: token ids with the end token, and whether it is there."""

    ids: list[int]
    ended: bool


class LocalModel:
    """The tokenizer and the configuration are read at once, the weights when they are first needed."""

    def __init__(self, settings: TransformersTeacher) -> None:
        """Reads everything but the weights.

        Raises:
            UsageError: there is no such model, it has no chat template, or there is no such device.
        """
        self._settings = settings
        self._source = _source(settings)
        self.device = _device(settings.device)
        self.name = _name(settings)
        self._end_ids: list[int] = []  # known once the weights are
        with _loading(settings):
            self._config = AutoConfig.from_pretrained(settings.model, **self._source)
            self.tokenizer = AutoTokenizer.from_pretrained(settings.model, **self._source)
        if settings.chat_template is not None:
            self.tokenizer.chat_template = _template(settings.chat_template)
        if not self.tokenizer.chat_template:
            raise UsageError(
                f'teacher.model: found "{settings.model}", which has no chat template',
                hint="name a Jinja file in teacher.chat_template, or a model that was tuned to chat",
            )

    @cached_property
    def architecture(self) -> Architecture | None:
        """The model's shape, where the formulas cover it."""
        try:
            return architecture_from_config(self._config.to_dict(), name=self.name)
        except ArchitectureError:
            return None

    @property
    def positions(self) -> int | None:
        """How many tokens a prompt and its reply may have together, where the model says so."""
        most = getattr(self._config.get_text_config(), "max_position_embeddings", None)
        return most if isinstance(most, int) and most > 0 else None

    @cached_property
    def weights(self) -> Any:
        """The model itself, with no sampling settings but those that it is called with."""
        settings = self._settings
        dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[settings.precision]
        extra: dict[str, Any] = {"use_safetensors": True}  # a pickle would run what it likes
        if settings.gguf_file is not None:
            from transformers import GgufConfig

            extra = {"quantization_config": GgufConfig(dequantize=True)}
        with _loading(settings):
            model = AutoModelForCausalLM.from_pretrained(settings.model, dtype=dtype, **self._source, **extra)
            model = model.to(self.device).eval()
        self._end_ids = _end_ids(model.generation_config, self.tokenizer)
        # what a model's own file sets (a repetition penalty, a temperature) would be mixed into the study's settings
        model.generation_config = GenerationConfig()
        return model

    def render(self, messages: Sequence[Mapping[str, str]], variables: Mapping[str, Any]) -> str:
        """The prompt as the model reads it, up to where its reply begins.

        Raises:
            UsageError: the chat template refuses the messages, or is none.
        """
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    list(messages), tokenize=False, add_generation_prompt=True, **variables
                )
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise UsageError(f"the chat template of {self.name} fails: {first_line(error)}") from error

    def encode(self, text: str) -> list[int]:
        """The tokens of a rendered prompt; the template has put all special ones into it."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, written: Written, *, whole: bool) -> str:
        """The text of a reply; unless `whole`, without the tokens that end and fill it. Think tags stay either way."""
        dropped = set() if whole else {*self._end_ids, self._pad_id}
        ids = [index for index in written.ids if index not in dropped]
        text = self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)

    def write(
        self, prompts: Sequence[list[int]], *, keys: Sequence[str], caps: Sequence[int], sampling: Sampling
    ) -> list[Written]:
        """Replies to prompts as token ids, each of at most its own number of tokens; `keys` seed their draws."""
        model, longest, steps = self.weights, max(map(len, prompts)), max(caps)
        ids = torch.full((len(prompts), longest), self._pad_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        sampler = RowSampler(sampling, keys=keys, steps=steps, prompt_length=longest)
        with torch.inference_mode():
            output = model.generate(
                ids.to(self.device),
                attention_mask=mask.to(self.device),
                logits_processor=LogitsProcessorList([sampler]),
                generation_config=GenerationConfig(
                    max_new_tokens=steps,
                    do_sample=False,
                    use_cache=True,
                    eos_token_id=self._end_ids or None,
                    pad_token_id=self._pad_id,
                ),
            )
        rows = output[:, longest:].tolist()
        return [self._until_end(row[:cap]) for row, cap in zip(rows, caps, strict=True)]

    def _until_end(self, row: list[int]) -> Written:
        """What was written: up to the first end token, which counts; what fills the row after it does not."""
        for position, index in enumerate(row):
            if index in self._end_ids:
                return Written(ids=row[: position + 1], ended=True)
        return Written(ids=row, ended=False)

    @property
    def _pad_id(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad) if pad is not None else (self._end_ids or [0])[0]


def _source(settings: TransformersTeacher) -> dict[str, Any]:
    """What every loading call is told."""
    source: dict[str, Any] = {"trust_remote_code": False}
    if settings.revision is not None:
        source["revision"] = settings.revision
    folder = Path(settings.model)
    if not folder.is_dir() and (folder.is_absolute() or folder.exists() or settings.model.startswith(".")):
        raise UsageError(f'teacher.model: found "{settings.model}", which is no folder')
    if settings.gguf_file is None:
        return source
    if folder.is_dir() and not (folder / settings.gguf_file).is_file():
        raise UsageError(f'teacher.gguf_file: found "{settings.gguf_file}", which is not in {settings.model}')
    if find_spec("gguf") is None:
        raise MissingDependencyError(
            "teacher.gguf_file: reading it needs gguf, which is not installed", hint="pip install gguf"
        )
    return {**source, "gguf_file": settings.gguf_file}


def _name(settings: TransformersTeacher) -> str:
    """The model's Hub id; of a local one the name of its folder, or of its GGUF file."""
    folder = Path(settings.model)
    if not folder.is_dir():
        return settings.model
    return settings.gguf_file or folder.resolve().name


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f'teacher.device: found "{name}", which is not there', hint="allowed are auto, cpu, cuda, cuda:0, mps"
        ) from error
    return device


def _template(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'teacher.chat_template: found "{path}", which cannot be read: {first_line(error)}') from error


def _end_ids(generation: GenerationConfig, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Tokens that end a reply: those of the model's generation settings, and the tokenizer's."""
    given = generation.eos_token_id
    ids = given if isinstance(given, list) else [given]
    return [int(index) for index in dict.fromkeys((*ids, tokenizer.eos_token_id)) if index is not None]


@contextmanager
def _loading(settings: TransformersTeacher) -> Iterator[None]:
    """Turns the many ways in which a model cannot be loaded into one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise UsageError(
            f'teacher.model: found "{settings.model}", which cannot be loaded: {first_line(error)}',
            hint="allowed are a folder with safetensors, config.json and a tokenizer, one with a GGUF file that"
            " teacher.gguf_file names, or a model's id on the Hugging Face Hub",
        ) from error
