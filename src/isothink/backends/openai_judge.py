"""A judge behind any OpenAI-compatible chat endpoint. Looked up by run/ for each judge of a jury."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from isothink.backends.openai_architecture import read_architecture
from isothink.backends.openai_client import Exchange, OpenAIClient, Role
from isothink.backends.openai_faults import RefusalError, TryError
from isothink.backends.openai_response import Response, read_response, shortened
from isothink.benchmark.jury import JudgeQuestion, read_verdict
from isothink.benchmark.protocol import Judged
from isothink.compute.architecture import Architecture
from isothink.domain.evaluation_settings import Judge
from isothink.domain.reply import Failure, Reply
from isothink.domain.sample import Verdict, Vote
from isothink.errors import StudyError

TRIES_FOR_A_VERDICT = 3
"""Replies without a verdict after which a judge has none: at temperature 0 it is likely to say the same again."""


class ServedJudge:
    """See Juror."""

    def __init__(self, settings: Judge, *, key: str) -> None:
        """Reads the credentials from the environment; nothing is asked yet.

        Raises:
            StudyError: an address, a header, a request or the architecture of the study file cannot be used.
            UsageError: a credential is missing or cannot be sent.
        """
        self._settings = settings
        self._role = Role(key=key, name=f"the judge {settings.title}")
        self._client = OpenAIClient(settings, self._role)
        self._architecture = read_architecture(settings.architecture, settings.model, key=key)
        try:
            json.dumps(settings.request, allow_nan=False)
        except ValueError:
            raise StudyError(f"{key}.request: allowed are finite numbers") from None

    @property
    def architecture(self) -> Architecture | None:
        """See Juror."""
        return self._architecture

    def judge_all(self, questions: Sequence[JudgeQuestion], receive: Callable[[JudgeQuestion, Judged], None]) -> None:
        """See Juror. Replies without a verdict are asked for again a few times."""
        usage: defaultdict[str, list[tuple[int, int] | None]] = defaultdict(list)
        without: defaultdict[str, int] = defaultdict(int)

        def read(question: JudgeQuestion, response: Response, attempt: int) -> Verdict:
            reply = read_response(
                response,
                self._client.secrets,
                max_tokens=self._settings.max_tokens,
                attempt=attempt,
                key=self._role.key,
            )
            usage[question.key].append(_usage(reply))
            verdict = read_verdict(reply.content) if reply.finish != "length" else None
            if verdict is not None:
                return verdict
            without[question.key] += 1
            fault = RefusalError if without[question.key] >= TRIES_FOR_A_VERDICT else TryError
            raise fault(f"{response.address} gave no verdict: {_why_none(reply)}")

        def hear(question: JudgeQuestion, answer: Verdict | Failure) -> None:
            verdict, error = (None, answer.error) if isinstance(answer, Failure) else (answer, None)
            vote = Vote(judge=self._settings.title, verdict=verdict, error=error)
            receive(question, Judged(vote=vote, usage=tuple(usage.pop(question.key, ()))))

        self._client.ask_all(questions, Exchange(render=self._render, read=read), hear)

    def _render(self, question: JudgeQuestion) -> dict[str, JsonValue]:
        settings = self._settings
        return {
            "model": settings.model,
            **settings.request,
            "temperature": settings.temperature,
            settings.max_tokens_field: settings.max_tokens,
            "messages": [{"role": "user", "content": question.prompt}],
        }


def _usage(reply: Reply) -> tuple[int, int] | None:
    if reply.prompt_tokens is None or reply.output_tokens is None:
        return None
    return reply.prompt_tokens, reply.output_tokens


def _why_none(reply: Reply) -> str:
    if reply.finish == "length":
        return f"its reply was cut off at {reply.max_tokens} tokens"
    last = reply.content.strip().splitlines()[-1:] or [""]
    return f"the last line of its reply is {shortened(last[0])!r}"
