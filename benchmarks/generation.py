"""How busy the client keeps a server, what it costs in processor time and memory; `isothink generate` and its parts.

    python benchmarks/generation.py                   throughput, processor time, and memory of 1,000 and 20,000 pairs
    python benchmarks/generation.py --client-only     the teacher backend alone
    python benchmarks/generation.py --server http://127.0.0.1:8080/v1 --prompts prompts.jsonl --max-tokens 128

Without --server, a stub in a process of its own answers every request after a fixed 200 ms, with 64 slots. The ideal is
64 requests every 200 ms; since 2,000 requests are 31.25 rounds of 64, no client can do better than 31.25/32 of it. A
minimal asyncio client (aiohttp, 64 tasks, nothing else) runs beside for comparison, all in one run and in turn.

With --server, `isothink generate` and the minimal client ask a real server the same questions through a relay that
notes the times and counts the tokens. Who goes first alternates, and every turn marks its prompts with a number of its
own at the start, of equal length: a server that keeps prompts (llama.cpp does) would be faster for whoever comes second
with the same ones. Processor time is that of the process and its children. Memory is read from /proc, so only on Linux.
"""

import argparse
import asyncio
import contextlib
import json
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import aiohttp

from isothink.backends.openai_teacher import ServedTeacher
from isothink.domain.reply import MODES, Reply
from isothink.domain.teacher_settings import OpenAITeacher
from isothink.teacher.protocol import Question

STUB = Path(__file__).parents[1] / "tests" / "backends" / "chat_server.py"
COMMAND = str(Path(sys.executable).with_name("isothink"))
"""The installed script beside this interpreter."""
DELAY, SLOTS = 0.2, 64
REQUESTS = 2000
MEMORY_PAIRS = (1000, 20_000)
MEMORY_WORDS = 300
"""Words of each text in the memory test: what is kept of 20,000 pairs would be seen."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Requests as a server saw them from the first to the last reply, and what they cost the client.

    The check of the toggle asks a few requests before the others; the rest is what comes after it.
    """

    requests: int
    seconds: float
    processor_seconds: float
    requests_of_rest: int = 0
    seconds_of_rest: float = 0.0
    tokens: int = 0

    @property
    def share(self) -> float:
        """Of what the stub could answer."""
        return self.requests / self.seconds / (SLOTS / DELAY)

    @property
    def share_of_rest(self) -> float:
        """The same without the check of the toggle."""
        return self.requests_of_rest / self.seconds_of_rest / (SLOTS / DELAY)

    @property
    def milliseconds(self) -> float:
        """Processor time of one request."""
        return 1000 * self.processor_seconds / self.requests


# the stub


@contextlib.contextmanager
def stub(*arguments: str) -> Iterator[str]:
    """The address of a stub in a process of its own."""
    command = [sys.executable, str(STUB), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.terminate()


def fixed_stub() -> contextlib.AbstractContextManager[str]:
    return stub("--delay", str(DELAY), "--slots", str(SLOTS))


def seen(url: str, processor_seconds: float) -> Work:
    """What a stub saw since it was started."""
    base = url.removesuffix("/v1")
    counts = _get(f"{base}/counts")
    arrivals = sorted(_get(f"{base}/arrivals")["arrivals"])
    # a few requests and a pause before the others are the check of the toggle
    gaps = [number for number in range(1, SLOTS) if arrivals[number] - arrivals[number - 1] > DELAY / 2]
    probe = gaps[0] if gaps else 0
    return Work(
        requests=counts["requests"],
        seconds=counts["last_reply"] - arrivals[0],
        processor_seconds=processor_seconds,
        requests_of_rest=counts["requests"] - probe,
        seconds_of_rest=counts["last_reply"] - arrivals[probe],
    )


def _get(url: str) -> dict:
    with urllib.request.urlopen(url) as response:
        return json.load(response)


# the study


def teacher_settings(url: str, model: str, concurrency: int, max_tokens: int) -> dict:
    return {
        "backend": "openai",
        "base_urls": [url],
        "model": model,
        "off": {"request": {"chat_template_kwargs": {"enable_thinking": False}}},
        "on": {"request": {"chat_template_kwargs": {"enable_thinking": True}}},
        "sampling": {"temperature": 0.0, "max_tokens": max_tokens},
        "requests": {"concurrency": concurrency},
    }


def write_study(folder: Path, prompts: Sequence[str], teacher: dict) -> Path:
    """A study file that only makes pairs."""
    rows = "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
    (folder / "prompts.jsonl").write_text(rows, encoding="utf-8")
    sets = [{"kind": "file", "path": "prompts.jsonl", "rows": {"layout": "prompts", "prompt": "prompt"}}]
    study = {
        "schema_version": 1,
        "name": "generation",
        "prompts": {"backend": "data", "sets": sets},
        "teacher": teacher,
    }
    path = folder / "study.yaml"
    path.write_text(json.dumps(study), encoding="utf-8")  # JSON is YAML
    return path


def made_prompts(count: int) -> list[str]:
    return [f"What is {number} + {number * 7 % 1000}?" for number in range(count)]


def questions(prompts: Sequence[str]) -> Iterator[Question]:
    for number, prompt in enumerate(prompts):
        for mode in MODES:
            yield Question(key=f"{number}-{mode}", prompt=prompt, mode=mode)


# the clients, each in a process of its own


def run_client(which: str, teacher: dict, prompts: Sequence[str]) -> float:
    """The processor seconds of a client for the requests alone."""
    command = [sys.executable, __file__, "--as", which]
    content = json.dumps({"teacher": teacher, "prompts": list(prompts)})
    done = subprocess.run(command, input=content, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def be_client(which: str) -> None:
    """In the child: reads what to ask from standard input."""
    content = json.load(sys.stdin)
    teacher = ServedTeacher(OpenAITeacher.model_validate(content["teacher"]))
    before = _processor_seconds(resource.RUSAGE_SELF)
    if which == "teacher":
        be_teacher(teacher, content["prompts"])
    else:
        asyncio.run(be_minimal(teacher, content["teacher"], content["prompts"]))
    print(_processor_seconds(resource.RUSAGE_SELF) - before)


def be_teacher(teacher: ServedTeacher, prompts: Sequence[str]) -> None:
    failures = []

    def receive(question: Question, answer: object) -> None:
        if not isinstance(answer, Reply):
            failures.append(answer)

    teacher.answer_all(questions(prompts), receive)
    assert not failures, failures[0]


async def be_minimal(teacher: ServedTeacher, settings: dict, prompts: Sequence[str]) -> None:
    """The least that a client with this concurrency does: send a body, read a JSON object."""
    bodies = (teacher.render(question) for question in questions(prompts))
    endpoint = settings["base_urls"][0] + "/chat/completions"
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:

        async def work() -> None:
            for body in bodies:
                async with session.post(endpoint, json=body) as response:
                    assert (await response.json())["choices"]

        await asyncio.gather(*(work() for _ in range(settings["requests"]["concurrency"])))


def run_command(study: Path) -> float:
    """The processor seconds of `isothink generate`, with its children."""
    before = _processor_seconds(resource.RUSAGE_CHILDREN)
    command = [COMMAND, "generate", study.name]
    done = subprocess.run(command, cwd=study.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"isothink generate failed:\n{done.stderr}")
    return _processor_seconds(resource.RUSAGE_CHILDREN) - before


def _processor_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


# throughput and processor time


def measure_stub(options: argparse.Namespace) -> None:
    prompts = made_prompts(options.requests // 2)
    works: dict[str, list[Work]] = {}
    for _ in range(options.rounds):
        for which in ("minimal asyncio client", "teacher backend", "isothink generate"):
            if which == "isothink generate" and options.client_only:
                continue
            with fixed_stub() as url, TemporaryDirectory() as folder:
                teacher = teacher_settings(url, "test-model", SLOTS, 1024)
                if which == "isothink generate":
                    processor = run_command(write_study(Path(folder), prompts, teacher))
                else:
                    processor = run_client("minimal" if which.startswith("minimal") else "teacher", teacher, prompts)
                works.setdefault(which, []).append(seen(url, processor))
    requests = works["teacher backend"][0].requests
    rounds = -(-requests // SLOTS)
    print(f"{requests} requests, {SLOTS} in flight, a stub that answers after {1000 * DELAY:.0f} ms with {SLOTS} slots")
    print(f"ideal {SLOTS / DELAY:.0f} requests/s; whole rounds allow {requests / SLOTS / rounds:.1%} of it")
    print(f"  {'':<24} {'share of the ideal':>26}   {'without the probe':>26}   {'processor ms per request':>26}")
    for which, several in works.items():
        shares = spread([100 * work.share for work in several], 1, "%")
        main = spread([100 * work.share_of_rest for work in several], 1, "%")
        milliseconds = spread([work.milliseconds for work in several], 2, "")
        print(f"  {which:<24} {shares:>26}   {main:>26}   {milliseconds:>26}")


def spread(values: Sequence[float], digits: int, unit: str) -> str:
    """Median, smallest and largest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f}{unit} ({low:.{digits}f} to {high:.{digits}f})"


# memory


def measure_memory(options: argparse.Namespace) -> None:
    print(f"peak resident memory of `isothink generate` and its processes, texts of {MEMORY_WORDS} words")
    peaks = []
    for pairs in options.memory:
        with stub("--words", str(MEMORY_WORDS)) as url, TemporaryDirectory() as folder:
            teacher = teacher_settings(url, "test-model", SLOTS, 1024)
            study = write_study(Path(folder), made_prompts(pairs), teacher)
            peaks.append(peak_memory([COMMAND, "generate", study.name], study.parent))
        print(f"  {pairs:>7,} pairs   {peaks[-1] / 1e6:8.1f} MB")
    print(f"  growth          {(peaks[-1] - peaks[0]) / 1e6:8.1f} MB")


def peak_memory(command: Sequence[str], folder: Path) -> int:
    """The largest sum of resident bytes over a process and its descendants, looked at every 20 ms."""
    peak = 0
    with (folder / "errors").open("w+") as errors:
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors) as process:
            while process.poll() is None:
                peak = max(peak, sum(resident(pid) for pid in descendants(process.pid)))
                time.sleep(0.02)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"isothink generate failed:\n{errors.read()}")
    return peak


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


# a real server


class Relay:
    """Passes bytes between clients and a server, notes when the first and the last came, and counts tokens."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._target = (parts.hostname, parts.port or 80)
        self._path = parts.path
        self._ready = threading.Event()
        self.reset()
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        self._ready.wait()
        self.url = f"http://127.0.0.1:{self.port}{self._path}"

    def reset(self) -> None:
        """Begins to measure anew."""
        self.first, self.last, self.tokens, self.replies = 0.0, 0.0, 0, 0

    async def _run(self) -> None:
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(
            self._pump(reader, server_writer, self._asked), self._pump(server_reader, writer, self._answered())
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(2**16):
                note(chunk)
                writer.write(chunk)
                await writer.drain()
        writer.close()

    def _asked(self, chunk: bytes) -> None:
        self.first = self.first or time.perf_counter()

    def _answered(self):
        kept = b""

        def note(chunk: bytes) -> None:
            nonlocal kept
            self.last = time.perf_counter()
            kept += chunk
            for found in re.finditer(rb'"completion_tokens"\s*:\s*(\d+)\s*[,}]', kept):
                self.tokens += int(found[1])
                self.replies += 1
            end = max((found.end() for found in re.finditer(rb'"completion_tokens"\s*:\s*\d+\s*[,}]', kept)), default=0)
            kept = kept[max(end, len(kept) - 64) :]

        return note

    def work(self, processor_seconds: float) -> Work:
        """What went through since the last reset."""
        return Work(
            requests=self.replies,
            seconds=self.last - self.first,
            processor_seconds=processor_seconds,
            tokens=self.tokens,
        )


def measure_server(options: argparse.Namespace) -> None:
    if options.prompts:
        rows = map(json.loads, options.prompts.read_text(encoding="utf-8").splitlines())
        prompts = [row[options.column] for row in rows][: options.pairs]
    else:
        prompts = made_prompts(options.pairs)
    relay = Relay(options.server)
    teacher = teacher_settings(relay.url, options.model, options.concurrency, options.max_tokens)
    run_client("minimal", teacher, prompts[:2])  # the server's first requests load what it loads
    works: dict[str, list[Work]] = {"minimal asyncio client": [], "isothink generate": []}
    for number in range(options.rounds):
        order = list(works) if number % 2 == 0 else list(reversed(works))
        for turn, which in enumerate(order):
            marked = [f"({10 + 2 * number + turn}) {prompt}" for prompt in prompts]
            relay.reset()
            with TemporaryDirectory() as folder:
                if which == "isothink generate":
                    processor = run_command(write_study(Path(folder), marked, teacher))
                else:
                    processor = run_client("minimal", teacher, marked)
            works[which].append(relay.work(processor))
    print(f"{len(prompts)} prompts in both modes, {options.concurrency} in flight, at most {options.max_tokens} tokens")
    for which, several in works.items():
        speeds = spread([work.tokens / work.seconds for work in several], 1, "")
        counts = ", ".join(f"{work.requests} and {work.tokens}" for work in several)
        print(f"  {which:<24} tokens/s {speeds:>28}   replies and tokens: {counts}")
    pairs = zip(works["isothink generate"], works["minimal asyncio client"], strict=True)
    ratios = [ours.tokens / ours.seconds / (theirs.tokens / theirs.seconds) for ours, theirs in pairs]
    print(f"  ratio {spread(ratios, 3, '')}: {', '.join(f'{ratio:.3f}' for ratio in ratios)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as", dest="client", choices=("teacher", "minimal"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--client-only", action="store_true", help="not `isothink generate`")
    parser.add_argument("--memory", type=int, nargs="*", default=MEMORY_PAIRS, help="numbers of pairs; none: skip it")
    parser.add_argument("--server", help="the address of a real server, up to /v1")
    parser.add_argument("--model", default="default", help="as the server names it")
    parser.add_argument("--prompts", type=Path, help="a .jsonl file for --server")
    parser.add_argument("--column", default="prompt", help="of that file")
    parser.add_argument("--pairs", type=int, default=50, help="prompts for --server")
    parser.add_argument("--concurrency", type=int, default=4, help="for --server")
    parser.add_argument("--max-tokens", type=int, default=128, help="for --server")
    options = parser.parse_args()
    if options.client:
        be_client(options.client)
    elif options.server:
        measure_server(options)
    else:
        measure_stub(options)
        if options.memory and not options.client_only:
            measure_memory(options)


if __name__ == "__main__":
    main()
