"""The toggle check: a teacher that ignores the toggle is found out before it is paid, and both replies are shown."""

import pytest

from isothink.domain.reply import Failure
from isothink.domain.teacher_settings import OpenAITeacher
from isothink.errors import StepError
from isothink.teacher.probe import Probe, check_requests, check_toggle, request_differences

from .test_reading import reply

OFF, ON = reply("4"), reply("4", "two and two")


def probe(off=OFF, on=ON, prompt="2 + 2"):
    return Probe(prompt=prompt, off=off, on=on)


def test_a_toggle_that_works_passes():
    check_toggle("t", [probe(), probe()])


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (probe(off=ON), "it reasons with reasoning off"),
        (probe(on=OFF), "it does not reason with reasoning on"),
        (probe(off=ON, on=OFF), "reasoning off"),
        (probe(off=reply("<think>hm</think>4")), "reasons with reasoning off"),
        (probe(on=reply("<think>  </think>4")), "does not reason with reasoning on"),
    ],
)
def test_one_bad_probe_among_good_ones_is_found(bad, fault):
    with pytest.raises(StepError, match=fault):
        check_toggle("t", [probe(), bad, probe()])


def test_a_prompt_that_fails_is_no_evidence_and_all_of_them_are_an_error():
    failed = probe(on=Failure(error="HTTP 400", attempts=3))
    check_toggle("t", [failed, probe()])
    with pytest.raises(StepError, match=r"no probe was answered in both modes: HTTP 400 \(3 tries\)"):
        check_toggle("t", [failed, failed])


def test_both_replies_are_shown_side_by_side():
    with pytest.raises(StepError) as caught:
        check_toggle("model", [probe(off=reply("four", "I think"), on=reply("4 with", "trace"))])
    for shown in ("'2 + 2'", "I think", "four", "4 with", "'model'"):
        assert shown in caught.value.message
    assert caught.value.hint


def test_replies_that_the_cap_cut_off_are_no_evidence_but_others_are():
    cut = probe(off=reply("", "4 is", "length"), on=reply("well two", "", "length"))
    check_toggle("t", [cut, probe()])
    with pytest.raises(StepError, match="with reasoning off and on, every probe was cut off") as caught:
        check_toggle("t", [cut, cut])
    assert "max_tokens" in caught.value.hint


def test_an_answer_in_the_field_of_the_trace_is_no_trace():
    check_toggle("t", [probe(off=reply("", "4"))])


def test_long_replies_are_cut_in_the_message_and_stay_on_one_line():
    with pytest.raises(StepError) as caught:
        check_toggle("t", [probe(on=reply("x\n" * 10_000))])
    assert len(caught.value.message) < 3000 and "\n" not in caught.value.message


def test_without_a_prompt_nothing_is_proven():
    with pytest.raises(StepError, match="without a prompt"):
        check_toggle("t", [])


def settings(off, on, **more):
    return OpenAITeacher.model_validate(
        {"backend": "openai", "base_urls": ["http://h/v1"], "model": "m", "off": off, "on": on, **more}
    )


def test_differences_of_requests_are_found_wherever_they_are():
    found = request_differences({"a": {"b": [1, 2]}, "c": 1}, {"a": {"b": [1, 3]}, "d": None, "c": 1})
    assert [(item.place, item.off, item.on) for item in found] == [("a.b.1", "2", "3"), ("d", "(absent)", "null")]
    assert request_differences({"a": []}, {"a": {}}) != ()
    assert request_differences({"a": [1]}, {"a": [1]}) == ()


TOGGLE = {"request": {"chat_template_kwargs": {"enable_thinking": False}}}
TOGGLE_ON = {"request": {"chat_template_kwargs": {"enable_thinking": True}}}


def body(**more):
    return {"model": "m", "messages": [{"role": "user", "content": "p"}], "temperature": 0.6, **more}


def test_requests_that_differ_in_the_toggle_alone_pass_and_the_difference_is_returned():
    (found,) = check_requests(
        settings(TOGGLE, TOGGLE_ON),
        body(chat_template_kwargs={"enable_thinking": False}),
        body(chat_template_kwargs={"enable_thinking": True}),
    )
    assert (found.place, found.off, found.on) == ("chat_template_kwargs.enable_thinking", "false", "true")


def test_a_difference_that_nobody_declared_is_refused():
    with pytest.raises(StepError, match=r"differ in temperature \('0.6' with reasoning off, '1.0'"):
        check_requests(
            settings(TOGGLE, TOGGLE_ON),
            body(chat_template_kwargs={"enable_thinking": False}),
            body(chat_template_kwargs={"enable_thinking": True}) | {"temperature": 1.0},
        )
    with pytest.raises(StepError, match=r"differ in messages\.0\.content"):
        check_requests(
            settings(TOGGLE, TOGGLE_ON),
            body(chat_template_kwargs={"enable_thinking": False}),
            body(chat_template_kwargs={"enable_thinking": True}) | {"messages": [{"role": "user", "content": "q"}]},
        )


def test_requests_that_are_the_same_are_no_toggle():
    with pytest.raises(StepError, match="the two requests are the same"):
        check_requests(settings(TOGGLE, TOGGLE_ON), body(), body())


def test_sampling_that_differs_is_allowed_where_declared_but_is_no_toggle():
    declared = settings(TOGGLE, {**TOGGLE_ON, "sampling": {"temperature": 1.0}})
    with pytest.raises(StepError, match="the two requests are the same"):
        check_requests(declared, body(), body() | {"temperature": 1.0})
    found = check_requests(
        declared,
        body(chat_template_kwargs={"enable_thinking": False}),
        body(chat_template_kwargs={"enable_thinking": True}) | {"temperature": 1.0},
    )
    assert len(found) == 2
