"""A real llama.cpp server with a real model: its toggles, what the served teacher reads, what a served student does.

The requests are greedy and short. What the model answers is its own affair; how a server hands it over is tested.
"""

import re

import pytest

from isothink.benchmark.protocol import Answering, AnswerSettings, Ask
from isothink.domain.evaluation_settings import ServedAnswers
from isothink.domain.reply import Reply
from isothink.domain.teacher_settings import OpenAITeacher
from isothink.teacher.protocol import Question
from isothink.teacher.reading import read_reply

from ..teacher.conformance import TeacherConformance, ask
from .small_server import MODEL, chat, post, small_server  # noqa: F401

PROMPTS = [
    f"{question}\nPut the final answer in \\boxed{{}}."
    for question in (
        "Ben has 5 apples and buys 7 more. How many apples does he have?",
        "A box holds 8 pens. How many pens are in 3 boxes?",
    )
]
CUT = 12
"""Tokens that suffice for no trace."""


@pytest.fixture(scope="module")
def plain(small_server):  # noqa: F811
    """What the server itself says, by whether it thinks: one list of replies each."""
    return {
        thinking: [chat(small_server, prompt, thinking=thinking, max_tokens=200) for prompt in PROMPTS]
        for thinking in (True, False)
    }


def test_the_toggle_opens_a_trace_or_puts_an_empty_one(small_server):  # noqa: F811
    def rendered(**variables):
        body = {"messages": [{"role": "user", "content": "Why?"}], "chat_template_kwargs": variables}
        return post(f"{small_server.removesuffix('/v1')}/apply-template", body)["prompt"]

    on, off = rendered(enable_thinking=True), rendered(enable_thinking=False)
    ending = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n<think>\n"
    assert on.endswith(ending) and off.endswith(f"{ending}\n</think>\n\n")
    assert rendered() == on
    assert re.findall("<think>(.*?)</think>", off, re.DOTALL) == ["\n\n"] * 4


def test_with_thinking_the_trace_comes_in_a_field_of_its_own(plain):
    messages = [reply["choices"][0]["message"] for reply in plain[True]]
    assert all(message["reasoning_content"].strip() for message in messages)
    assert any(message["content"].strip() for message in messages), "no trace was closed"
    assert not any("<think>" in message["reasoning_content"] + message["content"] for message in messages)


def test_without_thinking_there_is_no_trace(plain):
    for reply in plain[False]:
        message = reply["choices"][0]["message"]
        assert not message.get("reasoning_content") and message["content"].strip()


def test_finish_reasons_usage_and_name_are_there(plain):
    replies = [*plain[True], *plain[False]]
    assert "stop" in {reply["choices"][0]["finish_reason"] for reply in replies}
    for reply in replies:
        usage = reply["usage"]
        assert 0 < usage["completion_tokens"] <= 200 < usage["prompt_tokens"]
        assert reply["model"] == MODEL


def test_a_cut_inside_the_trace_leaves_no_content(small_server):  # noqa: F811
    reply = chat(small_server, PROMPTS[0], thinking=True, max_tokens=CUT)
    choice = reply["choices"][0]
    assert (choice["finish_reason"], reply["usage"]["completion_tokens"]) == ("length", CUT)
    assert choice["message"]["reasoning_content"].strip() and not choice["message"]["content"]


@pytest.fixture(scope="module")
def teacher(small_server):  # noqa: F811
    """The served teacher at this server."""
    pytest.importorskip("aiohttp", reason="served teachers need the [generate] extra")
    pytest.importorskip("tenacity", reason="served teachers need the [generate] extra")
    from isothink.backends.openai_teacher import ServedTeacher

    modes = {
        name: {"request": {"chat_template_kwargs": {"enable_thinking": thinking}}}
        for name, thinking in (("off", False), ("on", True))
    }
    settings = {
        "backend": "openai",
        "base_urls": [small_server],
        "model": MODEL,
        "sampling": {"temperature": 0.0, "max_tokens": 200},
        "requests": {"concurrency": 2, "attempts": 2, "timeout_seconds": 120},
    }
    return ServedTeacher(OpenAITeacher.model_validate({**settings, **modes}))


class TestServedTeacher(TeacherConformance):
    @pytest.fixture
    def teacher(self, teacher):
        return teacher

    @pytest.fixture
    def prompts(self):
        return PROMPTS[:1]


def test_the_served_teacher_reads_what_the_server_says(teacher, plain):
    replies = ask(teacher, PROMPTS)
    states = []
    for number, prompt in enumerate(PROMPTS):
        for mode, thinking in (("off", False), ("on", True)):
            reply, said = replies[prompt, mode], plain[thinking][number]
            assert isinstance(reply, Reply)
            reading = read_reply(reply, mode)
            states.append((mode, reading.think_state))
            assert bool(reading.trace) is thinking
            assert (reply.model, reply.prompt_tokens) == (MODEL, said["usage"]["prompt_tokens"])
    assert ("on", "closed") in states, "no trace was closed"
    assert set(states) <= {("off", "none"), ("on", "closed"), ("on", "unclosed")}


def test_the_served_teacher_sees_a_cut_trace_as_unclosed(teacher):
    question = Question(key="k", prompt=PROMPTS[0], mode="on", max_tokens=CUT)
    replies = []
    teacher.answer_all([question], lambda _, reply: replies.append(reply))
    reading = read_reply(replies[0], "on")
    assert (reading.think_state, reading.finish, reading.answer) == ("unclosed", "length", "")
    assert reading.trace and replies[0].output_tokens == CUT


class ServersTokenizer:
    """The served model's own tokenizer, by way of the server, in the place of a study's."""

    end_ids = (2,)
    vocabulary = {"<|im_end|>": 2}  # noqa: RUF012
    vocabulary_size = 49152

    def __init__(self, url):
        self.url = f"{url.removesuffix('/v1')}/tokenize"

    def encode(self, text):
        return post(self.url, {"content": text, "parse_special": True})["tokens"]

    def encode_prompts(self, prompts):
        return [self.encode(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n") for text in prompts]

    def encode_answers(self, answers):
        return [[*self.encode(text), 2] for text in answers]

    def trace_tokens(self, ids):
        return 0


def test_a_served_student_reads_token_ids_and_keeps_to_the_cap(small_server):  # noqa: F811
    pytest.importorskip("aiohttp", reason="served students need the [generate] extra")
    from isothink.backends.openai_answerer import ServedAnswerer

    tokenizer = ServersTokenizer(small_server)
    settings = ServedAnswers.model_validate(
        {"backend": "openai", "base_urls": [small_server], "model": MODEL, "requests": {"timeout_seconds": 120}}
    )
    answerer = ServedAnswerer(settings, Answering(folder=None, names={}, batch_size=1), tokenizer)
    asks = [Ask(key="sum", prompt="What is 2+2? Answer with the number."), Ask(key="long", prompt="Count to 50.")]
    heard = {}
    answerer.answer_all(asks, AnswerSettings(max_new_tokens=24), heard.__setitem__)
    assert {heard[key].stop_reason for key in ("sum", "long")} == {"end", "length"}
    for one in asks:
        answer = heard[one.key]
        assert answer.prompt_tokens == len(tokenizer.encode_prompts([one.prompt])[0])
        assert answer.text.strip() and "<|im_end|>" not in answer.text
        ended = answer.stop_reason == "end"
        assert answer.output_tokens == (len(tokenizer.encode(answer.text)) + 1 if ended else 24), "with the end token"
