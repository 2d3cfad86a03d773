"""The served teacher, against a server that misbehaves in every way that prompts ask for, and counts every request."""

import contextlib
import email.utils
import gc
import json
import logging
import signal
import subprocess
import sys
import threading
import time
import traceback
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="served teachers need the [generate] extra")
pytest.importorskip("tenacity", reason="served teachers need the [generate] extra")

from isothink.backends import openai_addresses, openai_response
from isothink.backends.openai_faults import RefusalError, TryError
from isothink.backends.openai_response import Response, read_response
from isothink.backends.openai_secrets import Secrets
from isothink.backends.openai_teacher import ServedTeacher
from isothink.compute.registry import lookup
from isothink.domain.reply import Failure, Reply
from isothink.domain.teacher_settings import OpenAITeacher
from isothink.errors import IsothinkError, StepError, StudyError, UsageError
from isothink.teacher.protocol import Question

from ..teacher.conformance import TeacherConformance, ask
from .chat_server import FAULTS, ChatServer

THINKING = {
    "off": {"request": {"chat_template_kwargs": {"enable_thinking": False}}},
    "on": {"request": {"chat_template_kwargs": {"enable_thinking": True}}},
}
QUICK = {
    "concurrency": 8,
    "attempts": 3,
    "first_wait_seconds": 0.02,
    "longest_wait_seconds": 0.1,
    "timeout_seconds": 10,
}
KEY = 'sk-Geheim/4+2="\\ü?'
"""A key that JSON, URLs, HTML and Python each escape in their own way."""


ECHOES = {
    "plain": KEY,
    "json": json.dumps(KEY),
    "json twice": json.dumps(json.dumps(KEY)),
    "json escapes throughout": "".join(f"\\u{ord(character):04X}" for character in KEY),
    "python": repr(KEY),
    "url": "sk-Geheim%2F4%2B2%3D%22%5C%C3%BC%3F",
    "html": "sk-Geheim/4+2=&quot;\\ü?",
    "other": "extra-geheim",
}
CONFIG = {
    "model_type": "qwen3", "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "vocab_size": 64,
}  # fmt: skip


def build(*urls, requests=None, **changes):
    settings = {"backend": "openai", "base_urls": list(urls), "model": "test-model", **THINKING, **changes}
    return ServedTeacher(OpenAITeacher.model_validate({**settings, "requests": QUICK | (requests or {})}))


def scripted(**script):
    """A prompt that tells the server what to do."""
    return f"What is 1+1? server:{json.dumps(script)}"


def ask_one(teacher, prompt, mode="on"):
    return ask(teacher, [prompt], modes=(mode,))[prompt, mode]


def questions(count, mode="on"):
    return (Question(key=str(number), prompt=f"question {number}", mode=mode) for number in range(count))


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


@pytest.fixture
def server():
    with ChatServer() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """No test leaves a task, an exception or a connection behind that asyncio or aiohttp complain about."""
    complaints = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = complaints.append
    logging.getLogger().addHandler(handler)
    yield
    gc.collect()
    logging.getLogger().removeHandler(handler)
    assert [record.getMessage() for record in complaints] == []


class TestServedTeacher(TeacherConformance):
    @pytest.fixture
    def teacher(self, server):
        return build(server.url)

    @pytest.fixture
    def prompts(self):
        return ["What is 2+2?", "Name a river.", "Ein Wort: Größe"]

    def test_a_known_reply(self, teacher):
        reply = ask_one(teacher, "What is 2+2?")
        assert reply.content == "The answer to 'What is 2+2?'."
        assert reply.reasoning == "Let me think about 'What is 2+2?'."
        assert json.loads(reply.message) == {
            "role": "assistant", "content": reply.content, "reasoning_content": reply.reasoning,
        }  # fmt: skip
        assert (reply.finish, reply.finish_reason, reply.model) == ("end", "stop", "test-model")
        assert (reply.prompt_tokens, reply.output_tokens, reply.max_tokens, reply.attempts) == (3, 13, 16384, 1)

    def test_it_is_not_free_and_has_the_name_of_the_study(self, teacher):
        assert (teacher.name, teacher.is_free) == ("test-model", False)

    def test_the_server_gets_what_is_rendered(self, server, teacher, prompts):
        ask(teacher, prompts, max_tokens=7)
        rendered = [
            teacher.render(Question(key="k", prompt=prompt, mode=mode, max_tokens=7))
            for prompt in prompts
            for mode in ("off", "on")
        ]
        assert sorted(map(json.dumps, rendered)) == sorted(json.dumps(asked.body) for asked in server.requests)
        assert {asked.body["max_tokens"] for asked in server.requests} == {7}


class TestToggles:
    """The two bodies differ in what the study file says, and in nothing else."""

    CASES = (
        (THINKING["off"], THINKING["on"], {"chat_template_kwargs"}),
        ({"request": {"reasoning_effort": "none"}}, {"request": {"reasoning_effort": "high"}}, {"reasoning_effort"}),
        ({}, {"request": {"thinking": {"type": "enabled"}}}, {"thinking"}),
        ({"prompt_suffix": " /no_think"}, {"prompt_suffix": " /think"}, {"messages"}),
        ({"system": "/no_think"}, {"system": "/think"}, {"messages"}),
        ({}, {"system": "Think first."}, {"messages"}),
        ({"model": "instruct"}, {"model": "thinking"}, {"model"}),
        (
            {**THINKING["off"], "sampling": {"temperature": 0.0}},
            THINKING["on"],
            {"chat_template_kwargs", "temperature"},
        ),
        ({**THINKING["off"], "sampling": {"seed": 3}}, THINKING["on"], {"chat_template_kwargs", "seed"}),
    )

    @pytest.mark.parametrize(("off", "on", "differing"), CASES)
    def test_only_the_toggle_differs(self, off, on, differing):
        teacher = build("http://127.0.0.1:1/v1", off=off, on=on)
        rendered = [teacher.render(Question(key="k", prompt="Why?", mode=mode)) for mode in ("off", "on")]
        names = set(rendered[0]) | set(rendered[1])
        assert {name for name in names if rendered[0].get(name) != rendered[1].get(name)} == differing

    def test_a_whole_body(self):
        teacher = build(
            "http://127.0.0.1:1/v1",
            on={"system": "Think.", "prompt_suffix": " /think", "model": "other", "request": {"top_a": [1]}},
            sampling={"temperature": 1.0, "top_p": 1.0, "top_k": 20, "max_tokens": 99},
            max_tokens_field="max_completion_tokens",
        )
        assert teacher.render(Question(key="k", prompt="Why?", mode="on")) == {
            "model": "other",
            "messages": [{"role": "system", "content": "Think."}, {"role": "user", "content": "Why? /think"}],
            "temperature": 1.0,
            "top_p": 1.0,
            "top_k": 20,
            "top_a": [1],
            "max_completion_tokens": 99,
        }


class TestFaults:
    """Each fault is tried again, as often as the study says and no oftener."""

    PASSING = tuple(fault for fault in FAULTS if fault not in ("hang", "endless", "raw"))

    def test_what_passes_is_answered(self, server):
        prompts = [scripted(fault=fault, times=2) for fault in self.PASSING]
        for (prompt, mode), reply in ask(build(server.url), prompts).items():
            assert isinstance(reply, Reply), (prompt, reply)
            assert reply.attempts == server.counts()[prompt, mode] == 3
            assert bool(reply.reasoning) == (mode == "on")

    def test_what_stays_is_a_failure(self, server):
        prompts = [scripted(fault=fault) for fault in self.PASSING]
        for (prompt, mode), failure in ask(build(server.url), prompts).items():
            assert isinstance(failure, Failure), (prompt, failure)
            assert failure.attempts == server.counts()[prompt, mode] == 3
            assert failure.error.startswith(server.url) and failure.error.isprintable()

    @pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
    def test_statuses_that_pass(self, server, status):
        prompt = scripted(fault="status", status=status, times=1)
        assert ask_one(build(server.url), prompt).attempts == server.counts()[prompt, "on"] == 2

    @pytest.mark.parametrize("status", [400, 413, 422, 418, 431])
    def test_statuses_of_one_prompt(self, server, status):
        prompt = scripted(fault="status", status=status, body={"error": {"message": "too long"}})
        failure = ask_one(build(server.url), prompt)
        assert failure == Failure(error=f"{server.url} answered status {status}: too long", attempts=1)
        assert server.counts()[prompt, "on"] == 1

    @pytest.mark.parametrize("status", [301, 307, 401, 402, 403, 404, 405])
    def test_statuses_of_all_prompts(self, server, status):
        hanging = scripted(fault="hang")
        headers = {"Location": f"{server.url}/elsewhere/v1/chat/completions"}
        prompt = scripted(fault="status", status=status, headers=headers)
        with pytest.raises(StepError, match=f"{server.url} answered status {status}") as caught:
            ask(build(server.url), [hanging, prompt], modes=("on",))
        assert caught.value.hint
        assert server.counts()[prompt, "on"] == 1 and server.tally.requests == 2  # the redirect was not followed
        wait_until(lambda: server.tally.in_flight in (0, 1))

    def test_a_server_that_hangs(self, server):
        prompt, other = scripted(fault="hang", times=1), scripted(fault="hang")
        started = time.monotonic()
        answers = ask(build(server.url, requests={"timeout_seconds": 0.3}), [prompt, other], modes=("off",))
        assert answers[prompt, "off"].attempts == 2
        assert answers[other, "off"].error == f"{server.url}: no whole reply within 0.3 s"
        assert server.counts() == {(prompt, "off"): 2, (other, "off"): 3}
        assert 0.9 <= time.monotonic() - started < 8

    def test_a_body_without_end_is_bounded(self, server, monkeypatch):
        monkeypatch.setattr("isothink.backends.openai_client.LARGEST_BODY", 2**20)
        failure = ask_one(build(server.url), scripted(fault="endless"))
        assert failure.error == f"{server.url} answered more than 1 MiB"

    def test_retry_after_is_obeyed(self, server):
        date = email.utils.formatdate(time.time() + 3, usegmt=True)
        prompts = {
            "seconds": scripted(fault="status", status=429, headers={"Retry-After": "1"}, times=1),
            "fraction": scripted(fault="status", status=503, headers={"Retry-After": "0.6"}, times=1),
            "date": scripted(fault="status", status=503, headers={"Retry-After": date}, times=1),
            "nonsense": scripted(fault="status", status=429, headers={"Retry-After": "soon"}, times=1),
            "past": scripted(fault="status", status=429, headers={"Retry-After": "-5"}, times=1),
        }
        ask(build(server.url, requests={"longest_wait_seconds": 30}), prompts.values(), modes=("off",))
        first_try = {name: server.times(prompt) for name, prompt in prompts.items()}
        gaps = {name: second - first for name, (first, second) in first_try.items()}
        assert 1.0 <= gaps["seconds"] < 4
        assert 0.6 <= gaps["fraction"] < 3
        assert 1.0 <= gaps["date"] < 6  # dates have whole seconds
        assert gaps["nonsense"] < 0.9 and gaps["past"] < 0.9

    def test_retry_after_is_bounded(self, server):
        prompt = scripted(fault="status", status=429, headers={"Retry-After": "86400"}, times=1)
        started = time.monotonic()
        assert ask_one(build(server.url, requests={"longest_wait_seconds": 0.3}), prompt).attempts == 2
        assert 0.3 <= time.monotonic() - started < 5

    def test_waits_grow(self, server):
        prompt = scripted(fault="reset", times=4)
        changes = {"attempts": 5, "first_wait_seconds": 0.1, "longest_wait_seconds": 30}
        ask(build(server.url, requests=changes), [prompt], modes=("off",))
        times = server.times(prompt)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        for number, gap in enumerate(gaps):
            assert 0.05 * 2**number <= gap < 0.15 * 2**number + 1

    def test_a_broken_server_does_not_fail_the_whole_set(self):
        with ChatServer(fault="status") as broken:
            received = []
            with pytest.raises(StepError, match=r"100 requests in a row failed.*status 500"):
                build(broken.url, requests={"attempts": 1}).answer_all(
                    questions(500), lambda *pair: received.append(pair)
                )
        assert len(received) == 100
        assert broken.tally.requests < 120

    def test_prompts_that_are_refused_in_a_row_are_no_broken_server(self, server):
        texts = [scripted(fault="status", status=400)] * 150 + ["good"]
        received = []
        build(server.url, requests={"concurrency": 4}).answer_all(
            (Question(key=str(number), prompt=text, mode="on") for number, text in enumerate(texts)),
            lambda question, answer: received.append(answer),
        )
        assert len(received) == 151 and sum(isinstance(answer, Reply) for answer in received) == 1

    def test_failures_between_replies_are_no_broken_server(self, server):
        bad, good = scripted(fault="status", status=400), "good"
        texts = [bad if number % 90 else good for number in range(250)]
        received = []
        teacher = build(server.url, requests={"concurrency": 1})
        teacher.answer_all(
            (Question(key=str(number), prompt=text, mode="on") for number, text in enumerate(texts)),
            lambda question, answer: received.append(isinstance(answer, Reply)),
        )
        assert received == [text is good for text in texts]


class TestOutages:
    """A server that cannot be reached is waited for, without using up tries."""

    def test_a_server_dies_and_returns(self):
        with ChatServer(delay=0.1) as server:
            answers, timer = {}, threading.Timer(1.0, server.start)

            def receive(question, answer):
                assert question.key not in answers
                answers[question.key] = answer
                if len(answers) == 20:
                    server.stop()
                    timer.start()

            build(server.url, requests={"attempts": 2}).answer_all(questions(60), receive)
            timer.join()
            assert all(isinstance(answer, Reply) for answer in answers.values()) and len(answers) == 60
            # only what was in flight when it died was asked again, and waiting used up no tries
            assert sum(answer.attempts for answer in answers.values()) <= 60 + 8
            asked = server.counts()
            assert all(1 <= asked[f"question {key}", "on"] <= answer.attempts <= 2 for key, answer in answers.items())

    @pytest.mark.parametrize("ever_reached", [False, True])
    def test_patience_ends(self, ever_reached, monkeypatch):
        with ChatServer() as server:
            pass
        if ever_reached:
            server.start()
            requests = {"patience_seconds": 0.8, "concurrency": 2}
        else:
            monkeypatch.setattr(openai_addresses, "FIRST_PATIENCE_SECONDS", 0.8)
            requests = {"patience_seconds": 3600}
        answers, ended = [], []

        def receive(question, answer):
            answers.append(answer)
            server.stop()
            ended.append(time.monotonic())

        started = time.monotonic()
        with pytest.raises(StepError, match=r"could not be reached for .* s: .*Connection refused") as caught:
            build(server.url, requests=requests).answer_all(questions(50), receive)
        assert 0.8 <= time.monotonic() - (ended[-1] if ended else started) < 5
        assert "nothing that was answered is lost" in caught.value.message and caught.value.hint
        assert bool(answers) == ever_reached and all(isinstance(answer, Reply) for answer in answers)

    def test_an_unknown_host(self):
        with pytest.raises(StepError, match=r"teacher\.invalid"):
            ask(build("http://teacher.invalid/v1", requests={"patience_seconds": 0.2}), ["Why?"])

    def test_another_address_takes_over(self, server):
        with ChatServer() as dead:
            pass
        teacher = build(dead.url, server.url)
        replies = ask(teacher, [f"question {number}" for number in range(40)])
        assert {reply.attempts for reply in replies.values()} == {1}
        assert set(server.counts().values()) == {1} and len(server.counts()) == 80

    def test_a_fault_is_tried_at_another_address(self, server):
        with ChatServer(fault="status") as broken:
            replies = ask(build(broken.url, server.url), [f"question {number}" for number in range(10)])
        assert all(isinstance(reply, Reply) and reply.attempts <= 2 for reply in replies.values())

    def test_the_least_loaded_address_goes_first(self):
        with ChatServer(delay=0.3) as slow, ChatServer(delay=0.02) as fast:
            build(slow.url, fast.url).answer_all(questions(120), lambda *_: None)
            assert slow.tally.requests + fast.tally.requests == 120
            assert fast.tally.requests > 3 * slow.tally.requests > 0
            assert slow.tally.most_in_flight <= 4 + 1 and fast.tally.most_in_flight <= 4 + 1

    def test_concurrency_is_over_all_addresses(self):
        with ChatServer(delay=0.05) as server:
            build(server.url, requests={"concurrency": 5}).answer_all(questions(30), lambda *_: None)
            assert server.tally.most_in_flight == 5 and server.tally.connections == 5


class TestOrderOfWork:
    def test_questions_are_read_lazily(self):
        with ChatServer(delay=0.02) as server:
            pulled, received = [], []

            def source():
                for question in questions(100):
                    pulled.append(question)
                    assert len(pulled) - len(received) <= 2 * 8
                    yield question

            build(server.url).answer_all(source(), lambda *pair: received.append(pair))
            assert len(pulled) == len(received) == 100

    def test_a_slow_receiver_that_raises_ends_all_at_once(self, server):
        calls = []

        def receive(question, answer):
            calls.append(question)
            time.sleep(0.3)
            raise OSError("the disk is full")

        hanging = [Question(key="hang", prompt=scripted(fault="hang"), mode="on")]
        started = time.monotonic()
        with pytest.raises(OSError, match="the disk is full"):
            build(server.url).answer_all([*hanging, *questions(50)], receive)
        assert len(calls) == 1 and time.monotonic() - started < 5
        assert server.tally.requests <= 8

    def test_what_the_source_raises_passes_through(self, server):
        def source():
            yield from questions(3)
            raise LookupError("no more")

        with pytest.raises(LookupError, match="no more"):
            build(server.url).answer_all(source(), lambda *_: None)

    def test_an_interrupt_in_the_receiver_passes_through(self, server):
        def receive(question, answer):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            build(server.url).answer_all(questions(20), receive)

    def test_an_interrupt_from_outside_ends_the_work(self, server, tmp_path):
        """In a process of its own, where complaints about tasks and sockets that were left would be printed."""
        script = tmp_path / "interrupted.py"
        script.write_text(
            "import json, sys\n"
            "from isothink.backends.openai_teacher import ServedTeacher\n"
            "from isothink.domain.teacher_settings import OpenAITeacher\n"
            "from isothink.teacher.protocol import Question\n"
            "teacher = ServedTeacher(OpenAITeacher.model_validate(json.loads(sys.argv[1])))\n"
            "try:\n"
            "    teacher.answer_all([Question(key=p, prompt=p, mode='on') for p in sys.argv[2:]], lambda *_: None)\n"
            "except KeyboardInterrupt:\n"
            "    print('interrupted')\n"
        )
        settings = {"backend": "openai", "base_urls": [server.url], "model": "test-model", **THINKING}
        prompts = [scripted(fault="hang", number=number) for number in range(5)]
        command = [sys.executable, "-X", "dev", str(script), json.dumps(settings), *prompts]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: server.tally.in_flight == 5)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=10) == ("interrupted\n", "")

    def test_no_socket_is_left_open(self, server):
        before = open_files()
        for prompt in ("good", scripted(fault="cut_chunked"), scripted(fault="status", status=401)):
            with contextlib.suppress(StepError):
                ask(build(server.url), [prompt, scripted(fault="endless", times=0)])
        wait_until(lambda: open_files() <= before)


class TestCredentials:
    @pytest.fixture
    def keyed(self, monkeypatch):
        monkeypatch.setenv("TEACHER_KEY", KEY)
        monkeypatch.setenv("TEACHER_EXTRA", "extra-geheim")
        return {"api_key_variable": "TEACHER_KEY", "headers_from_environment": {"X-Extra": "TEACHER_EXTRA"}}

    def test_they_are_sent_and_nowhere_else(self, server, keyed):
        teacher = build(server.url, **keyed)
        ask_one(teacher, "Why?")
        headers = server.requests[0].headers
        assert headers["authorization"].encode("latin-1").decode() == f"Bearer {KEY}"
        assert headers["x-extra"] == "extra-geheim"
        rendered = json.dumps(teacher.render(Question(key="k", prompt="Why?", mode="on")))
        assert "geheim" not in (rendered + repr(vars(server.requests[0])["body"]) + repr(teacher)).lower()

    @pytest.mark.parametrize(
        "fault", ["", "not_json", "not_object", "error_200", "error_in_choice", "status", "no_http"]
    )
    def test_an_echoed_key_is_struck_out(self, server, keyed, fault):
        answer = ask_one(build(server.url, **keyed), scripted(fault=fault, echo=True))
        assert isinstance(answer, Failure if fault else Reply)
        assert "eheim" not in answer.model_dump_json()
        if not fault:
            assert answer.content.endswith("[redacted]") and answer.reasoning.endswith("[redacted]")

    @pytest.mark.parametrize("how", ECHOES)
    @pytest.mark.parametrize("status", [200, 307, 400, 401, 500])
    def test_no_spelling_of_a_key_survives(self, server, keyed, how, status, caplog):
        echo = ECHOES[how]
        message = {"content": f"The key is {echo}.", "reasoning_content": echo, echo: {"deep": [echo]}}
        prompt = scripted(
            fault="" if status == 200 else "status",
            status=status,
            body={"error": {"message": f"Incorrect API key provided: {echo}."}},
            headers={"Location": f"http://elsewhere/{echo}".encode().decode("latin-1")},
            message=message,
            choice={"finish_reason": echo},
            response={"model": echo},
        )
        teacher = build(server.url, requests={"attempts": 1}, **keyed)
        seen = []
        try:
            seen.append(ask_one(teacher, prompt).model_dump_json())
        except IsothinkError as error:
            seen += [str(error), repr(error), error.hint, *traceback.format_exception(error)]
            assert error.__cause__ is None and error.__context__ is None  # aiohttp's errors hold the headers
        assert seen
        assert "eheim" not in "".join([*seen, caplog.text]), seen

    def test_a_refused_key_names_the_status_and_not_the_key(self, keyed):
        with ChatServer(api_key="another") as strict:
            with pytest.raises(StepError, match=r"status 401: Incorrect API key provided: \[redacted\]") as caught:
                ask_one(build(strict.url, **keyed), "Why?")
            assert "api_key_variable" in caught.value.hint

    def test_a_placeholder_is_struck_out_of_errors_but_does_not_spoil_replies(self, server, monkeypatch):
        monkeypatch.setenv("TEACHER_KEY", "EMPTY")
        teacher = build(server.url, api_key_variable="TEACHER_KEY")
        assert ask_one(teacher, scripted(message={"content": "An EMPTY set."})).content == "An EMPTY set."
        refused = scripted(fault="status", status=400, body="not with EMPTY")
        assert ask_one(teacher, refused).error.endswith("not with [redacted]")

    def test_a_key_without_its_scheme_is_struck_out(self):
        assert Secrets(["Bearer sk-geheim"]).redact_reply("it was sk-geheim") == "it was [redacted]"
        assert Secrets(["abc"]).redact("abc stays") == "abc stays"

    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_a_missing_key_names_its_variable(self, monkeypatch, value):
        monkeypatch.delenv("TEACHER_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("TEACHER_KEY", value)
        with pytest.raises(UsageError, match="TEACHER_KEY is not set"):
            build("http://127.0.0.1:1/v1", api_key_variable="TEACHER_KEY")
        with pytest.raises(UsageError, match=r"headers_from_environment\.X-Key: .*TEACHER_KEY is not set"):
            build("http://127.0.0.1:1/v1", headers_from_environment={"X-Key": "TEACHER_KEY"})

    @pytest.mark.parametrize("value", ["geheim\n", "geheim\r\nX-Evil: 1", "geheim\x7f", "geheim-Ω"])
    def test_a_key_that_cannot_be_sent_is_not_shown(self, monkeypatch, value):
        monkeypatch.setenv("TEACHER_KEY", value)
        with pytest.raises(UsageError, match="TEACHER_KEY cannot be sent") as caught:
            build("http://127.0.0.1:1/v1", api_key_variable="TEACHER_KEY")
        assert "geheim" not in str(caught.value) + caught.value.hint

    @pytest.mark.parametrize("name", ["X Key", "X:Key", "Ключ", "Content-Length", "authorization"])
    def test_headers_that_cannot_be_set(self, keyed, name):
        with pytest.raises(StudyError, match=r"teacher\.headers_from_environment"):
            build("http://127.0.0.1:1/v1", **keyed | {"headers_from_environment": {name: "TEACHER_EXTRA"}})

    def test_credentials_of_the_home_folder_are_not_used(self, server, tmp_path, monkeypatch):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password geheim\n")
        monkeypatch.setenv("NETRC", str(netrc))
        ask_one(build(server.url), "Why?")
        assert "authorization" not in server.requests[0].headers


class TestProxies:
    @pytest.fixture(autouse=True)
    def clean(self, monkeypatch):
        for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)

    def test_the_proxy_of_the_environment_is_used(self, server, monkeypatch):
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        assert isinstance(ask_one(build("http://teacher.invalid/v1"), "Why?"), Reply)
        assert server.requests[0].path == "http://teacher.invalid/v1/chat/completions"

    def test_loopback_needs_no_proxy(self, server, monkeypatch):
        monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
        assert isinstance(ask_one(build(server.url), "Why?"), Reply)

    def test_a_proxy_that_cannot_be_used(self, monkeypatch):
        monkeypatch.setenv("http_proxy", "socks5://somebody:geheim@127.0.0.1:1080")
        with pytest.raises(UsageError, match=r"proxy cannot be used for teacher\.invalid") as caught:
            build("http://teacher.invalid/v1")
        assert "geheim" not in str(caught.value)


class TestArchitecture:
    def test_it_is_what_the_study_says(self):
        address = "http://127.0.0.1:1/v1"
        assert build(address).architecture is None
        assert build(address, architecture="Qwen/Qwen2.5-7B").architecture == lookup("Qwen/Qwen2.5-7B")
        shape = build(address, architecture=CONFIG).architecture
        assert (shape.name, shape.hidden_size, shape.layers) == ("test-model", 16, 1)

    @pytest.mark.parametrize("architecture", ["Qwen/Qwen9-1T", {}, {**CONFIG, "hidden_size": "wide"}])
    def test_a_mistake_names_the_key(self, architecture):
        with pytest.raises(StudyError, match=r"^teacher\.architecture: "):
            build("http://127.0.0.1:1/v1", architecture=architecture)


class TestSettings:
    @pytest.mark.parametrize("address", ["http://127.0.0.1:70000/v1", "http://a b/v1", "http://" + "a" * 70 + ".x/v1"])
    def test_an_impossible_address(self, address):
        with pytest.raises((StudyError, ValueError), match="base_urls"):
            build(address)

    def test_a_number_that_json_cannot_hold(self):
        with pytest.raises((StudyError, ValueError), match="request"):
            build("http://127.0.0.1:1/v1", on={"request": {"top_a": float("nan")}})


def read(body, status=200, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Response(address="http://a/v1", status=status, headers=headers, body=body, latency_seconds=1.5)
    return read_response(response, Secrets([]), max_tokens=64, attempt=2)


def completion(message, finish_reason="stop", **fields):
    return {"model": "m", "choices": [{"message": message, "finish_reason": finish_reason}], **fields}


class TestReading:
    """What becomes of a response, field by field."""

    @pytest.mark.parametrize(
        ("message", "content", "reasoning"),
        [
            ({"content": "a"}, "a", ""),
            ({"content": "a", "reasoning_content": "t"}, "a", "t"),
            ({"content": "a", "reasoning": "t"}, "a", "t"),
            ({"content": "a", "reasoning_content": None, "reasoning": "t"}, "a", "t"),
            ({"content": "a", "reasoning_content": "", "reasoning": None}, "a", ""),
            ({"content": "a", "reasoning": {"effort": "high"}}, "a", ""),
            ({"content": None, "reasoning_content": "t"}, "", "t"),
            ({"reasoning": "t"}, "", "t"),
            ({"content": None}, "", ""),
            ({}, "", ""),
            ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", ""),
            ({"content": [{"type": "image"}, "a", 3, None]}, "a", ""),
            ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}, "a"]}, "a", "t"),
            ({"content": "lone \ud800 end"}, "lone \ufffd end", ""),
            ({"content": "pair \ud83d\ude00"}, "pair 😀", ""),
        ],
    )
    def test_texts(self, message, content, reasoning):
        reply = read(completion(message))
        assert (reply.content, reply.reasoning) == (content, reasoning)
        assert reply.model_dump_json().encode() and reply.message.encode()
        assert set(json.loads(reply.message)) == set(message)

    @pytest.mark.parametrize(
        ("finish_reason", "finish"),
        [
            ("stop", "end"), ("eos", "end"), ("end_turn", "end"), ("length", "length"), ("max_tokens", "length"),
            ("tool_calls", "other"), (None, "other"), (3, "other"), ("", "other"),
        ],
    )  # fmt: skip
    def test_finishes(self, finish_reason, finish):
        reply = read(completion({"content": "a"}, finish_reason))
        assert reply.finish == finish
        assert reply.finish_reason == (finish_reason if isinstance(finish_reason, str) else "")

    @pytest.mark.parametrize("finish_reason", ["abort", "error", "insufficient_system_resource"])
    def test_a_reply_that_was_given_up_is_asked_again(self, finish_reason):
        with pytest.raises(TryError, match=finish_reason):
            read(completion({"content": "The answ"}, finish_reason))

    def test_a_reply_that_was_withheld_is_a_refusal(self):
        with pytest.raises(RefusalError, match="content_filter"):
            read(completion({"content": "The answ"}, "content_filter"))

    @pytest.mark.parametrize(
        ("usage", "counts"),
        [
            (
                {"prompt_tokens": 3, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 5}},
                (3, 9, 5),
            ),
            ({"prompt_tokens": 0, "completion_tokens": 0, "completion_tokens_details": None}, (0, 0, None)),
            ({"prompt_tokens": -1, "completion_tokens": 1.5, "completion_tokens_details": []}, (None, None, None)),
            ({"prompt_tokens": True, "completion_tokens": "9", "completion_tokens_details": {}}, (None, None, None)),
            ({"prompt_tokens": 10**400}, (None, None, None)),
            ({}, (None, None, None)),
            (None, (None, None, None)),
            ([], (None, None, None)),
        ],
    )
    def test_counts(self, usage, counts):
        reply = read(completion({"content": "a"}, usage=usage))
        assert (reply.prompt_tokens, reply.output_tokens, reply.reasoning_tokens) == counts
        assert (reply.max_tokens, reply.attempts, reply.latency_seconds) == (64, 2, 1.5)

    def test_odd_bodies(self):
        whole = json.dumps(completion({"content": "a", "extra": [1.5, {"deep": None}]})).encode()
        assert read(b"\xef\xbb\xbf" + whole).content == "a"
        assert read(whole.replace(b'"a"', b'"a\xe2\x82"')).content == "a\ufffd"
        assert json.loads(read(whole.replace(b"1.5", b"NaN")).message)["extra"][0] is None
        assert json.loads(read(whole.replace(b"1.5", b"1e999")).message)["extra"][0] is None
        assert read(whole.replace(b'"model": "m"', b'"model": null')).model == ""
        assert read(completion({"content": "a"}, error=None)).content == "a"

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"\xff\xfe", b"null", b"3", b"[]", b'"text"', b"{", b"{}{}", b"9" * 5000, b"[" * 100_000,
            {}, {"choices": None}, {"choices": {}}, {"choices": [[]]}, {"choices": [{"text": "a"}]},
            {"error": "broken"}, {"error": {"message": "broken"}, "choices": []}, {"choices": [{"message": "a"}]},
            completion({"content": "a"}, error={"code": 500}), completion({"content": {"text": "a"}}),
            completion({"content": 3}),
        ],
    )  # fmt: skip
    def test_bodies_that_are_faults(self, body):
        with pytest.raises(TryError, match="http://a/v1"):
            read(body)

    @pytest.mark.parametrize(
        "body",
        [
            {"error": {"message": "too long"}}, {"error": "too long"}, {"detail": "too long"}, {"message": "too long"},
            b"too\n long\x00\n",
        ],
    )  # fmt: skip
    def test_the_servers_words_are_one_line(self, body):
        with pytest.raises(RefusalError, match=r"^http://a/v1 answered status 400: too long$"):
            read(body, status=400)

    def test_long_words_are_cut(self):
        with pytest.raises(TryError) as caught:
            read(b"x" * 100_000, status=500)
        assert len(str(caught.value)) < openai_response.SHOWN_CHARACTERS + 100


def test_the_test_server_runs_in_a_process_of_its_own():
    command = [
        sys.executable,
        str(Path(__file__).with_name("chat_server.py")),
        "--port",
        "0",
        "--reasoning-field",
        "tags",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().removeprefix("listening on ").strip()
            assert "<think>" in ask_one(build(url), "Why?").content
        finally:
            process.terminate()
