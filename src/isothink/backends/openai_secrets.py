"""The credentials of a served model: read from the environment, sent as headers, struck out of all that comes back.

Used by openai_client.py and its siblings alone. Servers echo keys ("Incorrect API key provided: sk-..."), so whatever
a server or an exception says goes through here before anything else sees it.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Protocol
from urllib.parse import quote

from isothink.errors import StudyError, UsageError

STRUCK_OUT = "[redacted]"
SHORTEST_SECRET = 4
"""Shorter values cannot be told from ordinary text."""
_PLAIN_WORD = re.compile(r"[A-Za-z]{1,7}")
"""Placeholders such as `EMPTY` and `ollama`; striking such a word out of replies would spoil them and hide nothing."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110, section 5.6.2."""
_HEADERS_OF_OUR_OWN = frozenset(
    "accept-encoding connection content-encoding content-length content-type expect transfer-encoding upgrade".split()
)


class Credentials(Protocol):
    """Where the study file says that the credentials of a served model are."""

    @property
    def api_key_variable(self) -> str | None:
        """The environment variable of its key."""

    @property
    def headers_from_environment(self) -> Mapping[str, str]:
        """The environment variables of further headers."""


class Secrets:
    """Values that must appear nowhere. It shows none of them itself."""

    def __init__(self, values: Iterable[str]) -> None:
        parts = {part for value in values for part in _parts(value) if len(part) >= SHORTEST_SECRET}
        # sent as UTF-8, and echoed by servers that read headers as Latin-1
        secrets = sorted(parts | {part.encode().decode("latin-1") for part in parts}, key=len, reverse=True)
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        self._spellings = sorted(spellings, key=len, reverse=True)
        self._spellings_in_replies = [text for text in self._spellings if not _PLAIN_WORD.fullmatch(text)]
        self._escaped = re.compile("|".join(map(_escaped_pattern, secrets))) if secrets else None

    def redact_reply(self, text: str) -> str:
        """A text of a reply without any secret; quick, since replies are long and hold none."""
        for spelling in self._spellings_in_replies:
            if spelling in text:
                text = text.replace(spelling, STRUCK_OUT)
        if "\\u00" in text and self._escaped is not None:
            text = self._escaped.sub(STRUCK_OUT, text)
        return text

    def redact(self, text: str) -> str:
        """Any other text, such as an error, without any secret: also where it is escaped as in JSON, URLs or HTML."""
        for spelling in self._spellings:
            text = text.replace(spelling, STRUCK_OUT)
        return self._escaped.sub(STRUCK_OUT, text) if self._escaped is not None else text


def read_headers(
    settings: Credentials, environment: Mapping[str, str] | None = None, *, key: str = "teacher"
) -> dict[str, str]:
    """The headers that hold credentials; `key` is where the study file names the model.

    Raises:
        StudyError: a header's name is not allowed.
        UsageError: an environment variable is not set, or its value cannot be sent.
    """
    known = os.environ if environment is None else environment
    headers: dict[str, str] = {}
    if settings.api_key_variable is not None:
        value = _value(known, settings.api_key_variable, f"{key}.api_key_variable")
        headers["Authorization"] = f"Bearer {value}"
    for name, variable in settings.headers_from_environment.items():
        place = f"{key}.headers_from_environment.{name}"
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _HEADERS_OF_OUR_OWN:
            raise StudyError(f"{place}: {name!r} is no header that can be set; allowed are names such as X-Api-Key")
        if name.lower() in {other.lower() for other in headers}:
            raise StudyError(f"{place}: {name!r} is set twice; api_key_variable sets Authorization")
        headers[name] = _value(known, variable, place)
    return headers


def _value(environment: Mapping[str, str], variable: str, place: str) -> str:
    value = environment.get(variable, "").strip(" \t")
    if not value:
        raise UsageError(
            f"{place}: the environment variable {variable} is not set, or empty", hint=f"export {variable}=..."
        )
    if not value.isprintable() or any(ord(character) > 255 for character in value):
        raise UsageError(
            f"{place}: the value of the environment variable {variable} cannot be sent in a header;"
            " allowed are printable Latin-1 characters on one line"
        )
    return value


def _parts(value: str) -> list[str]:
    """A value, and what follows the scheme in one such as `Bearer sk-...`."""
    _, _, after_scheme = value.partition(" ")
    return [value, after_scheme.strip()] if after_scheme.strip() else [value]


def _spellings(secret: str) -> set[str]:
    """How a secret may be written without any perverse escaping."""
    dumped = json.dumps(secret)[1:-1]
    return {
        secret,
        dumped,
        dumped.replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        escape(secret),
        repr(secret)[1:-1],
    }


def _escaped_pattern(secret: str) -> str:
    """Matches a secret any of whose characters may be escaped; JSON inside JSON doubles its backslashes."""
    return "".join(
        rf"(?:{re.escape(character)}|\\+{re.escape(character)}|\\+(?i:u{ord(character):04x}|x{ord(character):02x})"
        rf"|(?i:%{ord(character):02x})|&#(?:{ord(character)}|(?i:x{ord(character):x}));)"
        for character in secret
    )
