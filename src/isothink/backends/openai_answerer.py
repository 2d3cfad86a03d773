"""Lets students that are served elsewhere answer prompts: vLLM, llama.cpp, SGLang. Looked up by run/ as `openai`.

A prompt is sent to `/completions` as the token ids of the study's own tokenizer: the served student reads exactly what
it was trained with, without a chat template or a reasoning parser in between, and writes its think tags into the text.

What servers leave out of a text differs, so each is asked for what it has, and ignores the rest:

- vLLM leaves special tokens out unless told otherwise (`skip_special_tokens`), and hands over the ids that were written
  with `return_token_ids` (0.10.2 and newer), which are then decoded here, as those of a local student are.
- llama.cpp leaves control tokens out unless they stand in `preserved_tokens`; it hands over no ids at this endpoint.

Both count the end token in `usage.completion_tokens` where one was written, and neither puts it into the text. Both
draw tokens by defaults of their own (llama.cpp: top_k 40, min_p 0.05; vLLM: what the model's generation_config.json
says) unless a request says otherwise, so that what the study does not set is sent as off.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from isothink.backends.openai_client import Exchange, OpenAIClient, Role
from isothink.backends.openai_faults import TryError
from isothink.backends.openai_response import Choice, Response, clean_text, read_choice
from isothink.benchmark.protocol import Answering, AnswerSettings, Ask, Receive
from isothink.corpus.protocol import Tokenizer
from isothink.domain.evaluation_settings import ServedAnswers
from isothink.domain.reply import Failure
from isothink.domain.sample import Generation
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.errors import StepError

ROLE = Role(key="evaluation.answerer", name="the server of the students", endpoint="/completions")
KEEPS_TAGS: dict[str, JsonValue] = {
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "return_token_ids": True,
    "preserved_tokens": [THINK_OPEN, THINK_CLOSE],
}
OFF: dict[str, JsonValue] = {
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
}
"""Every restriction of the draw at the value that means none, in vLLM, SGLang and llama.cpp alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prompt:
    key: str
    ids: list[int]


class ServedAnswerer:
    """See Answerer. A request that keeps failing is handed over as an answer that could not be had."""

    def __init__(self, settings: ServedAnswers, answering: Answering, tokenizer: Tokenizer) -> None:
        """Reads the credentials from the environment; nothing is asked yet.

        Raises:
            StudyError: an address or a header of the study file cannot be used.
            UsageError: a credential is missing or cannot be sent.
        """
        self._client = OpenAIClient(settings, ROLE)
        self._model = settings.model.format(**answering.names)
        self._tokenizer = tokenizer
        texts = {index: text for text, index in tokenizer.vocabulary.items()}
        self._end_texts = tuple(texts[index] for index in tokenizer.end_ids if index in texts)

    def answer_all(self, asks: Sequence[Ask], settings: AnswerSettings, receive: Receive) -> None:
        """See Answerer."""
        encoded = self._tokenizer.encode_prompts([ask.prompt for ask in asks])
        prompts = [_Prompt(key=ask.key, ids=ids) for ask, ids in zip(asks, encoded, strict=True)]
        if not prompts:
            return
        self._require_token_ids(min(prompts, key=lambda prompt: len(prompt.ids)))

        def hear(prompt: _Prompt, answer: Generation | Failure) -> None:
            receive(prompt.key, _failed(prompt, answer) if isinstance(answer, Failure) else answer)

        self._client.ask_all(prompts, self._exchange(settings), hear)

    def _exchange(self, settings: AnswerSettings) -> Exchange[_Prompt, Generation]:
        drawing: dict[str, JsonValue] = {"temperature": 0.0}
        if not isinstance(settings.sampling, str):
            drawing = dict(settings.sampling.model_dump(exclude_none=True))
        fields: dict[str, JsonValue] = {
            "model": self._model,
            **KEEPS_TAGS,
            **OFF,
            **drawing,
            "max_tokens": settings.max_new_tokens,
            "stop_token_ids": list(self._tokenizer.end_ids),
        }
        is_greedy = isinstance(settings.sampling, str)

        def render(prompt: _Prompt) -> dict[str, JsonValue]:
            seed: dict[str, JsonValue] = {} if is_greedy else {"seed": seed_of(settings.seed, prompt.key)}
            return {**fields, **seed, "prompt": list(prompt.ids)}

        return Exchange(render=render, read=self._reader(settings.max_new_tokens))

    def _require_token_ids(self, shortest: _Prompt) -> None:
        """Has one token written first: a server that takes no token ids refuses, or misreads, every prompt.

        Raises:
            StepError: it does, or it does not answer.
        """
        answers: list[Generation | Failure] = []
        exchange = self._exchange(AnswerSettings(max_new_tokens=1))
        self._client.ask_all([shortest], exchange, lambda _, answer: answers.append(answer))
        if isinstance(answers[0], Failure):
            raise StepError(
                f"{ROLE.name} does not answer a prompt of {len(shortest.ids)} token ids: {answers[0].error}",
                hint="students are asked for completions of token ids, which vLLM and llama.cpp take; a server without"
                " them cannot answer here",
            )

    def _reader(self, most_tokens: int) -> Callable[[_Prompt, Response, int], Generation]:
        def read(prompt: _Prompt, response: Response, attempt: int) -> Generation:
            choice = read_choice(response, self._client.secrets, key=ROLE.key)
            self._require_same_prompt(prompt, choice, response.address)
            if choice.finish == "other":
                raise TryError(
                    f"{response.address} does not say why its answer ended: finish reason {choice.finish_reason!r}"
                )
            ids = _ids(choice.fields.get("token_ids"))
            text = self._text(choice, ids, response.address)
            has_ended = choice.finish == "end"
            counted = ids if ids is not None else self._encoded(text, has_ended=has_ended)
            told = choice.usage("completion_tokens") or 0  # some servers count nothing (BerriAI/litellm#41849)
            tokens = max(told, len(counted)) if ids is not None or not told else told
            if ids is None and not told and not has_ended:  # encoded again, a text can have other tokens than it had
                tokens = min(tokens, most_tokens)
            if tokens > most_tokens:
                raise StepError(
                    f"{response.address}: found an answer of {tokens} tokens, allowed are {most_tokens}, as was asked",
                    hint="this server does not keep to max_tokens, so that its answers cannot be compared with others",
                )
            return Generation(
                text=text,
                stop_reason="end" if has_ended else "length",
                prompt_tokens=len(prompt.ids),
                output_tokens=tokens,
                trace_tokens=min(self._tokenizer.trace_tokens(counted), tokens),
                seconds=response.latency_seconds,
            )

        return read

    def _require_same_prompt(self, prompt: _Prompt, choice: Choice, address: str) -> None:
        read = choice.usage("prompt_tokens")
        ids = _ids(choice.fields.get("prompt_token_ids"))
        if read in (None, len(prompt.ids)) and ids in (None, prompt.ids):
            return
        found = f"{read} tokens" if read != len(prompt.ids) else "other token ids"
        raise StepError(
            f"{address}: found {found} read, allowed are exactly the {len(prompt.ids)} of the prompt that was sent",
            hint="the server reads another prompt than the student was trained with: it must put nothing before token"
            " ids",
        )

    def _text(self, choice: Choice, ids: list[int] | None, address: str) -> str:
        if ids is not None:
            known = [index for index in ids if 0 <= index < self._tokenizer.vocabulary_size]
            return clean_text(self._tokenizer.decode(known), self._client.secrets)
        text = choice.fields.get("text")
        if not isinstance(text, str):
            raise TryError(f"{address} answered a choice without a text")
        text = clean_text(text, self._client.secrets)
        for end in self._end_texts if choice.finish == "end" else ():
            text = text.removesuffix(end)
        return text

    def _encoded(self, text: str, *, has_ended: bool) -> list[int]:
        """The ids that a text has here; near those that were written, which a server did not hand over."""
        ids = self._tokenizer.encode_answers([text])[0]
        return ids if has_ended else ids[:-1]


def seed_of(seed: int, key: str) -> int:
    """The seed of one request, from the study's seed and what the prompt is called."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:4]) >> 1


def _failed(prompt: _Prompt, failure: Failure) -> Generation:
    return Generation(
        text="",
        stop_reason="failed",
        prompt_tokens=len(prompt.ids),
        output_tokens=0,
        trace_tokens=0,
        error=failure.error,
    )


def _ids(value: JsonValue) -> list[int] | None:
    """Token ids that a server hands over, None where it hands over none."""
    if not isinstance(value, list) or not all(type(index) is int for index in value):
        return None
    return [index for index in value if type(index) is int]
