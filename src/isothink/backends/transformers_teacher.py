"""The in-process teacher: a small model with a chat template, asked in batches. Looked up by run/ as `transformers`."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import JsonValue

from isothink.backends.faults import is_out_of_memory
from isothink.backends.local_model import RENDERING, LocalModel, Written
from isothink.compute.architecture import Architecture
from isothink.domain.reply import MODES, Failure, ReasoningMode, Reply
from isothink.domain.teacher_settings import ModeSettings, Sampling, TransformersTeacher, mode_sampling
from isothink.domain.think import THINK_OPEN
from isothink.errors import UsageError
from isothink.teacher.protocol import Question, Receive


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A question with the prompt as the model reads it, and the most tokens that its reply may have."""

    question: Question
    text: str
    ids: list[int]
    cap: int


class LocalTeacher:
    """A chat model of `transformers`; the study file says what its template is given in each mode.

    Questions are read `batch_size` at a time for each sampling setting that the modes have; both modes share a batch
    where they are sampled alike.

    The tokens of a reply are drawn with numbers that follow from the seed (0 if there is none) and the question's key
    alone, so a reply depends neither on the order of the questions nor on where a batch ends. What remains is rounding:
    other rows of a batch, other padding or another device may tip a choice between two tokens that are equal to the
    last bits, after which the two texts part. The same batches on the same machine give the same replies.
    """

    is_free = False

    def __init__(self, settings: TransformersTeacher) -> None:
        """Reads the tokenizer and the configuration; the weights follow with the first question.

        Raises:
            UsageError: the model, its chat template or the device is not there.
        """
        self._settings = settings
        for mode in MODES:
            _template_variables(self._mode(mode), mode)
        self._model = LocalModel(settings)
        self._batch_size = settings.batch_size

    @property
    def name(self) -> str:
        """The model's Hub id, or the name of its folder or GGUF file."""
        return self._model.name

    @property
    def architecture(self) -> Architecture | None:
        """See Teacher."""
        return self._model.architecture

    def render(self, question: Question) -> JsonValue:
        """The prompt as the model reads it, and how its reply is drawn."""
        return {"text": self._text(question), **self._sampling(question).model_dump(mode="json")}

    def answer_all(self, questions: Iterable[Question], receive: Receive) -> None:
        """See Teacher.

        Raises:
            UsageError: the weights cannot be loaded.
        """
        waiting: dict[Sampling, list[_Asked]] = {}
        for question in questions:
            asked = self._ask(question)
            if isinstance(asked, Failure):
                receive(question, asked)
                continue
            sampling = self._sampling(question)
            batch = waiting.setdefault(sampling, [])
            batch.append(asked)
            if len(batch) >= self._batch_size:
                self._answer(waiting.pop(sampling), sampling, receive)
        for sampling, batch in waiting.items():
            self._answer(batch, sampling, receive)

    def _mode(self, mode: ReasoningMode) -> ModeSettings:
        return self._settings.off if mode == "off" else self._settings.on

    def _sampling(self, question: Question) -> Sampling:
        sampling = mode_sampling(self._settings, question.mode)
        if question.max_tokens is None:
            return sampling
        return sampling.model_copy(update={"max_tokens": question.max_tokens})

    def _text(self, question: Question) -> str:
        mode = self._mode(question.mode)
        messages = [{"role": "user", "content": question.prompt + mode.prompt_suffix}]
        if mode.system is not None:
            messages.insert(0, {"role": "system", "content": mode.system})
        return self._model.render(messages, _template_variables(mode, question.mode))

    def _ask(self, question: Question) -> _Asked | Failure:
        try:
            text = self._text(question)
        except UsageError as error:
            return Failure(error=error.message, attempts=1)
        ids, cap, positions = self._model.encode(text), self._sampling(question).max_tokens, self._model.positions
        if positions is not None and len(ids) >= positions:
            return Failure(error=f"the prompt has {len(ids)} tokens, the model takes {positions}", attempts=1)
        return _Asked(
            question=question, text=text, ids=ids, cap=cap if positions is None else min(cap, positions - len(ids))
        )

    def _answer(self, batch: Sequence[_Asked], sampling: Sampling, receive: Receive, attempt: int = 1) -> int:
        """Answers a batch, or its halves where it fails as a whole; returns the size of the largest that went through.

        Batches that follow are cut to that size after one ran out of memory.
        """
        started = time.monotonic()
        error: Exception | None = None
        try:
            written = self._model.write(
                [asked.ids for asked in batch],
                keys=[asked.question.key for asked in batch],
                caps=[asked.cap for asked in batch],
                sampling=sampling,
            )
        except (RuntimeError, MemoryError, ValueError, IndexError) as raised:  # OutOfMemoryError is a RuntimeError
            error = raised.with_traceback(None)  # whose frames hold what filled the memory
        if error is None:
            seconds = time.monotonic() - started
            for asked, one in zip(batch, written, strict=True):
                receive(asked.question, self._reply(asked, one, seconds=seconds, attempt=attempt))
            return len(batch)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(batch) == 1:
            receive(batch[0].question, Failure(error=_described(error), attempts=attempt))
            return 0
        half = (len(batch) + 1) // 2
        largest = max(self._answer(part, sampling, receive, attempt + 1) for part in (batch[:half], batch[half:]))
        if is_out_of_memory(error):
            self._batch_size = max(1, min(self._batch_size, largest))
        return largest

    def _reply(self, asked: _Asked, written: Written, *, seconds: float, attempt: int) -> Reply:
        return Reply(
            message=self._model.decode(written, whole=True),
            content=_opener(asked.text) + self._model.decode(written, whole=False),
            finish="end" if written.ended else "length",
            finish_reason="stop" if written.ended else "length",
            model=self.name,
            prompt_tokens=len(asked.ids),
            output_tokens=len(written.ids),
            max_tokens=asked.cap,
            latency_seconds=seconds,
            attempts=attempt,
        )


def _template_variables(mode: ModeSettings, name: ReasoningMode) -> dict[str, Any]:
    """What the chat template is given in one mode.

    Raises:
        UsageError: it is no mapping, or names a parameter of rendering that no study file sets.
    """
    variables = mode.request.get("chat_template_kwargs", {})
    place = f"teacher.{name}.request.chat_template_kwargs"
    if not isinstance(variables, dict):
        raise UsageError(f"{place}: allowed is a mapping, such as {{enable_thinking: true}}")
    for variable in variables:
        if variable in RENDERING:
            raise UsageError(f"{place}: found {variable}, which is no variable of a chat template")
    return variables


def _opener(text: str) -> str:
    """The think tag that the prompt ends with; it belongs to the reply, which only closes it."""
    ending = text.rstrip()
    return text[len(ending) - len(THINK_OPEN) :] if ending.endswith(THINK_OPEN) else ""


def _described(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
