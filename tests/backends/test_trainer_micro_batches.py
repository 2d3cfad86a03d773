"""Micro-batches: any cut of a step gives the same step, memory that runs out makes them smaller, none is lost."""

from dataclasses import replace
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from isothink.backends import transformers_trainer  # noqa: E402
from isothink.backends.micro_batches import (  # noqa: E402
    deal,
    fed_tokens,
    length_groups,
    packed_passes,
    padded_passes,
)
from isothink.errors import StepError  # noqa: E402

from .trainer_example import losses, opened, random_examples, steps, trained  # noqa: E402


def padded(parts):
    return sum(len(part) * max(map(fed_tokens, part)) for part in parts)


def test_groups_of_like_length_hold_every_example_once_and_pad_less():
    examples = random_examples(7, count=40)
    groups = length_groups(examples, worth=8)
    assert len(groups) > 1 and padded(groups) + 8 * (len(groups) - 1) < padded([examples])
    assert sorted(id(one) for group in groups for one in group) == sorted(id(one) for one in examples)
    assert length_groups(examples, worth=1e9) == [examples]


@pytest.mark.parametrize("limit", [1, 7, 15, 40, 10**6, None])
@pytest.mark.parametrize("worth", [0, 30, 1e9])
def test_padded_passes_keep_to_the_limit_and_hold_every_example_once(limit, worth):
    examples = random_examples(3, count=30)
    passes = padded_passes(examples, limit, worth)
    assert sorted(id(one) for part in passes for one in part) == sorted(id(one) for one in examples)
    assert all(len(part) == 1 or padded([part]) <= (limit or 10**9) for part in passes)


@pytest.mark.parametrize("limit", [1, 7, 15, 40, 10**6, None])
def test_packed_passes_keep_the_order_and_the_limit_and_are_full(limit):
    examples = random_examples(3, count=30)
    passes = packed_passes(examples, limit)
    assert [one for part in passes for one in part] == list(examples)
    assert all(len(part) == 1 or sum(map(fed_tokens, part)) <= (limit or 10**9) for part in passes)
    for part, following in pairwise(passes):
        assert sum(map(fed_tokens, part)) + fed_tokens(following[0]) > limit


@pytest.mark.parametrize(("count", "size"), [(1, 1), (5, 1), (5, 2), (6, 2), (1, 4), (9, 4)])
def test_passes_are_dealt_once_and_to_every_process_as_many(count, size):
    shares = deal(range(count), size)
    assert len({len(share) for share in shares}) == 1
    assert sorted(one for share in shares for one in share if one is not None) == list(range(count))
    assert sum(one is None for share in shares for one in share) < size


@pytest.mark.parametrize("weighting", ["token", "example"])
@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_any_cut_of_a_step_gives_the_same_trajectory(weighting, layout):
    plan = steps(20, rate=3e-3, size=5)
    _, whole = trained(plan, loss_weighting=weighting)
    for limit in (1, 30):
        _, cut = trained(plan, loss_weighting=weighting, layout=layout, micro_batch_tokens=limit)
        assert len(cut[0].shapes) > 1
        assert losses(cut) == pytest.approx(losses(whole), rel=1e-5)
        assert [one.gradient_norm for one in cut] == pytest.approx([one.gradient_norm for one in whole], rel=1e-4)
    _, again = trained(plan, loss_weighting=weighting, layout=layout, micro_batch_tokens=30)
    assert losses(again) == losses(cut), "the same cut gives the same bits"


def test_the_weightings_differ_where_answers_have_several_lengths():
    assert losses(trained(steps(1), loss_weighting="token")[1]) != pytest.approx(
        losses(trained(steps(1), loss_weighting="example")[1]), rel=1e-3
    )


class SmallMemory:
    """Stands for a device on which passes of more than so many tokens run out of memory, in the middle of a step."""

    def __init__(self, monkeypatch, tokens):
        self.tokens = tokens
        self.refused = []
        self.real = transformers_trainer.batch_loss
        monkeypatch.setattr(transformers_trainer, "batch_loss", self)

    def __call__(self, model, batch, **rest):
        if batch.ids.numel() > self.tokens:
            self.refused.append(batch.ids.numel())
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.real(model, batch, **rest)


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_memory_that_runs_out_halves_the_passes_does_the_step_again_and_is_remembered(monkeypatch, layout):
    plan = steps(6, size=8)
    _, whole = trained(plan, layout=layout)
    memory = SmallMemory(monkeypatch, tokens=40)
    _, cut = trained(plan, layout=layout)
    assert memory.refused and all(tokens > 40 for tokens in memory.refused)
    assert len(memory.refused) <= 3, "later steps begin with what fitted"
    assert losses(cut) == pytest.approx(losses(whole), rel=1e-5)
    assert all(rows * length <= 40 for one in cut for rows, length in one.shapes)


def test_a_step_that_was_done_again_is_the_step_in_that_cut_bit_for_bit(monkeypatch):
    plan = steps(3, size=8)
    state = opened(layout="packed")
    memory = SmallMemory(monkeypatch, tokens=40)
    again = [state.step(step) for step in plan]
    assert memory.refused
    _, cut = trained(plan, layout="packed", micro_batch_tokens=state._limit)
    assert losses(again) == losses(cut)


def test_an_example_that_does_not_fit_alone_fails_the_step_with_what_can_be_done(monkeypatch):
    SmallMemory(monkeypatch, tokens=5)
    state = opened()
    with pytest.raises(StepError, match=r"one example of [0-9]+ tokens does not fit") as caught:
        state.step(steps(1)[0])
    assert "activation_checkpointing" in caught.value.hint
    assert all(weight.grad is None for weight in state._model.parameters())


def test_a_student_that_does_not_fit_is_a_failed_step(monkeypatch):
    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(transformers_trainer, "adamw", full)
    with pytest.raises(StepError, match="the student and its optimizer do not fit"):
        opened()


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_activations_computed_again_change_nothing(layout):
    plan = steps(5)
    assert losses(trained(plan, layout=layout, activation_checkpointing=True)[1]) == losses(
        trained(plan, layout=layout)[1]
    )


def test_recomputed_dropout_is_that_of_the_forward_pass():
    config = {"model_type": "gpt_neox", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2}
    config |= {"intermediate_size": 32, "num_attention_heads": 2, "hidden_dropout": 0.3}
    one, other = (trained(steps(4), config=config, activation_checkpointing=value)[1] for value in (False, True))
    assert losses(one) == losses(other)


def test_losses_of_many_logits_are_computed_part_by_part_alike(monkeypatch):
    plan = steps(4)
    _, whole = trained(plan)
    monkeypatch.setattr("isothink.backends.training_batch.LOGITS_AT_ONCE", 170)
    _, parts = trained(plan)
    assert losses(parts) == pytest.approx(losses(whole), rel=1e-6)
    assert [one.gradient_norm for one in parts] == pytest.approx([one.gradient_norm for one in whole], rel=1e-5)


def test_bfloat16_computes_in_half_precision_over_weights_in_32_bits():
    plan = steps(8, rate=3e-3)
    state, half = trained(plan, precision="bfloat16")
    _, full = trained(plan)
    assert {weight.dtype for weight in state._model.parameters()} == {torch.float32}
    assert losses(half) != losses(full)
    assert losses(half) == pytest.approx(losses(full), rel=2e-2)


def test_an_example_may_stand_twice_in_a_step():
    plan = steps(1)[0]
    twice = replace(plan, examples=plan.examples * 2)
    for weighting in ("token", "example"):
        assert opened(loss_weighting=weighting).step(twice).loss == pytest.approx(
            opened(loss_weighting=weighting).step(plan).loss, rel=1e-5
        )
