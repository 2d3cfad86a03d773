"""One generation made into one sample: think state, score, token counts. Called by run/ for every answer of a cell."""

from isothink.domain.sample import Generation, Item, Sample
from isothink.domain.think import parse_think
from isothink.errors import StepError
from isothink.scoring.scorers import score


def score_generation(cell: str, item: Item, generation: Generation, repeat: int, inference_flops: float) -> Sample:
    """The sample of one answer.

    An answer that the cap cut off counts as wrong, however it begins. A scorer that fails leaves `correct` absent and
    says why: a missing score is not 0.

    Raises:
        StepError: the generation counts more tokens in its trace than in all of its output.
    """
    if generation.trace_tokens > generation.output_tokens:
        raise StepError(
            f"{cell}, {item.id}: {generation.trace_tokens} tokens of trace in {generation.output_tokens} of output"
        )
    think = parse_think(generation.text)
    extracted, correct, error = _judge(item, think.answer if generation.stop_reason == "end" else None)
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
        extracted=extracted,
        correct=correct,
        error=error,
        scorer=item.answer_format,
        think_state=think.state,
        stop_reason=generation.stop_reason,
        prompt_tokens=generation.prompt_tokens,
        trace_tokens=generation.trace_tokens,
        answer_tokens=generation.output_tokens - generation.trace_tokens,
        inference_flops=inference_flops,
    )


def _judge(item: Item, answer: str | None) -> tuple[str | None, bool | None, str | None]:
    """What was extracted, whether it is right, and why there is no score; exactly one of the last two is None."""
    try:
        result = score(item, answer)
    except Exception as error:
        return None, None, f"{type(error).__name__}: {error}"
    return result.extracted, result.correct, None
