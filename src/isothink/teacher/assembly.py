"""Replies into pairs: two replies are read, counted, checked, kept or dropped together. Called by run/generation.py.

A filter drops the *pair*, never one side: the arms must differ in format, not in prompts.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from isothink.compute.architecture import Architecture
from isothink.compute.flops import inference_flops
from isothink.domain.filter_settings import Filters
from isothink.domain.pair import DroppedPair, DropReason, FaultyMode, Prompt, StoredPair
from isothink.domain.reply import MODES, Failure, ReasoningMode, Reply, ReplyFacts
from isothink.domain.think import THINK_CLOSE, THINK_OPEN
from isothink.scoring.verification import Check, CheckResult
from isothink.teacher.protocol import TokenCounter
from isothink.teacher.reading import Reading, read_reply
from isothink.teacher.tally import DropCount, Tally, tokens_read, tokens_written

Verify = Callable[[Sequence[Check]], Sequence[CheckResult]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One prompt with what came of both questions; `retried` are first replies that a longer one replaced."""

    prompt: Prompt
    off: Reply | Failure
    on: Reply | Failure
    retried: tuple[tuple[ReasoningMode, Reply], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """One reply, taken apart and looked at."""

    reading: Reading
    facts: ReplyFacts


class Assembler:
    """Makes pairs out of replies, a chunk at a time, and keeps the totals."""

    def __init__(
        self,
        filters: Filters,
        *,
        sampling: str,
        toggle: str,
        verify: Verify,
        counter: TokenCounter | None = None,
    ) -> None:
        self._filters = filters
        self._sampling = sampling
        self._toggle = toggle
        self._verify = verify
        self._counter = counter
        self.architecture: Architecture | None = None
        """The teacher's shape, for its FLOPs; set before anything is assembled."""
        self._dropped: Counter[tuple[DropReason, FaultyMode]] = Counter()
        self.tallies: dict[ReasoningMode, Tally] = {mode: Tally(mode) for mode in MODES}
        self.kept = 0

    def assemble(self, chunk: Sequence[Answered]) -> list[StoredPair | DroppedPair]:
        """What became of each prompt, in their order."""
        for answered in chunk:
            for mode, reply in answered.retried:
                self.tallies[mode].add_retried(reply, self._flops(reply.prompt_tokens, reply.output_tokens))
        whole = [answered for answered in chunk if _failure(answered) is None]
        sides = dict(zip((id(answered) for answered in whole), self._look(whole), strict=True))
        return [self._settle(answered, sides.get(id(answered))) for answered in chunk]

    def count_dropped(self, dropped: DroppedPair) -> None:
        """Notes a prompt that made no pair."""
        self._dropped[dropped.reason, dropped.mode] += 1

    @property
    def dropped(self) -> tuple[DropCount, ...]:
        """How many pairs each filter dropped so far."""
        return tuple(
            DropCount(reason=reason, mode=mode, pairs=pairs) for (reason, mode), pairs in sorted(self._dropped.items())
        )

    def _look(self, chunk: Sequence[Answered]) -> list[dict[ReasoningMode, _Side]]:
        readings = [{mode: read_reply(_reply(answered, mode), mode) for mode in MODES} for answered in chunk]
        counts = self._count(chunk, readings)
        results = self._check(chunk, readings)
        return [
            {
                mode: _Side(
                    reading=reading[mode],
                    facts=self._facts(_reply(answered, mode), reading[mode], counted[mode], result[mode]),
                )
                for mode in MODES
            }
            for answered, reading, counted, result in zip(chunk, readings, counts, results, strict=True)
        ]

    def _count(
        self, chunk: Sequence[Answered], readings: Sequence[dict[ReasoningMode, Reading]]
    ) -> list[dict[ReasoningMode, tuple[int | None, int | None, int | None]]]:
        """Tokens of prompt, trace and answer as counted here."""
        if self._counter is None:
            return [dict.fromkeys(MODES, (None, None, None)) for _ in chunk]
        texts = [
            text
            for answered, reading in zip(chunk, readings, strict=True)
            for mode in MODES
            for text in (answered.prompt.text, reading[mode].trace, reading[mode].answer)
        ]
        counts = iter(self._counter.count(texts))
        return [{mode: (next(counts), next(counts), next(counts)) for mode in MODES} for _ in chunk]

    def _check(
        self, chunk: Sequence[Answered], readings: Sequence[dict[ReasoningMode, Reading]]
    ) -> list[dict[ReasoningMode, CheckResult | None]]:
        checks: list[Check] = []
        places: list[tuple[int, ReasoningMode]] = []
        for number, (answered, reading) in enumerate(zip(chunk, readings, strict=True)):
            prompt = answered.prompt
            if prompt.answer_format is None or not prompt.reference:
                continue
            for mode in MODES:
                answer = reading[mode].answer or None
                checks.append(Check(answer=answer, reference=prompt.reference, answer_format=prompt.answer_format))
                places.append((number, mode))
        results: list[dict[ReasoningMode, CheckResult | None]] = [dict.fromkeys(MODES) for _ in chunk]
        if checks:
            for (number, mode), result in zip(places, self._verify(checks), strict=True):
                results[number][mode] = result
        return results

    def _facts(
        self,
        reply: Reply,
        reading: Reading,
        counted: tuple[int | None, int | None, int | None],
        check: CheckResult | None,
    ) -> ReplyFacts:
        facts = ReplyFacts(
            message=reply.message,
            think_state=reading.think_state,
            merged=reading.merged,
            finish_reason=reply.finish_reason,
            model=reply.model,
            max_tokens=reply.max_tokens,
            attempts=reply.attempts,
            latency_seconds=reply.latency_seconds,
            prompt_tokens=reply.prompt_tokens,
            output_tokens=reply.output_tokens,
            reasoning_tokens=reply.reasoning_tokens,
            counted_prompt_tokens=counted[0],
            counted_trace_tokens=counted[1],
            counted_answer_tokens=counted[2],
            flops=None,
            correct=check.correct if check is not None else None,
            check_error=check.error if check is not None else None,
        )
        flops = self._flops(tokens_read(facts), tokens_written(facts))
        return facts if flops is None else facts.model_copy(update={"flops": flops})

    def _flops(self, prompt_tokens: int | None, output_tokens: int | None) -> float | None:
        if self.architecture is None or prompt_tokens is None or output_tokens is None:
            return None
        return float(inference_flops(self.architecture, prompt_tokens, output_tokens))

    def _settle(self, answered: Answered, sides: dict[ReasoningMode, _Side] | None) -> StoredPair | DroppedPair:
        if sides is None:
            dropped = self._failed(answered)
        else:
            for mode in MODES:
                self.tallies[mode].add(sides[mode].facts, truncated=sides[mode].reading.finish == "length")
            fault = _fault(sides, self._filters, answered.prompt)
            if fault is None:
                self.kept += 1
                return self._pair(answered.prompt, sides)
            dropped = _dropped(answered.prompt, *fault)
        self.count_dropped(dropped)
        return dropped

    def _failed(self, answered: Answered) -> DroppedPair:
        """A pair of which a request failed; what the other one cost is in the totals."""
        errors = []
        modes: list[ReasoningMode] = []
        for mode in MODES:
            answer = answered.off if mode == "off" else answered.on
            if isinstance(answer, Failure):
                self.tallies[mode].add_failure(answer)
                modes.append(mode)
                errors.append(f"{mode}: {answer.error} ({answer.attempts} tries)")
            else:
                reading = read_reply(answer, mode)
                facts = self._facts(answer, reading, (None, None, None), None)
                self.tallies[mode].add(facts, truncated=reading.finish == "length")
        return _dropped(answered.prompt, "request_failed", modes, "; ".join(errors))

    def _pair(self, prompt: Prompt, sides: dict[ReasoningMode, _Side]) -> StoredPair:
        return StoredPair(
            id=prompt.id,
            source=prompt.source,
            prompt=prompt.text,
            ift_answer=sides["off"].reading.answer,
            trace=sides["on"].reading.trace,
            reasoning_answer=sides["on"].reading.answer,
            reference=prompt.reference,
            answer_format=prompt.answer_format,
            sampling=self._sampling,
            toggle=self._toggle,
            off=sides["off"].facts,
            on=sides["on"].facts,
        )


_Fault = tuple[DropReason, list[ReasoningMode], str]


def _fault(sides: dict[ReasoningMode, _Side], filters: Filters, prompt: Prompt) -> _Fault | None:
    """The first filter that drops the pair, and which modes it found at fault."""
    for reason in _REPLY_FAULTS:
        if reason == "truncated" and filters.on_length == "keep":
            continue
        modes = [mode for mode in MODES if _has_fault(reason, mode, sides[mode].reading)]
        if modes:
            reading = sides[modes[0]].reading
            return (
                reason,
                modes,
                f"finish reason {sides[modes[0]].facts.finish_reason}, think state {reading.think_state}",
            )
    return _wrong(sides, filters, prompt)


_REPLY_FAULTS: tuple[DropReason, ...] = (
    "truncated",
    "unclosed_trace",
    "empty_answer",
    "trace_with_reasoning_off",
    "no_trace_with_reasoning_on",
    "stray_think_tag",
)


def _has_fault(reason: DropReason, mode: ReasoningMode, reading: Reading) -> bool:
    if reason == "truncated":
        return reading.finish == "length"
    if reason == "unclosed_trace":
        return reading.think_state == "unclosed"
    if reason == "empty_answer":
        return not reading.answer.strip()
    if reason == "trace_with_reasoning_off":
        return mode == "off" and bool(reading.trace)
    if reason == "no_trace_with_reasoning_on":
        return mode == "on" and not reading.trace
    # a tag inside of a target would end or open the trace for the student in the wrong place
    return any(tag in text for tag in (THINK_OPEN, THINK_CLOSE) for text in (reading.trace, reading.answer))


def _wrong(sides: dict[ReasoningMode, _Side], filters: Filters, prompt: Prompt) -> _Fault | None:
    if filters.keep == "all" or prompt.answer_format is None or not prompt.reference:
        return None
    needed: tuple[ReasoningMode, ...] = MODES if filters.keep == "both_correct" else ("on",)
    modes = [mode for mode in needed if sides[mode].facts.correct is not True]
    if not modes:
        return None
    facts = sides[modes[0]].facts
    why = f"the check failed: {facts.check_error}" if facts.check_error else f"the reference is {prompt.reference}"
    return "wrong_answer", modes, why


def _dropped(prompt: Prompt, reason: DropReason, modes: Sequence[ReasoningMode], detail: str) -> DroppedPair:
    mode: FaultyMode = "both" if len(modes) == 2 else modes[0] if modes else "neither"
    return DroppedPair(id=prompt.id, source=prompt.source, prompt=prompt.text, reason=reason, mode=mode, detail=detail)


def _failure(answered: Answered) -> Failure | None:
    return next((side for side in (answered.off, answered.on) if isinstance(side, Failure)), None)


def _reply(answered: Answered, mode: ReasoningMode) -> Reply:
    answer = answered.off if mode == "off" else answered.on
    assert not isinstance(answer, Failure)
    return answer
