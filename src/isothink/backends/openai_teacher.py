"""The teacher behind any OpenAI-compatible chat endpoint: vLLM, SGLang, llama.cpp, hosted services. Built by run/.

What a request holds and how a reply is read; openai_client.py does the asking.
"""

import json
from collections.abc import Iterable

from pydantic import JsonValue

from isothink.backends.openai_architecture import read_architecture
from isothink.backends.openai_client import Exchange, OpenAIClient, Role
from isothink.backends.openai_response import Response, read_response
from isothink.compute.architecture import Architecture
from isothink.domain.reply import MODES, ReasoningMode, Reply
from isothink.domain.teacher_settings import OpenAITeacher, mode_sampling
from isothink.errors import StudyError
from isothink.teacher.protocol import Question, Receive

ROLE = Role(
    key="teacher",
    name="the teacher",
    after_repair="ask again what failed: isothink generate --retry-failed",
)


class ServedTeacher:
    """A model that a server runs; asking it costs something, and asking again may give another reply."""

    is_free = False

    def __init__(self, settings: OpenAITeacher) -> None:
        """Reads the credentials from the environment; nothing is asked yet.

        Raises:
            StudyError: an address, a header, a request or the architecture of the study file cannot be used.
            UsageError: a credential is missing or cannot be sent.
        """
        self._settings = settings
        self._client = OpenAIClient(settings, ROLE)
        self._architecture = read_architecture(settings.architecture, settings.model, key=ROLE.key)
        self._fixed_fields = {mode: _fixed_fields(settings, mode) for mode in MODES}
        self._most_tokens = {mode: mode_sampling(settings, mode).max_tokens for mode in MODES}

    @property
    def name(self) -> str:
        """See Teacher."""
        return self._settings.model

    @property
    def architecture(self) -> Architecture | None:
        """See Teacher."""
        return self._architecture

    def render(self, question: Question) -> dict[str, JsonValue]:
        """See Teacher: the body of the request."""
        mode = self._settings.off if question.mode == "off" else self._settings.on
        messages: list[JsonValue] = [{"role": "user", "content": question.prompt + mode.prompt_suffix}]
        if mode.system is not None:
            messages.insert(0, {"role": "system", "content": mode.system})
        return {
            **self._fixed_fields[question.mode],
            self._settings.max_tokens_field: self.most_tokens(question),
            "messages": messages,
        }

    def most_tokens(self, question: Question) -> int:
        """The cap of a reply."""
        return question.max_tokens or self._most_tokens[question.mode]

    def answer_all(self, questions: Iterable[Question], receive: Receive) -> None:
        """See Teacher."""
        self._client.ask_all(questions, Exchange(render=self.render, read=self._read), receive)

    def _read(self, question: Question, response: Response, attempt: int) -> Reply:
        return read_response(
            response, self._client.secrets, max_tokens=self.most_tokens(question), attempt=attempt, key=ROLE.key
        )


def _fixed_fields(settings: OpenAITeacher, name: ReasoningMode) -> dict[str, JsonValue]:
    """What all requests in one mode share, but for the system message."""
    mode = settings.off if name == "off" else settings.on
    sampling = mode_sampling(settings, name).model_dump(exclude_none=True, exclude={"max_tokens"})
    fields = {"model": mode.model or settings.model, **sampling, **mode.request}
    try:
        json.dumps(fields, allow_nan=False)
    except ValueError:
        raise StudyError(f"teacher.{name}.request: allowed are finite numbers") from None
    return fields
