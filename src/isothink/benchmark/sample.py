"""Generations made into samples: think states, scores, token counts. Called by run/ for the answers of a cell."""

from collections.abc import Callable, Sequence

from isothink.domain.sample import Generation, Item, Sample
from isothink.domain.think import ThinkParse, parse_think
from isothink.errors import IsothinkError, StepError
from isothink.scoring.verification import Check, CheckResult

Verify = Callable[[Sequence[Check]], Sequence[CheckResult]]
"""Compares many answers with their references; see scoring/verification.py."""


def score_generations(
    cell: str,
    answers: Sequence[tuple[Item, Generation]],
    *,
    verify: Verify,
    inference_flops: Sequence[float],
    repeat: int = 0,
) -> list[Sample]:
    """The samples of answers, in their order.

    An answer that the cap cut off counts as wrong, however it begins. A scorer that fails leaves `correct` absent and
    says why: a missing score is not 0.

    Raises:
        StepError: a generation counts more tokens in its trace than in all of its output.
        IsothinkError: scores cannot be had at all, as where a library is not installed.
    """
    thoughts = [parse_think(generation.text) for _, generation in answers]
    checks = [
        Check(
            answer=thought.answer if generation.stop_reason == "end" else None,
            reference=item.reference,
            answer_format=item.answer_format,
        )
        for (item, generation), thought in zip(answers, thoughts, strict=True)
    ]
    parts = zip(answers, thoughts, _results(checks, verify), inference_flops, strict=True)
    return [
        _sample(cell, item, generation, thought, result, repeat, flops)
        for (item, generation), thought, result, flops in parts
    ]


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
        return CheckResult(correct=None, extracted=None, error=f"{type(error).__name__}: {error}")


def _sample(
    cell: str,
    item: Item,
    generation: Generation,
    thought: ThinkParse,
    result: CheckResult,
    repeat: int,
    inference_flops: float,
) -> Sample:
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
        repeat=repeat,
        prompt=item.prompt,
        reference=item.reference,
        text=generation.text,
        extracted=result.extracted,
        correct=result.correct,
        error=result.error,
        scorer=item.answer_format,
        think_state=thought.state,
        stop_reason=generation.stop_reason,
        prompt_tokens=generation.prompt_tokens,
        trace_tokens=generation.trace_tokens,
        answer_tokens=generation.output_tokens - generation.trace_tokens,
        inference_flops=inference_flops,
    )
