"""Lengths that a study declares: the means are kept, pairs are dropped as pairs, formats mix in the stated share."""

import numpy as np
import pytest

from isothink.corpus.declared import declared_lengths
from isothink.corpus.order import format_draws, prompt_order
from isothink.domain.budget_settings import DeclaredLengths
from isothink.errors import StudyError

SOURCE = {"prompts": 3000, "prompt_tokens": 10, "ift_tokens": 50, "reasoning_tokens": 400}


def declared(*, max_tokens=None, **changes):
    sources = {"b": {**SOURCE, **changes}, "a": {**SOURCE, "prompts": 1000, "ift_tokens": 80}}
    return declared_lengths(DeclaredLengths(sources=sources), vocabulary_size=9, max_tokens=max_tokens)


def test_without_variation_all_pairs_of_a_source_are_alike():
    lengths = declared()
    assert lengths.unique_prompts == 4000 and lengths.sources == ("a", "b") and lengths.origin == "declared"
    assert np.unique(lengths.ift[lengths.source == 0]).tolist() == [90]
    assert np.unique(lengths.ift[lengths.source == 1]).tolist() == [60]
    assert set(lengths.reasoning.tolist()) == {410} and lengths.dropped_pairs == 0


def test_lengths_that_vary_keep_their_mean_and_have_their_spread():
    answers = (one := declared(variation=1.0)).reasoning[one.source == 1] - 10
    assert answers.mean() == pytest.approx(400, rel=1e-3)
    assert answers.std() / answers.mean() == pytest.approx(1.0, abs=0.15)
    assert np.array_equal(one.reasoning, declared(variation=1.0).reasoning)


def test_long_pairs_go_whole_and_are_counted():
    every, lengths = declared(variation=1.0), declared(variation=1.0, max_tokens=600)
    kept = np.maximum(every.ift, every.reasoning) <= 600
    assert lengths.unique_prompts == np.count_nonzero(kept) and lengths.dropped_pairs == np.count_nonzero(~kept) > 0
    assert np.array_equal(lengths.ift, every.ift[kept]) and np.array_equal(lengths.source, every.source[kept])
    traces = every.reasoning - every.prompt
    assert lengths.dropped_trace_share == pytest.approx(traces[~kept].sum() / traces.sum())
    with pytest.raises(StudyError, match=r"lengths\.sources\.a: found no pair of at most 60 tokens"):
        declared(max_tokens=60)


def test_pairs_without_ids_are_mixed_and_ordered_like_others():
    lengths = declared()
    draws = format_draws(lengths, seed=1)
    assert len(draws) == 4000 and np.mean(draws < 0.25) == pytest.approx(0.25, abs=0.03)
    assert not np.array_equal(draws, format_draws(lengths, seed=2))
    assert sorted(prompt_order(lengths, seed=1, count=4000)) == list(range(4000))
