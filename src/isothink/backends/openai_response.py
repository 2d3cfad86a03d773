"""Reads what a server answers: a reply, a fault that may pass, a refusal of one prompt, or the end of all work.

Called by openai_teacher.py and its siblings with the whole response. Field names differ between servers: the trace is
`reasoning_content` (llama.cpp, SGLang, older vLLM) or `reasoning` (newer vLLM, OpenRouter), or a `thinking` part of the
content (Mistral).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import JsonValue

from isothink.backends.openai_faults import RefusalError, TryError
from isothink.backends.openai_secrets import Secrets
from isothink.domain.reply import FinishReason, Reply
from isothink.errors import StepError

LARGEST_BODY = 64 * 2**20
LARGEST_ERROR_BODY = 2**16
SHOWN_CHARACTERS = 300
_FINISHES: dict[str, FinishReason] = {
    "stop": "end",
    "eos": "end",
    "end_turn": "end",
    "length": "length",
    "max_tokens": "length",
}
_GIVEN_UP = frozenset(("abort", "error", "insufficient_system_resource"))
"""Finish reasons of vLLM, SGLang, OpenRouter and DeepSeek for a reply that the server did not write to its end."""
_WITHHELD = "content_filter"
_PASSING = frozenset((408, 409, 425, 429))
_WAITING = frozenset((429, 503))
_FINAL = {
    401: "check the key in the environment variable that {key}.api_key_variable names",
    402: "check the credit of the account",
    403: "check the key in the environment variable that {key}.api_key_variable names, and what it may use",
    404: "check that {key}.base_urls ends where the server's API begins, often /v1, and that it serves the model",
    405: "check that {key}.base_urls is the address of an OpenAI-compatible API, often ending in /v1",
    407: "check the proxy in the environment",
}
_NESTED = "a body that is nested too deeply"
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)
"""Infinity and NaN, which some servers write, are no JSON; they are read as null."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """One response, read to its end."""

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a server answered to one prompt: the whole body, the one choice in it, and how that ended."""

    content: Mapping[str, Any]
    fields: Mapping[str, Any]
    finish: FinishReason
    finish_reason: str

    def usage(self, name: str) -> int | None:
        """A count of the server's, None where it gives none."""
        usage = self.content.get("usage")
        return _count(usage.get(name)) if isinstance(usage, dict) else None


def read_response(
    response: Response, secrets: Secrets, *, max_tokens: int, attempt: int, key: str = "teacher"
) -> Reply:
    """The reply of a chat endpoint's response; `key` is where the study file names the model.

    Raises:
        TryError: this try failed.
        RefusalError: the server refuses this prompt.
        StepError: the server would refuse every prompt.
    """
    choice = read_choice(response, secrets, key=key)
    try:
        return _reply(response, choice, secrets, max_tokens, attempt)
    except RecursionError:
        raise TryError(f"{response.address}: {_NESTED}") from None


def read_choice(response: Response, secrets: Secrets, *, key: str) -> Choice:
    """The one choice of a response that is well.

    Raises:
        TryError: this try failed.
        RefusalError: the server refuses this prompt.
        StepError: the server would refuse every prompt.
    """
    status = response.status
    if 200 <= status < 300:
        try:
            return _choice(response, secrets)
        except RecursionError:
            raise TryError(f"{response.address}: {_NESTED}") from None
    text = f"{response.address} answered status {status}: {_said(response, secrets)}"
    if 300 <= status < 400:
        target = secrets.redact(response.headers.get("Location", "nowhere"))
        raise StepError(
            f"{response.address} answered status {status}, a redirect to {shortened(target)}",
            hint=f"redirects are not followed; put the address that answers into {key}.base_urls",
        )
    if status in _FINAL:
        raise StepError(text, hint=_FINAL[status].format(key=key))
    if 400 <= status < 500 and status not in _PASSING:
        raise RefusalError(text)
    raise TryError(text, retry_after=_retry_after(response.headers) if status in _WAITING else None)


def shortened(text: str) -> str:
    """A text of a server on one line, cut where it is long."""
    start = text[: 4 * SHOWN_CHARACTERS]
    line = " ".join("".join(char if char.isprintable() else " " for char in start).split())
    return line if len(line) <= SHOWN_CHARACTERS and len(start) == len(text) else f"{line[:SHOWN_CHARACTERS]} ..."


def _choice(response: Response, secrets: Secrets) -> Choice:
    address = response.address
    content = _json_object(response, secrets)
    choices = content.get("choices")
    if content.get("error"):
        raise TryError(f"{address} answered an error: {_said(response, secrets)}")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise TryError(f"{address} answered without a choice")
    choice = choices[0]
    if choice.get("error"):
        raise TryError(f"{address} answered an error: {shortened(secrets.redact(_error_text(choice)))}")
    finish_reason = choice.get("finish_reason")
    finish_text = finish_reason if isinstance(finish_reason, str) else ""
    if finish_text in _GIVEN_UP:
        raise TryError(f"{address} gave its reply up: finish reason {finish_text}")
    if finish_text == _WITHHELD:
        raise RefusalError(f"{address} withheld its reply: finish reason {finish_text}")
    finish = _FINISHES.get(finish_text, "other")
    return Choice(content=content, fields=choice, finish=finish, finish_reason=clean_text(finish_text, secrets))


def _reply(response: Response, choice: Choice, secrets: Secrets, max_tokens: int, attempt: int) -> Reply:
    if not isinstance(choice.fields.get("message"), dict):
        raise TryError(f"{response.address} answered a choice without a message")
    message = _cleaned(choice.fields["message"], secrets)
    text, thinking = _text(message.get("content"), response.address)
    model = choice.content.get("model")
    usage = choice.content.get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    return Reply(
        message=json.dumps(message, ensure_ascii=False, separators=(",", ":")),
        content=text,
        reasoning=_first_text(message.get("reasoning_content"), message.get("reasoning"), thinking),
        finish=choice.finish,
        finish_reason=choice.finish_reason,
        model=clean_text(model, secrets) if isinstance(model, str) else "",
        prompt_tokens=choice.usage("prompt_tokens"),
        output_tokens=choice.usage("completion_tokens"),
        reasoning_tokens=_count(details.get("reasoning_tokens")) if isinstance(details, dict) else None,
        max_tokens=max_tokens,
        latency_seconds=response.latency_seconds,
        attempts=attempt,
    )


def _decoded(body: bytes) -> str:
    # llama.cpp can cut a reply inside a character of several bytes
    return body.decode("utf-8-sig", errors="replace")


def _json_object(response: Response, secrets: Secrets) -> dict[str, Any]:
    try:
        content = _DECODER.decode(_decoded(response.body))
    except ValueError:
        raise TryError(f"{response.address} answered no JSON: {_said(response, secrets)}") from None
    if not isinstance(content, dict):
        raise TryError(f"{response.address} answered JSON that is no object: {_said(response, secrets)}")
    return content


def _said(response: Response, secrets: Secrets) -> str:
    """What a server says went wrong: its error message where it gives one, else the body."""
    text = _decoded(response.body[:LARGEST_ERROR_BODY])
    try:
        content = _DECODER.decode(text)
    except (ValueError, RecursionError):
        content = None
    said = _error_text(content) if isinstance(content, dict) else ""
    return shortened(secrets.redact(said or text)) or "an empty body"


def _error_text(content: dict[str, Any]) -> str:
    """OpenAI's `error.message`, FastAPI's `detail`, or the like."""
    error = content.get("error") or content.get("detail") or content.get("message")
    if isinstance(error, dict):
        error = error.get("message") or error
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False) if error else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header: a number, or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, headers.get("Date", ""))
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _seconds_until(date: str, now: str) -> float:
    """From the server's own date where it gives one, since clocks differ."""
    try:
        start = parsedate_to_datetime(now) if now else datetime.now(UTC)
        return (parsedate_to_datetime(date) - start).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return math.nan


def _text(content: JsonValue, address: str) -> tuple[str, str]:
    """Text and trace of a message's content: null, a text, or a list of parts."""
    if content is None:
        return "", ""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list):
        raise TryError(f"{address} answered a message whose content is neither a text nor a list of parts")
    texts: list[str] = []
    thinking: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type") == "thinking":
            inner = part.get("thinking")
            thinking.append(inner if isinstance(inner, str) else _text(inner or [], address)[0])
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(str(part["text"]))
    return "".join(texts), "".join(thinking)


def _first_text(*candidates: JsonValue) -> str:
    return next((text for text in candidates if isinstance(text, str) and text), "")


def _count(value: JsonValue) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _cleaned(value: Any, secrets: Secrets) -> Any:
    """A JSON value whose texts hold no secret and can be written as UTF-8, and whose numbers are finite."""
    if isinstance(value, str):
        return clean_text(value, secrets)
    if isinstance(value, dict):
        return {clean_text(key, secrets): _cleaned(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner, secrets) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def clean_text(text: str, secrets: Secrets) -> str:
    """A text of a reply that holds no secret and can be written as UTF-8."""
    text = secrets.redact_reply(text)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates, which JSON can escape and UTF-8 cannot hold
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
