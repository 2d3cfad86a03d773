"""A chat server of the tests' own: like an OpenAI-compatible one, but it misbehaves where a prompt says so, and counts.

In a test:       with ChatServer(delay=0.1) as server: ... server.url, server.counts(), server.requests, server.stop()
In a process:    python tests/backends/chat_server.py --port 0 --delay 0.2 --slots 64     (prints `listening on URL`)

A prompt scripts its own replies with a JSON object after `server:`, for example

    What is 1+1? server:{"fault": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 2}

`fault` is one of FAULTS below and happens for the first `times` requests of that prompt and mode, or for all of them.
Further keys: `delay` (seconds), `status`, `headers`, `body` (of a fault), and for good replies `message`, `choice` and
`response`, whose keys replace those of the reply; `echo` puts the credentials that came into every text. What stands
under `off` or `on` counts in that mode alone.

At /v1/completions the prompt is a list of token ids, or a text; `texts` maps the ids to the text that scripts, and
counts are under that text with the mode `text`. A reply's keys there are `text`, `token_ids` and the like, in `choice`.

GET /counts tells how often each prompt was asked in each mode, and when the first and the last request came; GET
/arrivals when each came; GET /v1/models names the model.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

MARKER = "server:{"
FAULTS = (
    "status",  # with `status`, `headers`, `body`
    "reset",  # the connection is reset
    "close",  # it is closed without a word
    "reset_in_body",  # it is reset after half of the body
    "cut_length",  # the body is shorter than its Content-Length
    "cut_chunked",  # chunks without an end
    "not_json",
    "not_object",
    "error_200",  # an error with status 200
    "error_in_choice",
    "no_choices",
    "empty_choices",
    "null_choice",
    "no_message",
    "null_message",
    "no_http",  # something else than HTTP
    "hang",  # no answer for `seconds`, or an hour
    "endless",  # a body without end
    "nested",  # JSON that is nested too deeply to read
    "raw",  # `body` with status 200
)
_REASONS = {200: "OK", 429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    prompt: str
    mode: str
    time: float
    path: str
    headers: dict[str, str]
    body: dict


@dataclass(kw_only=True)
class Settings:
    """How the server behaves towards every prompt."""

    delay: float = 0.0
    """Seconds in a slot before a reply."""
    slots: int = 0
    """Requests worked on at a time; 0: all."""
    model: str = "test-model"
    api_key: str = ""
    """Refuses every other key with status 401, and says which it was."""
    reasoning_field: str = "reasoning_content"
    """Or `reasoning`, or `tags`: think tags in the content."""
    toggle: str = "works"
    """Or `always`, `never`: it reasons whatever is asked; `merged`: with reasoning off the answer is the trace."""
    fault: str = ""
    """A fault for every request."""
    fault_every: int = 0
    """Every so many requests one fails, with the fault that is next in PASSING."""
    words: int = 0
    """So many further words in every trace and answer."""
    script: dict = field(default_factory=dict)
    """The script of prompts that have none of their own."""
    texts: dict = field(default_factory=dict)
    """The prompt of a completion by its token ids, as a tuple."""
    takes_token_ids: bool = True
    """Or it refuses them, as servers do that know texts alone."""
    keep_requests: bool = True
    """Whether `requests` holds every request."""


PASSING = ("status", "reset", "cut_length", "not_json", "empty_choices", "close", "error_200")


@dataclass(kw_only=True)
class Tally:
    """What is counted."""

    counts: Counter = field(default_factory=Counter)
    requests: int = 0
    replies: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    first_request: float | None = None
    last_request: float | None = None
    last_reply: float | None = None
    connections: int = 0
    arrivals: list = field(default_factory=list)

    def as_json(self):
        facts = {name: value for name, value in vars(self).items() if name not in ("counts", "arrivals")}
        rows = [{"prompt": prompt, "mode": mode, "count": count} for (prompt, mode), count in self.counts.items()]
        return {**facts, "counts": rows}


class ChatServer:
    """The server in a thread of its own; a context manager. It may be stopped, which kills it, and started again."""

    def __init__(self, *, settings=None, **changes):
        self.settings = settings or Settings(**changes)
        self.tally = Tally()
        self.requests = []
        self.port = 0
        self._thread = None
        self._loop = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def counts(self):
        """How often each prompt was asked in each mode."""
        return dict(self.tally.counts)

    def times(self, prompt, mode="off"):
        """When it was asked so."""
        return [asked.time for asked in self.requests if (asked.prompt, asked.mode) == (prompt, mode)]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Listens; on the port that it had before, if it was started before."""
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started.set)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def stop(self):
        """Dies: listens no more, and resets every connection."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(10)
            self._thread = None

    async def _run(self, started):
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._tasks = set()
        self._slots = asyncio.Semaphore(self.settings.slots) if self.settings.slots else contextlib.nullcontext()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        started()
        try:
            await self._stopped.wait()
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.tally.connections += 1
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, EOFError):
            pass
        except asyncio.CancelledError:
            _reset(writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _request(self, reader, writer):
        """Answers one request; whether the connection goes on."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        if method == "GET":
            known = {"/counts": self.tally.as_json, "/arrivals": self._arrivals, "/v1/models": self._models}
            _write(writer, 200 if path in known else 404, known.get(path, dict)())
            await writer.drain()
            return True
        if not path.endswith(("/v1/chat/completions", "/v1/completions")):
            self.tally.counts[path, ""] += 1
            _write(writer, 404, {"detail": "Not Found"})
            return True
        tally = self.tally
        tally.in_flight += 1
        tally.most_in_flight = max(tally.most_in_flight, tally.in_flight)
        try:
            return await self._reply(writer, path, headers, json.loads(content))
        finally:
            tally.in_flight -= 1

    def _arrivals(self):
        return {"arrivals": self.tally.arrivals}

    def _completed(self, body):
        """The text of a completion's prompt."""
        prompt = body["prompt"]
        return (prompt if isinstance(prompt, str) else self.settings.texts.get(tuple(prompt), str(prompt))), "text"

    def _models(self):
        return {"object": "list", "data": [{"id": self.settings.model, "object": "model"}]}

    async def _reply(self, writer, path, headers, body):
        tally, settings = self.tally, self.settings
        is_chat = "messages" in body
        prompt, mode = (body["messages"][-1]["content"], mode_of(body)) if is_chat else self._completed(body)
        script = script_of(prompt, mode) or settings.script
        tally.counts[prompt, mode] += 1
        tally.requests += 1
        now = time.time()
        tally.arrivals.append(now)
        tally.first_request, tally.last_request = tally.first_request or now, now
        if settings.keep_requests:
            self.requests.append(Asked(prompt=prompt, mode=mode, time=now, path=path, headers=headers, body=body))
        credentials = headers.get("authorization", "").removeprefix("Bearer ")
        echo = f" {credentials}" if script.get("echo") else ""
        if settings.api_key and credentials != settings.api_key:
            error = {"message": f"Incorrect API key provided: {credentials}.", "type": "invalid_request_error"}
            _write(writer, 401, {"error": error})
            return True
        number = tally.requests
        async with self._slots:
            delay = script.get("delay", settings.delay)
            if delay:
                await asyncio.sleep(delay)
            fault = settings.fault
            if tally.counts[prompt, mode] <= script.get("times", sys.maxsize):
                fault = script.get("fault", fault)
            if settings.fault_every and number % settings.fault_every == 0:
                fault = PASSING[number // settings.fault_every % len(PASSING)]
            make = reply_to if is_chat else completion_of
            reply = make(prompt, mode, body, script, settings, echo)
            if not is_chat and not settings.takes_token_ids and isinstance(body["prompt"], list):
                fault, script = "status", {"status": 422, "body": {"error": {"message": "prompt: expected a string"}}}
            goes_on = True
            if fault:
                goes_on = await _misbehave(writer, fault, script, reply, echo)
            else:
                _write(writer, 200, reply)
            await writer.drain()
        tally.replies += 1
        tally.last_reply = time.time()
        return goes_on


def mode_of(body):
    """Whether a request asks for reasoning, by any of the usual toggles."""
    thinking = (body.get("chat_template_kwargs") or {}).get("enable_thinking")
    if thinking is None:
        thinking = (body.get("thinking") or {}).get("type") == "enabled" if "thinking" in body else None
    if thinking is None and "reasoning_effort" in body:
        thinking = body["reasoning_effort"] not in ("none", "minimal")
    if thinking is None:
        texts = " ".join(message["content"] for message in body["messages"])
        thinking = "/no_think" not in texts and ("/think" in texts or "thinking" in body["model"])
    return "on" if thinking else "off"


def script_of(prompt, mode):
    """The JSON object after `server:` in a prompt."""
    start = prompt.find(MARKER)
    if start < 0:
        return {}
    script, _ = json.JSONDecoder().raw_decode(prompt[start + len(MARKER) - 1 :])
    return {**script, **script.get(mode, {})}


def reply_to(prompt, mode, body, script, settings, echo=""):
    """A good reply."""
    question = prompt.partition(MARKER)[0].strip()
    more = " and so on" * (settings.words // 3)
    answer = f"The answer to {question!r}{more}.{echo}"
    trace = f"Let me think about {question!r}{more}.{echo}"
    reasons = {"always": True, "never": False}.get(settings.toggle, mode == "on")
    message = {"role": "assistant", "content": answer}
    if reasons and settings.reasoning_field == "tags":
        message["content"] = f"<think>\n{trace}\n</think>\n\n{answer}"
    elif reasons:
        message[settings.reasoning_field] = trace
    elif settings.toggle == "merged":
        message = {"role": "assistant", "content": None, "reasoning_content": answer}
    message.update(script.get("message", {}))
    words = sum(len(text.split()) for text in message.values() if isinstance(text, str)) - 1
    choice = {"index": 0, "message": message, "finish_reason": "stop", **script.get("choice", {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [choice],
        "usage": {"prompt_tokens": len(prompt.split()), "completion_tokens": words, "total_tokens": 0},
        **script.get("response", {}),
    }


def completion_of(prompt, mode, body, script, settings, echo=""):
    """A good completion, as long as the cap allows: words are tokens, and the end is one more."""
    words = f"the answer is 4 .{echo}".split()
    cut = words[: body["max_tokens"]]
    ended = len(cut) < body["max_tokens"]
    choice = {"index": 0, "text": " ".join(cut), "finish_reason": "stop" if ended else "length"}
    usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(cut) + ended}
    return {
        "object": "text_completion",
        "model": body["model"],
        "choices": [{**choice, **script.get("choice", {})}],
        "usage": {**usage, **script.get("usage", {})},
        **script.get("response", {}),
    }


def _write(writer, status, content, headers=None):
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Reason')}", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}"] + [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)


def _write_choices(writer, choices):
    _write(writer, 200, {"model": "test-model", "choices": choices})


def _reset(writer):
    """Closes with RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _misbehave(writer, fault, script, reply, echo):
    """Answers as a fault does; whether the connection goes on."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    whole = json.dumps(reply).encode()
    half = whole[: len(whole) // 2]
    error = {"error": {"message": f"the server has a fault{echo}", "code": 500}}
    choices = {
        "empty_choices": [],
        "null_choice": [None],
        "no_message": [{"index": 0, "finish_reason": "stop"}],
        "null_message": [{"index": 0, "finish_reason": "stop", "message": None}],
        "error_in_choice": [{"index": 0, "finish_reason": "error", "message": {"content": ""}, **error}],
    }
    if fault in choices:
        _write_choices(writer, choices[fault])
    elif fault == "status":
        _write(writer, script.get("status", 500), script.get("body", error), script.get("headers"))
    elif fault == "not_json":
        _write(writer, 200, f"<html>upstream timed out{echo}</html>")
    elif fault == "not_object":
        _write(writer, 200, ["a list"])
    elif fault == "error_200":
        _write(writer, 200, error)
    elif fault == "no_choices":
        _write(writer, 200, {"model": "test-model"})
    elif fault == "raw":
        _write(writer, 200, script["body"])
    elif fault == "nested":
        _write(writer, 200, "[" * 200_000)
    else:
        if fault == "reset":
            _reset(writer)
        elif fault == "reset_in_body":
            writer.write(head + b"Content-Length: %d\r\n\r\n" % len(whole) + half)
            await writer.drain()
            await asyncio.sleep(0.05)
            _reset(writer)
        elif fault == "cut_length":
            writer.write(head + b"Content-Length: %d\r\n\r\n" % len(whole) + half)
        elif fault == "cut_chunked":
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(half) + half + b"\r\n")
        elif fault == "no_http":
            writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        elif fault == "hang":
            await asyncio.sleep(script.get("seconds", 3600))
        elif fault == "endless":
            writer.write(head + b"\r\n")
            while True:
                writer.write(b" " * 2**20)
                await writer.drain()
        elif fault != "close":
            raise ValueError(fault)
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--slots", type=int, default=0)
    parser.add_argument("--words", type=int, default=0)
    parser.add_argument("--model", default="test-model")
    parser.add_argument("--api-key", default="")
    parser.add_argument("--reasoning-field", choices=("reasoning_content", "reasoning", "tags"))
    parser.add_argument("--toggle", choices=("works", "always", "never", "merged"))
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--fault-every", type=int, default=0)
    options = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    server = ChatServer(keep_requests=False, **{name: options[name] for name in options if name != "port"})
    server.port = options["port"]

    def started():
        print(f"listening on {server.url}", flush=True)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server._run(started))


if __name__ == "__main__":
    main()
