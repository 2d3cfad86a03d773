"""Projection: a pilot scales to the whole set, and its intervals hold the truth as often as they say."""

import numpy as np
import pytest

from isothink.domain.reply import ReplyFacts
from isothink.domain.teacher_settings import Price
from isothink.teacher.projection import project
from isothink.teacher.tally import Tally


def facts(tokens, prompt_tokens=10, flops=None):
    return ReplyFacts(
        message="m",
        think_state="none",
        merged=False,
        finish_reason="stop",
        model="m",
        max_tokens=100,
        attempts=1,
        latency_seconds=0.1,
        prompt_tokens=prompt_tokens,
        output_tokens=tokens,
        reasoning_tokens=None,
        counted_prompt_tokens=None,
        counted_trace_tokens=None,
        counted_answer_tokens=None,
        flops=flops,
        correct=None,
        check_error=None,
    )


def summary(mode, lengths, flops=None):
    tally = Tally(mode)
    for length in lengths:
        tally.add(facts(length, flops=flops), truncated=False)
    return tally.summary()


def projected(off, on, **more):
    options = {"pilot": 4, "pairs": 3, "prompts": 100, "seconds": 36.0, "price": None, **more}
    return project(summary("off", off), summary("on", on), **options)


def test_totals_scale_with_the_number_of_prompts():
    found = projected([10, 20, 30, 40], [100] * 4, price=Price(input_per_million=1.0, output_per_million=1000.0))
    assert found.acceptance == 0.75 and found.prompts == 100
    assert found.off.prompt_tokens.value == 1000 and found.off.prompt_tokens.low == 1000
    assert found.off.output_tokens.value == pytest.approx(2500)
    assert found.off.output_tokens.low < 2500 < found.off.output_tokens.high
    assert found.on.output_tokens == found.on.output_tokens.model_copy(update={"low": 10_000.0, "high": 10_000.0})
    assert found.off.cost.value == pytest.approx(1000 / 1e6 + 2500 * 1000 / 1e6)
    # 500 tokens in 36 s: 12,500 tokens take 0.25 hours
    assert found.hours.value == pytest.approx(0.25) and found.hours.low < found.hours.value


def test_what_is_not_known_is_absent():
    found = projected([10, 20], [5, 6], seconds=0.0)
    assert found.hours is None and found.off.flops is None and found.off.cost is None and found.currency is None
    nothing = projected([], [1, 2])
    assert nothing.off.output_tokens is None and nothing.hours is None


def test_flops_scale_too():
    off, on = summary("off", [10, 10], flops=5.0), summary("on", [20, 20], flops=9.0)
    found = project(off, on, pilot=2, pairs=2, prompts=10, seconds=1.0, price=None)
    assert found.off.flops.value == pytest.approx(50.0) and found.on.flops.value == pytest.approx(90.0)


def test_intervals_hold_the_true_total_about_nine_times_in_ten():
    generator = np.random.default_rng(0)
    population = generator.gamma(4.0, 50.0, size=20_000).round()
    total = population.sum()
    held = 0
    for _ in range(400):
        pilot = generator.choice(population, 30, replace=False).astype(int)
        estimate = projected(pilot, [1, 1], prompts=20_000).off.output_tokens
        held += estimate.low <= total <= estimate.high
    assert 0.85 <= held / 400 <= 0.95


def test_one_reply_leaves_everything_in_doubt():
    estimate = projected([10], [1, 1]).off.output_tokens
    assert estimate.low == 0 and estimate.high == 2 * estimate.value
