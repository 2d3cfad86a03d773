"""Seconds and dollars: hand calculations on an H100, and verdicts that they move."""

import numpy as np
import pytest
from simulation import cell_facts, observations

from isothink.compute.hardware import decode_bytes, device, serving_work
from isothink.compute.registry import lookup
from isothink.errors import UsageError
from isothink.evidence.analysis import analyze
from isothink.evidence.money import money, seconds_to_compute, seconds_to_serve, terms_of
from isothink.evidence.record import ServingCost
from isothink.evidence.settings import AnalysisSettings
from isothink.evidence.verdict import decide

H100 = money("usd", device_name="h100", price_per_hour=3.6, batch_size=8, utilisation=0.5)


def test_decoding_is_bound_by_the_slower_of_arithmetic_and_memory():
    rate, bandwidth = 989.4e12 * 0.5, 3.35e12
    memory = ServingCost(prefill_flops=rate, decode_flops=rate, weight_bytes=80 * bandwidth, cache_bytes=3 * bandwidth)
    assert seconds_to_serve(memory, H100) == pytest.approx(1 + 80 / 8 + 3)
    arithmetic = memory.model_copy(update={"weight_bytes": 0.0, "cache_bytes": 0.0})
    assert seconds_to_serve(arithmetic, H100) == pytest.approx(2)
    assert seconds_to_compute(np.array([rate * 7]), H100) == pytest.approx([7])


def test_the_parts_of_a_query_add_up_to_what_decoding_a_batch_reads():
    model = lookup("Qwen/Qwen2.5-0.5B")
    _, _, weights, cached = serving_work(model, 100, 50)
    assert weights + 16 * cached == decode_bytes(model, 100, 50, batch_size=16)
    assert serving_work(model, 100, 1)[1:] == (0.0, 0.0, 0.0)  # the prefill gives the first token


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device_name": None}, "no device"),
        ({"device_name": "h900"}, "unknown device"),
        ({"device_name": "a100"}, "one of several"),
        ({"price_per_hour": None}, "no price"),
        ({"price_per_hour": -1.0}, "price"),
        ({"batch_size": 0}, "batch-size"),
        ({"utilisation": 1.5}, "utilisation"),
    ],
)
def test_impossible_terms_are_refused(changes, message):
    arguments = {"device_name": "h100", "price_per_hour": 2.5, "batch_size": 8, "utilisation": 0.5}
    with pytest.raises(UsageError, match=message):
        money("usd", **(arguments | changes))


@pytest.mark.parametrize(
    "given", [{"device_name": "h100"}, {"price_per_hour": 2.5}, {"batch_size": 8}, {"utilisation": 0.5}]
)
def test_what_is_said_of_a_device_is_refused_beside_flops(given):
    nothing = dict.fromkeys(("device_name", "price_per_hour", "batch_size", "utilisation"))
    assert terms_of("flops", **nothing) is None
    with pytest.raises(UsageError, match=r"^--(device|price|batch-size|utilisation): ") as caught:
        terms_of("flops", **(nothing | given))
    assert "--axis seconds" in caught.value.hint
    assert terms_of("seconds", **(nothing | {"device_name": "h100"} | given)).axis == "seconds"


def test_a_unique_start_of_a_name_is_enough():
    assert device("h100") == device("H100 SXM")


def evidence_where_decoding_is_slow():
    """Large IFT needs ten times the FLOPs per query, small reasoning ten times the weights read."""
    cells = [cell_facts(*facts, 1e12, seed) for facts in (("l", "ift"), ("s", "reasoning")) for seed in (0, 1)]
    data = observations(cells, np.tile([1.0, 0.0], (4, 50)), costs=[1e10, 1e10, 1e9, 1e9])
    shape = data.correct.shape
    read = np.array([1e9, 1e9, 1e10, 1e10])[:, None]
    data.serving.update(
        prefill_flops=np.full(shape, 1e9),
        decode_flops=np.zeros(shape),
        weight_bytes=np.broadcast_to(read, shape),
        cache_bytes=np.zeros(shape),
    )
    return analyze(
        data,
        study="test",
        budgets_flops=[1e12],
        queries=1e6,
        students=("s", "l"),
        arms=("ift", "reasoning"),
        settings=AnalysisSettings(draws=500),
    )


def test_dollars_can_recommend_another_cell_than_flops():
    evidence = evidence_where_decoding_is_slow()
    question = {"family": "f", "budget_flops": 1e12, "queries": 1e6}
    in_flops = decide(evidence, **question)
    in_dollars = decide(evidence, **question, money=H100)
    assert (in_flops.recommended.arm, in_dollars.recommended.arm) == ("reasoning", "ift")
    best = in_dollars.recommended
    per_query = (1e9 / (989.4e12 * 0.5) + 1e9 / 8 / 3.35e12) * 3.6 / 3600
    assert best.inference_cost_per_query == pytest.approx(per_query)
    assert best.training_cost == pytest.approx(0.99e12 / (989.4e12 * 0.5) * 0.001)
    assert best.lifetime_cost == pytest.approx(best.training_cost + 1e6 * per_query)
    assert in_flops.recommended.lifetime_cost is None
    assert in_dollars.sensitivity == {}


def test_a_cap_on_money_excludes_what_costs_more():
    evidence = evidence_where_decoding_is_slow()
    per_query = decide(evidence, family="f", budget_flops=1e12, queries=0, money=H100)
    cap = min(one.inference_cost_per_query for one in (per_query.recommended, *per_query.alternatives))
    capped = decide(evidence, family="f", budget_flops=1e12, queries=0, money=H100, inference_budget=cap)
    assert capped.alternatives == ()
    assert any("exclude cells that were compared" in text for text in capped.reasons)


def test_cells_of_unknown_shape_have_no_dollars_and_are_left_out():
    evidence = evidence_where_decoding_is_slow()
    shapeless = [
        one.model_copy(update={"serving": None}) if one.arm == "ift" else one for one in evidence.configurations
    ]
    half = evidence.model_copy(update={"configurations": tuple(shapeless)})
    verdict = decide(half, family="f", budget_flops=1e12, queries=1, money=H100)
    assert verdict.recommended.arm == "reasoning"
    assert "1 of 2 configurations have no known shape" in " ".join(verdict.reasons)
    none = evidence.model_copy(
        update={"configurations": tuple(one.model_copy(update={"serving": None}) for one in shapeless)}
    )
    assert decide(none, family="f", budget_flops=1e12, queries=1, money=H100).recommended is None
