"""Takes a teacher's reply apart into trace and answer, whichever way its server hands them over. Called by run/."""

import json
from dataclasses import dataclass

from isothink.domain.reply import FinishReason, ReasoningMode, Reply
from isothink.domain.sample import ThinkState
from isothink.domain.think import parse_think


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A reply taken apart. `answer` is empty where there is none; `merged`: the answer stood in the wrong field."""

    trace: str
    answer: str
    think_state: ThinkState
    finish: FinishReason
    merged: bool


def read_reply(reply: Reply, mode: ReasoningMode) -> Reading:
    """The trace and the answer of a reply.

    Servers hand a trace over in a field of its own (`reasoning_content`, `reasoning`), or leave it in the text between
    think tags. Two of their faults are undone:

    - With reasoning off, some parsers put the whole answer where the trace belongs (vllm-project/vllm#17357): a
      finished reply without content is then all answer.
    - A trace that the cap cut off leaves no content: it is `unclosed`, and there is no answer.
    """
    if not reply.reasoning.strip():
        parsed = parse_think(reply.content)
        return Reading(
            trace=parsed.trace,
            answer=parsed.answer or "",
            think_state=parsed.state if parsed.trace or parsed.state == "unclosed" else "none",
            finish=reply.finish,
            merged=False,
        )
    inner = parse_think(reply.content)
    answer = (inner.answer or "").strip()
    if answer or inner.trace:
        trace = "\n".join(part for part in (reply.reasoning.strip(), inner.trace) if part)
        state: ThinkState = "unclosed" if inner.state == "unclosed" else "closed"
        return Reading(trace=trace, answer=answer, think_state=state, finish=reply.finish, merged=False)
    if mode == "off" and reply.finish == "end":
        return Reading(trace="", answer=reply.reasoning.strip(), think_state="none", finish=reply.finish, merged=True)
    return Reading(trace=reply.reasoning.strip(), answer="", think_state="unclosed", finish=reply.finish, merged=False)


def recorded_reply(text: str, *, reasoning: str = "", model: str = "") -> Reply:
    """A reply that a data set holds."""
    return Reply(
        message=json.dumps({"content": text, "reasoning_content": reasoning}) if reasoning else text,
        content=text,
        reasoning=reasoning,
        finish="end",
        finish_reason="recorded",
        model=model,
        prompt_tokens=None,
        output_tokens=None,
        max_tokens=0,
        latency_seconds=0.0,
        attempts=0,
    )
