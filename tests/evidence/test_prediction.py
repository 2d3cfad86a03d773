"""The rule that predicts: exact where the data are exact, honest where they are not, silent where they say nothing."""

import math

import numpy as np
import pytest

from isothink.evidence.prediction import GainOver, predict
from isothink.evidence.size_choice import choose, inner_hold_outs
from isothink.evidence.size_gain import correlation, pairs_of
from isothink.evidence.size_series import SizeSeries
from isothink.evidence.value_scale import bend, from_line, noise, to_line

SIZES = np.array([0.5, 1.5, 3.0, 7.0, 14.0])
COLUMNS = ("family", "arm")
OVER = GainOver(column="arm", baseline="arm 0")


def made(values, *, sizes=SIZES, caps=None, scale="logit"):
    values = np.array(values, dtype=float)
    caps = np.full(len(values), np.nan) if caps is None else np.array(caps, dtype=float)
    keys = tuple((f"family {row // 2}", f"arm {row % 2}") for row in range(len(values)))
    return SizeSeries(keys=keys, sizes=np.array(sizes), values=values, caps=caps, scale=scale)


def straight(level, slope, cap=1.0, sizes=SIZES):
    return cap / (1 + np.exp(-(level + slope * np.log(sizes / sizes[0]))))


EXACT = [straight(-1.5, 0.5, 0.9), straight(-1.0, 0.8, 0.9), straight(-0.5, 0.3, 0.8), straight(0.2, 0.4, 0.8)]
EXACT_CAPS = [0.9, 0.9, 0.8, 0.8]


@pytest.mark.parametrize(("size", "mode"), [(14.0, "larger"), (7.0, "larger"), (3.0, "others"), (0.5, "others")])
def test_lines_without_noise_are_recovered_whatever_their_slopes(size, mode):
    found = predict(made(EXACT, caps=EXACT_CAPS), COLUMNS, hold_out=(size,), mode=mode)
    assert [cell.predicted for cell in found.held_out] == pytest.approx([cell.actual for cell in found.held_out])
    assert found.hold_outs[0].covered == 1.0


def test_the_equation_of_a_line_without_noise_is_that_line():
    fit = predict(made(EXACT, caps=EXACT_CAPS), COLUMNS).fits[0]
    assert (fit.slope, fit.curvature, fit.cap) == pytest.approx((0.5, 0.0, 0.9))
    formula = fit.equation.replace("exp", "math.exp").replace("ln", "math.log").replace("^", "**")
    assert eval(formula, {"math": math, "size": 3.0}) == pytest.approx(EXACT[0][2], abs=1e-3)


def test_power_laws_of_tokens_are_recovered_on_the_log_scale():
    tokens = [800 * SIZES**-0.2, 4000 * SIZES**-0.1, 300 * SIZES**0.15]
    found = predict(made(tokens, scale="log"), COLUMNS, at=(32.0,), unit="plain")
    expected = [800 * 32**-0.2, 4000 * 32**-0.1, 300 * 32**0.15]
    assert [cell.predicted for cell in found.predictions] == pytest.approx(expected, rel=1e-6)
    assert all(cell.interval[0] < cell.predicted < cell.interval[1] for cell in found.predictions)


def test_what_is_held_out_has_no_say():
    wild = np.array(EXACT)
    wild[:, 3:] = 0.01
    first = predict(made(EXACT), COLUMNS, hold_out=(7.0,)).held_out
    second = predict(made(wild), COLUMNS, hold_out=(7.0,)).held_out
    assert [cell.predicted for cell in first] == [cell.predicted for cell in second]
    assert [cell.interval for cell in first] == [cell.interval for cell in second]


def test_a_cap_that_was_reached_is_no_cap():
    values = [straight(0.0, 0.6), straight(0.5, 0.6)]
    reached = predict(made(values, caps=[0.6, 0.6]), COLUMNS, at=(32.0,))
    unknown = predict(made(values), COLUMNS, at=(32.0,))
    assert reached.predictions == unknown.predictions
    assert {fit.cap for fit in reached.fits} == {1.0}


def test_intervals_grow_with_the_distance_and_stay_between_zero_and_the_cap():
    generator = np.random.default_rng(3)
    noisy = np.clip(np.array(EXACT) + generator.normal(0, 0.02, (4, 5)), 0.01, 0.79)
    at = (20.0, 70.0, 500.0)
    found = predict(made(noisy, caps=EXACT_CAPS), COLUMNS, at=at).predictions[::4]
    lines = [to_line(np.array(cell.interval), np.array(0.9), "logit") for cell in found]
    widths = [high - low for low, high in lines]
    assert widths[0] < widths[1] < widths[2]
    assert all(0 <= cell.interval[0] <= cell.predicted <= cell.interval[1] <= 0.9 for cell in found)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_all_wrong_and_all_right_cells_give_finite_numbers(edge):
    values = np.array(EXACT)
    values[0, 0 if edge == 0.0 else -1] = edge
    values[1, :] = edge
    for cell in predict(made(values), COLUMNS, at=(32.0,)).predictions:
        assert 0 <= cell.interval[0] <= cell.predicted <= cell.interval[1] <= 1
        assert cell.interval[1] > cell.interval[0]


def test_missing_cells_cost_only_themselves():
    values = np.array(EXACT)
    values[0, 1] = values[1, 3] = np.nan
    found = predict(made(values, caps=EXACT_CAPS), COLUMNS, at=(32.0,)).predictions
    whole = predict(made(EXACT, caps=EXACT_CAPS), COLUMNS, at=(32.0,)).predictions
    assert [cell.predicted for cell in found] == pytest.approx([cell.predicted for cell in whole])


def test_each_series_may_have_sizes_of_its_own():
    sizes = np.array([0.5, 1.0, 1.5, 3.0, 7.0, 8.0, 14.0])
    values = np.full((2, 7), np.nan)
    values[0, [0, 2, 3, 4, 6]] = straight(-1.0, 0.5, sizes=sizes)[[0, 2, 3, 4, 6]]
    values[1, [1, 3, 5]] = straight(-0.5, 0.4, sizes=sizes)[[1, 3, 5]]
    found = predict(made(values, sizes=sizes), COLUMNS, at=(10.0,)).predictions
    assert [cell.position for cell in found] == ["inside", "above"]
    expected = 1 / (1 + np.exp(-(-0.5 + 0.4 * math.log(10 / 0.5))))
    assert found[1].predicted == pytest.approx(expected, abs=1e-3)


def test_one_size_is_refused_and_the_others_are_not():
    values = np.array(EXACT)
    values[2, 1:] = np.nan
    found = predict(made(values), COLUMNS, at=(32.0,)).predictions
    assert found[2].predicted is None and found[2].interval is None and "one size" in found[2].refused
    assert all(cell.predicted is not None for index, cell in enumerate(found) if index != 2)


@pytest.mark.parametrize("scale", ["logit", "log"])
def test_sizes_far_beyond_all_others_are_refused(scale):
    found = predict(made(EXACT, scale=scale), COLUMNS, at=(1e300, 1e-300, 1390.0)).predictions
    assert all("factor of 100" in cell.refused and cell.predicted is None for cell in found[:8])
    assert all(cell.predicted is not None for cell in found[8:])


def test_two_sizes_are_enough_only_beside_others_with_three():
    two = np.array(EXACT)
    two[0, 2:] = np.nan
    assert predict(made(two), COLUMNS, at=(32.0,)).predictions[0].predicted is not None
    two[:, 2:] = np.nan
    refused = predict(made(two), COLUMNS, at=(32.0,)).predictions
    assert all(cell.predicted is None and "three sizes" in cell.refused for cell in refused)


def test_three_sizes_of_one_series_suffice_with_a_wide_interval():
    few = predict(made([straight(-1.0, 0.5)[:3]], sizes=SIZES[:3]), COLUMNS, at=(7.0,)).predictions[0]
    many = predict(made(np.array(EXACT)[:, :3], sizes=SIZES[:3]), COLUMNS, at=(7.0,)).predictions[0]
    assert few.interval[0] <= straight(-1.0, 0.5)[3] <= few.interval[1]
    assert few.interval[1] - few.interval[0] > many.interval[1] - many.interval[0] > 0


def test_a_series_that_turns_is_refused_beyond_its_ends_and_not_between():
    values = [*EXACT, [0.6, 0.4, 0.3, 0.45, 0.6]]
    found = predict(made(values), COLUMNS, at=(32.0, 5.0)).predictions
    assert found[4].predicted is None and "falls and rises" in found[4].refused
    assert found[9].predicted is not None


def test_a_series_that_falls_goes_on_falling():
    values = np.array(EXACT)[:, ::-1]
    found = predict(made(values), COLUMNS, at=(32.0,)).predictions
    assert all(cell.predicted < row[-1] for cell, row in zip(found, values, strict=True))


@pytest.mark.parametrize("scale", ["logit", "log"])
def test_scales_and_their_inverses(scale):
    values, caps = np.array([0.1, 0.4, 0.7]), np.full(3, 0.8)
    assert from_line(to_line(values, caps, scale), caps, scale) == pytest.approx(values)
    assert (noise(values, caps, scale) >= 1).all()


@pytest.mark.parametrize("curvature", [-0.25, 0.0, 1e-9, 0.5, 1.0])
def test_bent_sizes_have_slope_one_at_the_largest_size(curvature):
    at = bend(np.array([14.0, 14.0 * 1.0001]), 14.0, curvature)
    assert at[0] == 0.0
    assert at[1] == pytest.approx(math.log(1.0001), rel=1e-3)


def test_values_of_any_magnitude_give_finite_numbers():
    found = predict(made([[1e-300, 1e300, 3.0, 5.0, 7.0]], scale="log"), COLUMNS, at=(5.0, 100.0), unit="plain")
    assert all(cell.refused or math.isfinite(cell.interval[1]) for cell in found.predictions)


def test_gains_are_differences_of_predictions_with_intervals_that_stay_possible():
    generator = np.random.default_rng(3)
    noisy = np.clip(np.array(EXACT) + generator.normal(0, 0.02, (4, 5)), 0.01, 0.79)
    found = predict(made(noisy, caps=EXACT_CAPS), COLUMNS, at=(32.0, 500.0), gain_over=OVER)
    assert [(cell.series, cell.arm, cell.baseline) for cell in found.gains[:2]] == [
        ({"family": "family 0"}, "arm 1", "arm 0"),
        ({"family": "family 1"}, "arm 1", "arm 0"),
    ]
    for gain, (baseline, arm) in zip(
        found.gains, zip(found.predictions[::2], found.predictions[1::2], strict=True), strict=True
    ):
        assert gain.size == arm.size and gain.gain == pytest.approx(arm.predicted - baseline.predicted)
        assert -baseline.interval[1] - 0.05 < gain.interval[0] <= gain.gain <= gain.interval[1] < 0.9
        assert gain.interval[1] - gain.interval[0] > arm.interval[1] - arm.predicted


def test_gains_are_refused_where_either_side_is():
    values = np.array(EXACT)
    values[0, 1:] = np.nan
    first, second = predict(made(values), COLUMNS, at=(32.0,), gain_over=OVER).gains
    assert first.gain is None and first.interval is None and first.refused.startswith("the baseline: one size")
    assert second.gain is not None and second.refused is None


def test_hidden_gains_have_their_actual_values_and_are_counted():
    found = predict(made(EXACT, caps=EXACT_CAPS), COLUMNS, hold_out=(14.0,), gain_over=OVER)
    actual = [EXACT[1][-1] - EXACT[0][-1], EXACT[3][-1] - EXACT[2][-1]]
    assert [cell.actual for cell in found.held_out_gains] == pytest.approx(actual)
    assert [cell.gain for cell in found.held_out_gains] == pytest.approx(actual)
    (summary,) = found.hold_outs
    assert (summary.gains, summary.gains_of_right_sign, summary.gains_covered) == (2, 2, 1.0)


def test_without_a_baseline_there_are_no_gains():
    found = predict(made(EXACT), COLUMNS, at=(32.0,), hold_out=(14.0,))
    assert found.gains == () and found.held_out_gains == () and found.hold_outs[0].gains == 0


@pytest.mark.parametrize(("shared", "least", "most"), [(0.0, 0.0, 0.45), (0.95, 0.6, 1.0)])
def test_errors_that_two_arms_share_are_found_in_the_hold_outs(shared, least, most):
    generator = np.random.default_rng(4)
    lines = np.tile(np.linspace(-1.0, 1.0, 8), (16, 1))
    common = np.repeat(generator.normal(0, 0.3, (8, 8)), 2, axis=0)
    own = generator.normal(0, 0.3, (16, 8))
    lines += math.sqrt(shared) * common + math.sqrt(1 - shared) * own
    series = made(1 / (1 + np.exp(-lines)), sizes=2.0 ** np.arange(8))
    (choice,) = choose(series, inner_hold_outs(series, "above"), [256.0])
    assert least <= correlation(choice, pairs_of(series.keys, 1, "arm 0")) <= most


def test_what_two_arms_share_makes_the_interval_of_their_gain_narrower():
    generator = np.random.default_rng(4)
    common = np.repeat(generator.normal(0, 0.3, (4, 6)), 2, axis=0)
    own = generator.normal(0, 0.3, (8, 6))
    slope = np.linspace(-1.0, 1.0, 6)
    widths = []
    for noise_of_both in (common, own):
        series = made(1 / (1 + np.exp(-(slope + noise_of_both))), sizes=2.0 ** np.arange(6))
        gains = predict(series, COLUMNS, at=(64.0,), gain_over=OVER).gains
        widths.append(np.mean([cell.interval[1] - cell.interval[0] for cell in gains]))
    assert widths[0] < 0.8 * widths[1]


def test_many_sizes_at_once_are_predicted_as_each_is_alone():
    at = (0.2, 1.0, 5.0, 32.0, 100.0)
    together = predict(made(EXACT, caps=EXACT_CAPS), COLUMNS, at=at).predictions
    alone = [cell for size in at for cell in predict(made(EXACT, caps=EXACT_CAPS), COLUMNS, at=(size,)).predictions]
    assert [cell.predicted for cell in together] == pytest.approx([cell.predicted for cell in alone], rel=1e-9)
