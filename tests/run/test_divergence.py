"""The watch over a loss that rises without overflowing."""

import pytest

from isothink.run.divergence import WINDOW, DivergenceWatch

VOCABULARY = 1000  # guessing costs 6.9 nats


def first_divergence(losses, factor=3.0):
    watch = DivergenceWatch(factor, VOCABULARY)
    return next((index for index, loss in enumerate(losses) if watch.diverges(loss)), None)


def test_a_mean_beyond_the_stated_bound_ends_the_run_with_step_and_loss():
    losses = [1.5] * WINDOW + [9.0] * WINDOW
    step = first_divergence(losses)
    assert step == WINDOW + 8, "nine steps at 9.0 and eleven at 1.5 have a mean of 4.9 = more than three times 1.5"
    watch = DivergenceWatch(3.0, VOCABULARY)
    watch.restore(losses[: step + 1])
    message = watch.error(40 + step).message
    assert f"step {40 + step}" in message and "4.875" in message and "1.5" in message


@pytest.mark.parametrize(
    "losses",
    [
        [2.0] * WINDOW + [30.0] + [2.0] * WINDOW,  # one step far above its neighbours
        [0.1] * WINDOW + [3.0] * WINDOW * 3,  # a harder phase, still below half of the loss of guessing
        [6.9 - 0.1 * index for index in range(60)],
        [9.0, 30.0],  # too few to say
    ],
)
def test_healthy_runs_go_on(losses):
    assert first_divergence(losses) is None


def test_a_resumed_watch_sees_what_an_undisturbed_one_sees():
    losses = [1.5] * WINDOW + [9.0] * WINDOW
    for cut in (3, WINDOW, WINDOW + 5):
        watch = DivergenceWatch(3.0, VOCABULARY)
        watch.restore(losses[:cut])
        seen = [index for index, loss in enumerate(losses[cut:], start=cut) if watch.diverges(loss)]
        assert seen[0] == first_divergence(losses)
