"""Pairs from prompts: each prompt answered in both modes, and dropped whole if either reply is no use. Called by run/.

A filter drops the *pair*, never one side: the arms must differ in format, not in prompts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from isothink.domain.pair import Pair, Prompt
from isothink.domain.record import Record
from isothink.teacher.prompts import prompt_id
from isothink.teacher.protocol import ReasoningMode, Reply, Teacher

DropReason = Literal["duplicate_prompt", "empty_answer", "trace_with_reasoning_off", "no_trace_with_reasoning_on"]


class ModeTotals(Record):
    """What all replies in one mode cost, those of dropped pairs included; `flops` is None where it is not counted."""

    mode: ReasoningMode
    replies: int
    prompt_tokens: int
    output_tokens: int
    flops: float | None


class PairSet(Record):
    """The pairs in the order of their prompts, how many were dropped and why, and what the teacher spent."""

    teacher: str
    pairs: tuple[Pair, ...]
    dropped: dict[DropReason, int]
    off: ModeTotals
    on: ModeTotals


def make_pairs(prompts: Iterable[Prompt], teacher: Teacher) -> PairSet:
    """Ask the teacher every prompt in both modes, each prompt once."""
    pairs: dict[str, Pair] = {}
    dropped: Counter[DropReason] = Counter()
    seen: set[str] = set()
    replies: dict[ReasoningMode, list[Reply]] = {"off": [], "on": []}
    for prompt in prompts:
        identity = prompt_id(prompt.source, prompt.text)
        if identity in seen:
            dropped["duplicate_prompt"] += 1
            continue
        seen.add(identity)
        off, on = teacher.answer(prompt.text, "off"), teacher.answer(prompt.text, "on")
        replies["off"].append(off)
        replies["on"].append(on)
        reason = drop_reason(off, on)
        if reason is None:
            pairs[identity] = _pair(identity, prompt, off, on)
        else:
            dropped[reason] += 1
    return PairSet(
        teacher=teacher.name,
        pairs=tuple(pairs.values()),
        dropped=dict(dropped),
        off=_totals("off", replies["off"], teacher),
        on=_totals("on", replies["on"], teacher),
    )


def drop_reason(off: Reply, on: Reply) -> DropReason | None:
    """Why a pair of replies is no pair to train on; None where it is one."""
    if not off.answer.strip() or not on.answer.strip():
        return "empty_answer"
    if off.trace.strip():
        return "trace_with_reasoning_off"
    if not on.trace.strip():
        return "no_trace_with_reasoning_on"
    return None


def _pair(identity: str, prompt: Prompt, off: Reply, on: Reply) -> Pair:
    return Pair(
        id=identity,
        source=prompt.source,
        prompt=prompt.text,
        ift_answer=off.answer,
        trace=on.trace,
        reasoning_answer=on.answer,
    )


def _totals(mode: ReasoningMode, replies: Sequence[Reply], teacher: Teacher) -> ModeTotals:
    return ModeTotals(
        mode=mode,
        replies=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        output_tokens=sum(reply.output_tokens for reply in replies),
        flops=sum(reply.flops for reply in replies) if teacher.flops_are_counted else None,
    )
