"""Answers known without this code: exact paired tests, three cells on paper, studies that can show nothing."""

import numpy as np
import pytest
from scipy.stats import binomtest
from simulation import cell_facts, configuration_name, observations

from isothink.evidence.analysis import analyze
from isothink.evidence.draws import draw_weights, weight_shape
from isothink.evidence.settings import AnalysisSettings

SETTINGS = AnalysisSettings(draws=10_000, frontier_draws=500)


def study(data, **changes):
    arguments = {
        "study": "test",
        "budgets_flops": [1e12],
        "queries": 1000.0,
        "students": ("s", "m", "l"),
        "arms": ("ift", "reasoning"),
        "settings": SETTINGS,
    }
    return analyze(data, **(arguments | changes))


def paired(only_reasoning, only_ift, both, neither):
    """Two cells: how many items only one of them, both and neither get right."""
    reasoning = [1.0] * only_reasoning + [0.0] * only_ift + [1.0] * both + [0.0] * neither
    ift = [0.0] * only_reasoning + [1.0] * only_ift + [1.0] * both + [0.0] * neither
    cells = [cell_facts("s", arm, 1e12) for arm in ("ift", "reasoning")]
    return observations(cells, [ift, reasoning])


@pytest.mark.parametrize(
    ("only_reasoning", "only_ift", "both", "neither"),
    [(20, 20, 30, 30), (25, 15, 30, 30), (30, 14, 60, 96), (45, 20, 100, 35), (60, 90, 200, 150), (9, 3, 200, 88)],
)
def test_a_paired_p_value_is_near_the_exact_sign_test(only_reasoning, only_ift, both, neither):
    """McNemar's exact test, of the observed split itself only half, since a bootstrap has no steps (mid-p: Fagerland,
    Lydersen & Laake, BMC Medical Research Methodology 13:91, 2013)."""
    found = study(paired(only_reasoning, only_ift, both, neither)).comparisons
    same = next(item for item in found if item.kind == "same_student")
    discordant = only_reasoning + only_ift
    exact = binomtest(only_reasoning, discordant).pvalue
    fewer = min(only_reasoning, only_ift)
    half = (
        0.0
        if fewer * 2 == discordant
        else binomtest(fewer, discordant, alternative="less").pvalue
        - (binomtest(fewer - 1, discordant, alternative="less").pvalue if fewer else 0.0)
    )
    assert same.difference == pytest.approx((only_reasoning - only_ift) / (discordant + both + neither))
    assert same.p_value == pytest.approx(exact - half, abs=0.03)


def test_three_cells_on_paper():
    """Small IFT 0.50, large IFT 0.80, small reasoning 0.80; 1e7, 1e9 and 5e7 FLOPs a query; equal training."""
    kinds = [("s", "ift", 50), ("l", "ift", 80), ("s", "reasoning", 80)]
    cells = [cell_facts(student, arm, 1e12, seed) for student, arm, _ in kinds for seed in (0, 1)]
    rows = [[1.0] * right + [0.0] * (100 - right) for _, _, right in kinds for _ in (0, 1)]
    evidence = study(observations(cells, rows))
    small, large, reasoning = (configuration_name(student, arm, 1e12) for student, arm, _ in kinds)
    frontiers = {item.axis: {member.configuration: member for member in item.members} for item in evidence.frontiers}
    inference, training = frontiers["inference_flops_per_query"], frontiers["training_flops"]
    assert {name for name, item in inference.items() if item.on_frontier} == {small, reasoning}
    assert inference[large].dominated_by == reasoning
    assert {name for name, item in training.items() if item.on_frontier} == {large, reasoning}
    assert training[large].tied_with == (reasoning,)
    areas = {item.axis: item.hypervolumes for item in evidence.frontiers}
    decade = np.log10(5) / 2  # of the two decades from 1e7 to 1e9, the part below 5e7
    everything, ift, thinking = areas["inference_flops_per_query"]
    assert everything.value == pytest.approx(0.5 * decade + 0.8 * (1 - decade))
    assert (ift.value, thinking.value) == (pytest.approx(0.5), pytest.approx(0.8 * (1 - decade)))
    assert [item.value for item in areas["training_flops"]] == pytest.approx([0.8, 0.8, 0.8])
    same = next(item for item in evidence.comparisons if item.kind == "same_student")
    assert (same.difference, same.outcome) == (pytest.approx(0.3), "better")
    assert evidence.verdicts[0].recommended.cell == reasoning


@pytest.mark.parametrize("clusters", [10, 59, 60, 500])
def test_weights_spread_a_mean_as_far_as_they_are_meant_to(clusters):
    """The two kinds of weights, on either side of the number of clusters at which one takes over from the other."""
    weights = draw_weights(np.random.default_rng(3), 2_000_000 // clusters, clusters).astype(float)
    shares = (weights / weights.sum(axis=1, keepdims=True) - 1 / clusters) * clusters
    wanted = (clusters - 1) / (clusters * weight_shape(clusters) + 1)  # of Dirichlet weights of that shape
    assert (shares**2).mean() == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("items", [1, 2, 40])
@pytest.mark.parametrize("one_passage", [False, True])
def test_no_interval_has_zero_width_and_nothing_is_resolved(value, items, one_passage):
    cells = [cell_facts("s", arm, 1e12, seed) for arm in ("ift", "reasoning") for seed in (0, 1)]
    clusters = [0] * items if one_passage else None
    evidence = study(observations(cells, np.full((4, items), value), clusters=clusters))
    for item in (*evidence.configurations, *evidence.comparisons):
        assert item.interval.high - item.interval.low > 0.005
    assert {item.outcome for item in evidence.comparisons} == {"unresolved"}


def test_a_study_that_can_show_nothing_says_so():
    cells = [cell_facts(s, arm, 1e12, seed) for s in ("s", "l") for arm in ("ift", "reasoning") for seed in (0, 1)]
    rows = [[1.0, 0.0] * 10, [0.0, 1.0] * 10] * 4
    verdict = study(observations(cells, rows)).verdicts[0]
    assert verdict.outcome == "unresolved"
    assert verdict.recommended is not None
    assert any(reason.startswith("unresolved: not every difference from IFT is resolved") for reason in verdict.reasons)
    assert verdict.would_change_it
