"""Samples: a generation made into a row, with think state, score and token counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.benchmark import sample as sample_module
from isothink.benchmark.items import procedural_items
from isothink.benchmark.sample import score_generation
from isothink.domain.sample import Generation, Sample
from isothink.errors import StepError

ITEM = procedural_items(["chain"], items_per_benchmark=1, seed=0)[0]


def generation(text, stop_reason="end", output_tokens=8, trace_tokens=5):
    return Generation(
        text=text, stop_reason=stop_reason, prompt_tokens=7, output_tokens=output_tokens, trace_tokens=trace_tokens
    )


def sample(text, **settings):
    return score_generation("cell", ITEM, generation(text, **settings), 1, 1e6)


def test_a_right_answer_after_a_trace():
    row = sample(f"<think> 1 2 3 </think> {ITEM.reference}")
    assert (row.correct, row.extracted, row.error, row.think_state) == (True, ITEM.reference, None, "closed")
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
    assert sample(f"<think> {ITEM.reference} </think> {wrong}").correct is False
    assert sample(f"{ITEM.reference} <think> 1 </think> {wrong}").correct is False


def test_an_unclosed_trace_has_no_answer():
    row = sample(f"<think> {ITEM.reference}", stop_reason="length")
    assert (row.correct, row.extracted, row.think_state) == (False, None, "unclosed")


def test_a_truncated_answer_is_wrong_however_it_begins():
    row = sample(ITEM.reference, stop_reason="length")
    assert (row.correct, row.extracted, row.error) == (False, None, None)


def test_a_scorer_that_fails_leaves_the_score_absent(monkeypatch):
    def fail(item, answer):
        raise RuntimeError("the scorer broke")

    monkeypatch.setattr(sample_module, "score", fail)
    row = sample(ITEM.reference)
    assert (row.correct, row.extracted, row.error) == (None, None, "RuntimeError: the scorer broke")


def test_a_broken_reference_leaves_the_score_absent():
    broken = ITEM.model_copy(update={"reference": "  "})
    row = score_generation("cell", broken, generation("3"), 0, 0.0)
    assert row.correct is None and row.error is not None


def test_more_trace_than_output_is_a_failure_of_the_step():
    with pytest.raises(StepError, match="9 tokens of trace in 8"):
        sample("3", trace_tokens=9)


@given(st.text())
def test_any_text_makes_a_row_that_can_be_stored(text):
    row = sample(text)
    assert row.correct is not None
    assert Sample.model_validate_json(row.model_dump_json()) == row
