"""Asks OpenAI-compatible servers: many requests in flight over all addresses, faults tried again with growing waits.

Used by openai_teacher.py, openai_answerer.py and openai_judge.py, which say what a request holds and read what came
back. What keeps failing is handed over as the failure of its question. Siblings: openai_addresses.py says where the
next request goes, openai_response.py reads responses, openai_secrets.py holds the credentials.
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Generic, Protocol, TypeVar

import aiohttp
from pydantic import JsonValue
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential

from isothink.backends.openai_addresses import Address, Addresses, read_address
from isothink.backends.openai_faults import RefusalError, TryError, UnreachableError
from isothink.backends.openai_response import LARGEST_BODY, LARGEST_ERROR_BODY, Response, shortened
from isothink.backends.openai_secrets import Credentials, Secrets, read_headers
from isothink.domain.reply import Failure
from isothink.domain.teacher_settings import Requests
from isothink.errors import StepError

CONNECT_SECONDS = 10.0
ERROR_BODY_SECONDS = 10.0
KEPT_CONNECTION_SECONDS = 4.0
"""Idle connections are not reused for longer: uvicorn, under vLLM and SGLang, closes them after 5 s."""
_SPARE_FILES = 128

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Served(Credentials, Protocol):
    """What the study file says of a served model."""

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Its addresses."""

    @property
    def requests(self) -> Requests:
        """How it is asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """What a served model is in the study, for messages: the key that names it, and what to do where it fails."""

    key: str
    name: str
    endpoint: str = "/chat/completions"
    after_repair: str = "run the same command again, which goes on"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange(Generic[Asked, Answer]):
    """What is sent for a question, and how a response to it is read, given which try it answers.

    `read` raises what openai_faults.py holds, or a StepError, where the response is no answer.
    """

    render: Callable[[Asked], Mapping[str, JsonValue]]
    read: Callable[[Asked, Response, int], Answer]


class OpenAIClient:
    """One served model at all its addresses."""

    def __init__(self, settings: Served, role: Role) -> None:
        """Reads the credentials from the environment; nothing is asked yet.

        Raises:
            StudyError: an address or a header of the study file cannot be used.
            UsageError: a credential is missing or cannot be sent.
        """
        self.role = role
        self.requests = settings.requests
        self.headers = read_headers(settings, key=role.key)
        self.secrets = Secrets(self.headers.values())
        self.addresses = [read_address(url, key=role.key, endpoint=role.endpoint) for url in settings.base_urls]

    def ask_all(
        self,
        questions: Iterable[Asked],
        exchange: Exchange[Asked, Answer],
        receive: Callable[[Asked, Answer | Failure], None],
    ) -> None:
        """Asks every question and hands each answer over as it comes, in the caller's thread and in any order.

        `questions` is read lazily. What `receive` raises ends the work and passes through.

        Raises:
            StepError: no question can be answered.
        """
        _allow_open_files(self.requests.concurrency + _SPARE_FILES)
        asking = _Asking(self, iter(questions), exchange, receive)
        asyncio.run(asking.run())
        if asking.error is not None:
            raise asking.error


class _Asking(Generic[Asked, Answer]):
    """One call of ask_all."""

    def __init__(
        self,
        client: OpenAIClient,
        questions: Iterator[Asked],
        exchange: Exchange[Asked, Answer],
        receive: Callable[[Asked, Answer | Failure], None],
    ) -> None:
        self.error: BaseException | None = None
        self._client = client
        self._exchange = exchange
        self._questions = questions
        self._receive = receive
        self._requests = client.requests
        self._failures_in_a_row = 0

    async def run(self) -> None:
        """Works until all questions are answered, or an error ends the work."""
        self._ended = asyncio.Event()
        self._addresses = Addresses(
            [replace(address) for address in self._client.addresses],
            self._requests,
            name=self._client.role.name,
            key=self._client.role.key,
        )
        async with self._open_session() as self._session:
            workers = [asyncio.create_task(self._work()) for _ in range(self._requests.concurrency)]
            self._working = len(workers)
            try:
                await self._ended.wait()
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    def _open_session(self) -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig()
        # a reply can take half an hour, so that a connection alone must tell that an address is back
        tracing.on_connection_create_end.append(self._on_connection)
        tracing.on_connection_reuseconn.append(self._on_connection)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_CONNECTION_SECONDS),
            timeout=aiohttp.ClientTimeout(total=self._requests.timeout_seconds, connect=CONNECT_SECONDS),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "isothink",
                **self._client.headers,
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing],
        )

    async def _on_connection(self, _session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
        self._addresses.connected(context.trace_request_ctx)

    async def _work(self) -> None:
        """One of the requests in flight: takes question after question."""
        try:
            for question in self._questions:
                answer = await self._answer(question)
                if self.error is not None:
                    return
                self._receive(question, answer)
                self._watch(answer)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # also KeyboardInterrupt, which must not tear the event loop down by itself
            self.error = self.error or error
            self._ended.set()
        finally:
            self._working -= 1
            if not self._working:
                self._ended.set()

    def _watch(self, answer: Answer | Failure) -> None:
        """A broken server must not turn the whole set into failures."""
        if isinstance(answer, Failure) and self._failures_in_a_row >= max(100, 2 * self._requests.concurrency):
            raise StepError(
                f"{self._failures_in_a_row} requests in a row failed, the last one with: {answer.error}",
                hint=f"repair the server, then {self._client.role.after_repair}",
            )

    async def _answer(self, question: Asked) -> Answer | Failure:
        request = _Request(question, self._exchange.render(question))
        try:
            try:
                reply = await self._try(request)
            except TryError as fault:
                request.fault = fault
                reply = await self._try_again(request)
        except RefusalError as error:  # a prompt that is too long, say: the server itself is well
            return Failure(error=str(error), attempts=request.attempts)
        except TryError as error:
            self._failures_in_a_row += 1
            return Failure(error=str(error), attempts=request.attempts)
        self._failures_in_a_row = 0
        return reply

    async def _try_again(self, request: "_Request[Asked]") -> Answer:
        """Retrying proper is entered only after a first fault, since it costs more than a request does."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TryError),
            stop=stop_after_attempt(self._requests.attempts),
            wait=_Waits(self._requests),
            sleep=asyncio.sleep,
            reraise=True,
        )

        async def next_try() -> Answer:
            if request.fault is not None:  # the first fault is handed in, so that tries and waits are counted right
                fault, request.fault = request.fault, None
                raise fault
            return await self._try(request)

        reply: Answer = await retrying(next_try)
        return reply

    async def _try(self, request: "_Request[Asked]") -> Answer:
        """One try, at whichever address can be reached."""
        request.attempts += 1
        while True:
            address = await self._addresses.take(request, avoided=request.last_address)
            started = time.monotonic()
            try:
                response = await self._post(request, address)
                break
            except UnreachableError as unreachable:
                self._addresses.failed(address, started=started, reason=str(unreachable))
            finally:
                self._addresses.give_back(address, request)
                request.last_address = address
        return self._exchange.read(request.question, response, request.attempts)

    async def _post(self, request: "_Request[Asked]", address: Address) -> Response:
        started = time.perf_counter()
        try:
            async with self._session.post(
                address.endpoint,
                data=request.body,
                allow_redirects=False,  # they would take the credentials along
                proxy=address.proxy,
                trace_request_ctx=address,
            ) as response:
                self._addresses.connected(address)
                body = await _read_body(response, address.base_url)
                return Response(
                    address=address.base_url,
                    status=response.status,
                    headers=response.headers,
                    body=body,
                    latency_seconds=time.perf_counter() - started,
                )
        except (aiohttp.ClientError, OSError, ValueError) as caught:  # ValueError: a host name that DNS cannot hold
            error = self._judged(caught, address)
        raise error  # here, so that it has no context: aiohttp's errors hold the headers that were sent

    def _judged(self, error: Exception, address: Address) -> Exception:
        """What an error of aiohttp means."""
        text = shortened(self._client.secrets.redact(str(error) or type(error).__name__))
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return StepError(
                f"{address.base_url}: its certificate is not valid: {text}",
                hint="name the host as in its certificate, or let SSL_CERT_FILE name the authority that signed it",
            )
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return UnreachableError(f"no connection within {CONNECT_SECONDS:g} s")
        if isinstance(error, aiohttp.ClientConnectorError):
            return UnreachableError(_reason(error.os_error) or text)
        if isinstance(error, TimeoutError):
            return TryError(f"{address.base_url}: no whole reply within {self._requests.timeout_seconds:g} s")
        return TryError(f"{address.base_url}: {text}")


class _Request(Generic[Asked]):
    """A question on its way, over all its tries."""

    def __init__(self, question: Asked, body: Mapping[str, JsonValue]) -> None:
        self.question = question
        self.body = json.dumps(body).encode()
        self.attempts = 0
        self.last_address: Address | None = None
        self.fault: TryError | None = None


class _Waits:
    """Doubling with jitter, or what the server asks for; never longer than the study allows."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._doubling = wait_exponential(multiplier=requests.first_wait_seconds, max=requests.longest_wait_seconds)

    def __call__(self, retry_state: RetryCallState) -> float:
        wait = float(self._doubling(retry_state)) * random.uniform(0.5, 1.5)
        fault = retry_state.outcome.exception() if retry_state.outcome is not None else None
        if isinstance(fault, TryError) and fault.retry_after is not None and fault.retry_after > wait:
            # not all at the very moment that all were told
            wait = fault.retry_after + random.uniform(0, self._requests.first_wait_seconds)
        return min(wait, self._requests.longest_wait_seconds)


async def _read_body(response: aiohttp.ClientResponse, address: str) -> bytes:
    """The body, within bounds; of an error as much as comes, since its status says enough."""
    chunks: list[bytes] = []
    if 200 <= response.status < 300:
        if not await _read_chunks(response, chunks, LARGEST_BODY):
            response.close()
            raise TryError(f"{address} answered more than {LARGEST_BODY // 2**20} MiB")
        return b"".join(chunks)
    try:
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            whole = await _read_chunks(response, chunks, LARGEST_ERROR_BODY)
    except (aiohttp.ClientError, OSError):
        whole = False
    if not whole:
        response.close()
    return b"".join(chunks)


async def _read_chunks(response: aiohttp.ClientResponse, chunks: list[bytes], limit: int) -> bool:
    """Whether the body ended within the limit."""
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > limit:
            return False
        chunks.append(chunk)
    return True


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or ""


def _allow_open_files(wanted: int) -> None:
    """Every request in flight is an open file, and many systems allow a process only 1,024 unless it asks for more."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= wanted:
        return
    wanted = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
