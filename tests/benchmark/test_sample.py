"""Samples: a generation made into a row, with think state, score and token counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.benchmark.items import procedural_items
from isothink.benchmark.sample import Answered, score_generations
from isothink.domain.sample import Generation, Sample
from isothink.errors import MissingDependencyError, StepError
from isothink.scoring.verification import CheckResult, verify

ITEM = procedural_items(["chain"], items_per_benchmark=1, seed=0)[0]


class NoMathematics:
    def check(self, pairs):
        raise AssertionError(f"no answer here needs algebra: {pairs}")


def generation(text, stop_reason="end", output_tokens=8, trace_tokens=5):
    return Generation(
        text=text, stop_reason=stop_reason, prompt_tokens=7, output_tokens=output_tokens, trace_tokens=trace_tokens
    )


def score_all(answers, judge=lambda checks: verify(checks, NoMathematics())):
    answered = [Answered(item=item, repeat=1, generation=made, inference_flops=1e6) for item, made in answers]
    return score_generations("cell", answered, verify=judge)


def sample(text, item=ITEM, **settings):
    return score_all([(item, generation(text, **settings))])[0]


def test_a_right_answer_after_a_trace():
    row = sample(f"<think> 1 2 3 </think> {ITEM.reference}")
    assert (row.score, row.extracted, row.error, row.think_state) == (1, ITEM.reference, None, "closed")
    assert (row.prompt_tokens, row.trace_tokens, row.answer_tokens) == (7, 5, 3)
    assert (row.cell, row.item, row.cluster, row.repeat, row.inference_flops) == ("cell", ITEM.id, ITEM.cluster, 1, 1e6)
    assert (row.benchmark, row.family, row.prompt, row.reference) == (
        "chain",
        "arithmetic-oe",
        ITEM.prompt,
        ITEM.reference,
    )


def test_the_right_answer_inside_of_the_trace_only_is_wrong():
    wrong = "1" if ITEM.reference != "1" else "2"
    assert sample(f"<think> {ITEM.reference} </think> {wrong}").score == 0
    assert sample(f"{ITEM.reference} <think> 1 </think> {wrong}").score == 0


def test_an_unclosed_trace_has_no_answer():
    row = sample(f"<think> {ITEM.reference}", stop_reason="length")
    assert (row.score, row.extracted, row.think_state) == (0, None, "unclosed")


def test_a_truncated_answer_is_wrong_however_it_begins():
    row = sample(ITEM.reference, stop_reason="length")
    assert (row.score, row.extracted, row.error) == (0, None, None)


def test_a_scorer_that_fails_leaves_that_score_absent_and_no_other():
    def fragile(checks):
        if any(check.answer == "boom" for check in checks):
            raise RuntimeError("the scorer broke")
        return verify(checks, NoMathematics())

    rows = score_all([(ITEM, generation(text)) for text in (ITEM.reference, "boom", "no")], fragile)
    assert [row.score for row in rows] == [1, None, 0]
    assert (rows[1].extracted, rows[1].error) == (None, "RuntimeError: the scorer broke")


def test_a_missing_library_is_no_missing_score():
    def missing(checks):
        raise MissingDependencyError("math-verify is not installed")

    with pytest.raises(MissingDependencyError):
        score_all([(ITEM, generation("3"))], missing)


def test_answers_keep_their_own_results_and_costs():
    texts = [ITEM.reference, "<think> x", ITEM.reference, "0 1"]
    results = [CheckResult(score=1.0, extracted=str(index)) for index in range(4)]
    answers = [
        Answered(item=ITEM, repeat=0, generation=generation(text), inference_flops=index + 1.0)
        for index, text in enumerate(texts)
    ]
    rows = score_generations("c", answers, verify=lambda checks: results)
    assert [(row.text, row.extracted, row.inference_flops) for row in rows] == [
        (text, str(index), index + 1.0) for index, text in enumerate(texts)
    ]


def test_the_last_boxed_answer_after_the_trace_counts():
    item = ITEM.model_copy(update={"answer_format": "math", "reference": "72"})
    for text, extracted, correct in [
        ("<think> \\boxed{72} </think> It is \\boxed{70}, no, \\boxed{72}.", "72", True),
        ("<think> \\boxed{72} </think> It is \\boxed{72}, no, \\boxed{7}.", "7", False),
        ("<think> \\boxed{72} </think>", None, False),
        ("<think> \\boxed{72}", None, False),
        ("\\boxed{\\text{72}}", "\\text{72}", True),
    ]:
        row = sample(text, item)
        assert (row.extracted, row.score) == (extracted, correct)


def test_a_broken_reference_leaves_the_score_absent():
    broken = ITEM.model_copy(update={"reference": "  "})
    row = sample("3", broken)
    assert row.score is None and row.error is not None


def test_more_trace_than_output_is_a_failure_of_the_step():
    with pytest.raises(StepError, match="9 tokens of trace in 8"):
        sample("3", trace_tokens=9)


def test_alternatives_and_tolerance_reach_the_scorer_and_scores_may_lie_between():
    close = ITEM.model_copy(update={"answer_format": "number", "reference": "100", "tolerance": 0.05})
    assert [sample(text, close).score for text in ("96", "94")] == [1, 0]
    several = ITEM.model_copy(
        update={"answer_format": "squad_f1", "reference": "in Paris", "alternatives": ("the city of Paris",)}
    )
    assert [sample(text, several).score for text in ("City of Paris!", "Paris", "Rome")] == [1, 2 / 3, 0]


@given(st.text())
def test_any_text_makes_a_row_that_can_be_stored(text):
    row = sample(text)
    assert row.score is not None
    assert Sample.model_validate_json(row.model_dump_json()) == row
