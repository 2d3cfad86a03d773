"""The toggle check: whether a teacher's reasoning mode does what it should, on a few prompts. Called by run/answers.py.

It runs before the whole set is paid for, because models and servers ignore the toggle in silence
(Helldez/BigMoeOnEdge#82), or put the plain answer where the trace belongs (vllm-project/vllm#17357).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from isothink.domain.record import Record
from isothink.domain.reply import Failure, ReasoningMode, Reply
from isothink.domain.teacher_settings import ModelTeacher, sampling_differences
from isothink.errors import StepError
from isothink.teacher.reading import read_reply

PROBES = 8
"""Prompts. More would be paid for in vain where the toggle does not work; fewer leave a server idle for as long."""
_SHOWN_CHARACTERS = 300
_ABSENT = "(absent)"


class RequestDifference(Record):
    """One place in which the requests of the two modes differ, with what is sent in each, as JSON."""

    place: str
    off: str
    on: str


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One prompt's two replies, or why there are none."""

    prompt: str
    off: Reply | Failure
    on: Reply | Failure


def request_differences(off: JsonValue, on: JsonValue) -> tuple[RequestDifference, ...]:
    """Every place in which two requests differ."""
    left, right = dict(_leaves(off, "")), dict(_leaves(on, ""))
    places = [*left, *(place for place in right if place not in left)]
    return tuple(
        RequestDifference(place=place, off=_said(left, place), on=_said(right, place))
        for place in places
        if _said(left, place) != _said(right, place)
    )


def check_requests(settings: ModelTeacher, off: JsonValue, on: JsonValue) -> tuple[RequestDifference, ...]:
    """The differences between the two rendered requests of one prompt.

    Raises:
        StepError: they do not differ, or in something that the study file does not declare.
    """
    found = request_differences(off, on)
    declared = declared_places(settings)
    for difference in found:
        if not any(difference.place == place or difference.place.startswith(f"{place}.") for place in declared):
            raise StepError(
                f"teacher {settings.model!r}: the two requests differ in {difference.place}"
                f" ({_shown(difference.off)} with reasoning off, {_shown(difference.on)} with reasoning on),"
                " which teacher.off and teacher.on do not name"
            )
    drawn = set(sampling_differences(settings)) | {"max_completion_tokens"}
    if all(difference.place.partition(".")[0] in drawn for difference in found):
        raise StepError(
            f"teacher {settings.model!r}: the two requests are the same, so there is no toggle",
            hint="say in teacher.off and teacher.on what is sent in each mode; a chat template may ignore a variable",
        )
    return found


def declared_places(settings: ModelTeacher) -> frozenset[str]:
    """The places of a request that the study file lets differ between the modes."""
    off, on = settings.off, settings.on
    places = set(sampling_differences(settings))
    places |= {name for name in {*off.request, *on.request} if off.request.get(name) != on.request.get(name)}
    if (off.system, off.prompt_suffix) != (on.system, on.prompt_suffix):
        places |= {"messages"}
    if off.model != on.model:
        places |= {"model"}
    if "max_tokens" in places:
        places |= {"max_completion_tokens"}
    if settings.backend == "transformers":
        places |= {"text"}  # the rendered prompt, which the toggle of a chat template changes
    return frozenset(places)


def check_toggle(teacher: str, probes: Sequence[Probe]) -> None:
    """Looks at the replies of both modes to a few prompts.

    A reply that the cap cut off before it shows its mode is no evidence, nor is a failed request; one of each mode
    must be.

    Raises:
        StepError: there is no prompt, no prompt has two replies, a reply has a trace where it should have none or none
            where it should have one, or none shows its mode; the message shows both replies.
    """
    if not probes:
        raise StepError(f"teacher {teacher!r} cannot be checked without a prompt")
    evident: set[ReasoningMode] = set()
    last: Probe | None = None
    for probe in probes:
        off, on = probe.off, probe.on
        if isinstance(off, Failure) or isinstance(on, Failure):
            continue  # one prompt may be at fault; it is dropped like any other
        states: dict[ReasoningMode, _State] = {"off": _off_state(off), "on": _on_state(on)}
        for mode, state in states.items():
            if state == "wrong":
                fault = "it reasons with reasoning off" if mode == "off" else "it does not reason with reasoning on"
                raise StepError(f"teacher {teacher!r}: {fault}; {side_by_side(probe.prompt, off, on)}", hint=_HINT)
            if state == "right":
                evident.add(mode)
        last = probe
    if last is None:
        raise StepError(f"teacher {teacher!r}: no probe was answered in both modes: {_first_failure(probes)}")
    if len(evident) < 2:
        missing = " and ".join(mode for mode in ("off", "on") if mode not in evident)
        raise StepError(
            f"teacher {teacher!r}: with reasoning {missing}, every probe was cut off before it showed its mode;"
            f" {side_by_side(last.prompt, *_replies(last))}",
            hint="raise teacher.sampling.max_tokens",
        )


_HINT = "check that the model has a reasoning mode and that its server passes the toggle on"
_State = Literal["right", "wrong", "unknown"]


def _off_state(reply: Reply) -> _State:
    reading = read_reply(reply, "off")
    if not reading.trace:
        return "right" if reading.answer else "unknown"
    # a parser that takes the answer for a trace, and the cap: it may be either
    return "unknown" if reading.think_state == "unclosed" and reply.finish == "length" and reply.reasoning else "wrong"


def _on_state(reply: Reply) -> _State:
    if read_reply(reply, "on").trace:
        return "right"
    return "unknown" if reply.finish == "length" else "wrong"  # the opener may stand in the prompt


def _replies(probe: Probe) -> tuple[Reply, Reply]:
    assert not isinstance(probe.off, Failure) and not isinstance(probe.on, Failure)
    return probe.off, probe.on


def _first_failure(probes: Sequence[Probe]) -> str:
    failure = next(side for probe in probes for side in (probe.off, probe.on) if isinstance(side, Failure))
    return f"{failure.error} ({failure.attempts} tries)"


def side_by_side(prompt: str, off: Reply, on: Reply) -> str:
    """Both replies to one prompt, shortened, on one line."""
    return (
        f"to {_shown(prompt)} it said {_shown(_whole(off))} with reasoning off, {_shown(_whole(on))} with reasoning on"
    )


def _whole(reply: Reply) -> str:
    return reply.content if not reply.reasoning else f"[reasoning field] {reply.reasoning} [content] {reply.content}"


def _leaves(value: JsonValue, place: str) -> Iterator[tuple[str, str]]:
    children: Mapping[Any, Any] = {}
    if isinstance(value, dict):
        children = value
    elif isinstance(value, list):
        children = dict(enumerate(value))
    if not children:
        yield place, json.dumps(value)
    for name, child in children.items():
        yield from _leaves(child, f"{place}.{name}" if place else str(name))


def _said(leaves: Mapping[str, str], place: str) -> str:
    return leaves.get(place, _ABSENT)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} ...")
