"""Replies taken apart: every way in which servers hand a trace over, and the ways in which they get it wrong."""

import pytest

from isothink.domain.reply import Reply
from isothink.teacher.reading import read_reply, recorded_reply


def reply(content="", reasoning="", finish="end"):
    return Reply(
        message="m",
        content=content,
        reasoning=reasoning,
        finish=finish,
        finish_reason=finish,
        model="m",
        prompt_tokens=1,
        output_tokens=1,
        max_tokens=10,
        latency_seconds=0.1,
    )


@pytest.mark.parametrize(
    ("content", "reasoning", "finish", "mode", "expected"),
    [
        # a field of its own
        ("4", "two and two", "end", "on", ("two and two", "4", "closed", False)),
        ("4", "", "end", "off", ("", "4", "none", False)),
        # think tags in the text, with and without the opener
        ("<think>\ntwo\n</think>\n\n4", "", "end", "on", ("two", "4", "closed", False)),
        ("two\n</think>\n\n4", "", "end", "on", ("two", "4", "orphan_close", False)),
        # an empty think block is no trace (Qwen3 with thinking off)
        ("<think>\n\n</think>\n\n4", "", "end", "off", ("", "4", "none", False)),
        # cut inside the trace: empty content (llama.cpp), or the tag never closed
        ("", "two and", "length", "on", ("two and", "", "unclosed", False)),
        ("<think>two and", "", "length", "on", ("two and", "", "unclosed", False)),
        # `stop` with no content (vLLM)
        ("", "two and", "end", "on", ("two and", "", "unclosed", False)),
        ("", "", "end", "on", ("", "", "none", False)),
        # vllm-project/vllm#17357: the plain answer in the field of the trace
        ("", "4", "end", "off", ("", "4", "none", True)),
        ("  \n", "4", "end", "off", ("", "4", "none", True)),
        # the same, cut off: it may be either, and is no answer
        ("", "4 is the", "length", "off", ("4 is the", "", "unclosed", False)),
        # the toggle ignored
        ("4", "two", "end", "off", ("two", "4", "closed", False)),
        # a server that closes the trace in its field and leaves a second one in the text
        ("<think>more</think>4", "two", "end", "on", ("two\nmore", "4", "closed", False)),
    ],
)
def test_known_replies(content, reasoning, finish, mode, expected):
    reading = read_reply(reply(content, reasoning, finish), mode)
    assert (reading.trace, reading.answer, reading.think_state, reading.merged) == expected
    assert reading.finish == finish


def test_a_recorded_reply_is_read_like_any_other():
    assert read_reply(recorded_reply("<think>a</think>b"), "on").trace == "a"
    reading = read_reply(recorded_reply("b", reasoning="a"), "on")
    assert (reading.trace, reading.answer) == ("a", "b")
