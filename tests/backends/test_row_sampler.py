"""Drawing tokens: the distribution is the one asked for, and a row's draws are its own."""

import pytest

torch = pytest.importorskip("torch", reason="needs the [train] extra")
pytest.importorskip("transformers", reason="needs the [train] extra")

from isothink.backends.row_sampler import RowSampler  # noqa: E402
from isothink.backends.token_chooser import TokenChooser, invert  # noqa: E402
from isothink.domain.teacher_settings import Sampling  # noqa: E402

SCORES = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
NO_PROMPT = torch.zeros(1, 0, dtype=torch.long)


def chosen(sampling, *, key="k", scores=SCORES, written=()):
    """The token that the sampler leaves after `written`."""
    sampler = RowSampler(sampling, keys=[key], steps=len(written) + 1, prompt_length=0)
    left = sampler(torch.tensor([list(written)], dtype=torch.long), scores[None])
    return int(left.argmax())


def test_equal_steps_through_the_draws_give_each_token_its_share():
    steps = 1000
    draws = torch.arange(1, steps + 1) / steps
    counts = torch.bincount(invert(SCORES.expand(steps, -1), draws), minlength=5)
    assert (counts - steps * SCORES.softmax(0)).abs().max() <= 1


@pytest.mark.parametrize("draw", [2**-24, 0.5, 1.0])
def test_a_token_without_probability_is_never_found(draw):
    scores = torch.full((1, 6), -torch.inf)
    scores[0, [2, 4]] = 0.0
    assert int(invert(scores, torch.tensor([draw]))) in {2, 4}


def test_many_keys_draw_the_distribution_asked_for():
    count = 4000
    sampler = RowSampler(
        Sampling(temperature=2.0, top_p=1.0), keys=[str(number) for number in range(count)], steps=1, prompt_length=0
    )
    left = sampler(NO_PROMPT.expand(count, 0), SCORES.expand(count, -1)).argmax(-1)
    shares = torch.bincount(left, minlength=5) / count
    wanted = (SCORES / 2).softmax(0)
    # five standard errors of a share; the draws are fixed, so this passes always or never
    assert ((shares - wanted).abs() < 5 * (wanted * (1 - wanted) / count).sqrt()).all()


@pytest.mark.parametrize(
    ("changes", "support"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.7}, {0, 1}),  # the largest two shares are 0.56 and 0.21
        ({"min_p": 0.3}, {0, 1}),  # of the largest; the third is 0.22 of it
        ({"temperature": 0.0}, {0}),
        ({"temperature": 0.0, "presence_penalty": 2.0}, {0}),
        ({}, {0, 1, 2, 3, 4}),
    ],
)
def test_settings_narrow_what_is_drawn(changes, support):
    sampling = Sampling(**{"temperature": 1.0, "top_p": 1.0, **changes})
    assert {chosen(sampling, key=str(number)) for number in range(300)} == support


def test_presence_penalty_counts_what_the_reply_holds_and_not_the_prompt():
    sampling = Sampling(temperature=0.0, presence_penalty=2.0)
    assert chosen(sampling, written=[3]) == 0
    assert chosen(sampling, written=[0, 0]) == 1, "once for a token, however often it came: 2 - 2 < 1"
    sampler = RowSampler(sampling, keys=["k"], steps=1, prompt_length=1)
    assert int(sampler(torch.tensor([[0]]), SCORES[None]).argmax()) == 0, "token 0 is the prompt's"


def test_draws_follow_from_seed_and_key_alone():
    sampling = Sampling(temperature=1.0, top_p=1.0, seed=3)
    keys = [str(number) for number in range(50)]
    together = RowSampler(sampling, keys=keys, steps=4, prompt_length=0)
    scores = SCORES.expand(50, -1)
    batch = together(NO_PROMPT.expand(50, 0), scores).argmax(-1).tolist()
    assert batch == [chosen(sampling, key=key) for key in keys]
    other = RowSampler(sampling.model_copy(update={"seed": 4}), keys=keys, steps=4, prompt_length=0)
    assert batch != other(NO_PROMPT.expand(50, 0), scores).argmax(-1).tolist()


def test_rows_at_different_steps_share_a_batch():
    chooser = TokenChooser(Sampling(temperature=1.0, top_p=0.9, seed=3))
    draws = [chooser.draws(str(number), 40) for number in range(40)]
    scores = SCORES.expand(40, -1)
    mixed = chooser.choose(scores, torch.stack([row[number] for number, row in enumerate(draws)])).tolist()
    alone = [int(chooser.choose(SCORES[None], row[number : number + 1])) for number, row in enumerate(draws)]
    assert mixed == alone
    assert len(set(mixed)) > 1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_scores_that_are_not_numbers_are_an_error(temperature):
    scores = torch.tensor([1.0, float("nan")])
    with pytest.raises(RuntimeError, match="not numbers"):
        chosen(Sampling(temperature=temperature), scores=scores)
    with pytest.raises(RuntimeError, match="not numbers"):
        chosen(Sampling(temperature=temperature), scores=scores.flip(0))


def test_a_default_setting_refuses_them_too():
    with pytest.raises(RuntimeError, match="not numbers"):
        chosen(Sampling(), scores=torch.tensor([1.0, float("nan")]))
