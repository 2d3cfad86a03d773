"""Generations made into samples: think states, scores, token counts. Called by run/ for the answers of a cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from isothink.domain.loops import ends_in_loop
from isothink.domain.sample import Generation, Item, Sample
from isothink.domain.think import ThinkParse, parse_think
from isothink.errors import IsothinkError, StepError
from isothink.scoring.verification import Check, CheckResult

Verify = Callable[[Sequence[Check]], Sequence[CheckResult]]
"""Compares many answers with their references; see scoring/verification.py."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One answer of a student to an item, and what serving it costs; None where it could not be had."""

    item: Item
    repeat: int
    generation: Generation
    inference_flops: float | None


def score_generations(
    cell: str,
    answers: Sequence[Answered],
    *,
    verify: Verify,
) -> list[Sample]:
    """The samples of answers, in their order.

    An answer that the cap cut off counts as wrong, however it begins. A scorer that fails leaves `score` absent and
    says why, as does an answer that could not be had: a missing score is not 0.

    Raises:
        StepError: a generation counts more tokens in its trace than in all of its output.
        IsothinkError: scores cannot be had at all, as where a library is not installed.
    """
    thoughts = [parse_think(answer.generation.text) for answer in answers]
    checks = [
        Check(
            answer=thought.answer if answered.generation.stop_reason == "end" else None,
            reference=answered.item.reference,
            answer_format=answered.item.answer_format,
            alternatives=answered.item.alternatives,
            tolerance=answered.item.tolerance,
        )
        for answered, thought in zip(answers, thoughts, strict=True)
    ]
    parts = zip(answers, thoughts, _results(checks, verify), strict=True)
    return [_sample(cell, answered, thought, result) for answered, thought, result in parts]


def _results(checks: Sequence[Check], verify: Verify) -> Sequence[CheckResult]:
    """One result for each check; where one makes a scorer fail, the others keep theirs."""
    try:
        return verify(checks)
    except IsothinkError:
        raise
    except Exception:
        return [_single_result(check, verify) for check in checks]


def _single_result(check: Check, verify: Verify) -> CheckResult:
    try:
        return verify([check])[0]
    except IsothinkError:
        raise
    except Exception as error:
        return CheckResult(score=None, extracted=None, error=f"{type(error).__name__}: {error}")


def _sample(cell: str, answered: Answered, thought: ThinkParse, result: CheckResult) -> Sample:
    item, generation = answered.item, answered.generation
    if generation.trace_tokens > generation.output_tokens:
        raise StepError(
            f"{cell}, {item.id}: {generation.trace_tokens} tokens of trace in {generation.output_tokens} of output"
        )
    return Sample(
        cell=cell,
        benchmark=item.benchmark,
        family=item.family,
        item=item.id,
        cluster=item.cluster,
        repeat=answered.repeat,
        prompt=item.prompt,
        reference=item.reference,
        text=generation.text,
        extracted=result.extracted,
        score=None if generation.error is not None else result.score,
        error=generation.error or result.error,
        scorer=item.answer_format,
        think_state=thought.state,
        stop_reason=generation.stop_reason,
        is_looping=ends_in_loop(generation.text) or ends_in_loop(thought.trace),
        prompt_tokens=generation.prompt_tokens,
        trace_tokens=generation.trace_tokens,
        answer_tokens=generation.output_tokens - generation.trace_tokens,
        inference_flops=answered.inference_flops,
        seconds=generation.seconds,
    )
