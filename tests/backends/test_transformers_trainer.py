"""The trainer: what carries loss, that padding and neighbours do not matter, and that states continue exactly."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.backends import transformers_trainer  # noqa: E402
from isothink.backends.transformers_trainer import TransformersTrainer, length_groups, make_batch, step_loss  # noqa: E402
from isothink.domain.training_settings import AdamW  # noqa: E402
from isothink.errors import StepError  # noqa: E402
from isothink.student.protocol import OPTIMIZER_FILE, Example, OptimizerStep, SegmentTask  # noqa: E402

CONFIG = {
    "model_type": "qwen3",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "tie_word_embeddings": True,
    "max_position_embeddings": 64,
}


def example(prompt, answer):
    return Example(prompt=np.array(prompt, dtype=np.int32), answer=np.array(answer, dtype=np.int32))


def model():
    config = dict(CONFIG)
    torch.manual_seed(3)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(config.pop("model_type"), **config)).double()


def random_examples(seed, count=6):
    chance = np.random.default_rng(seed)
    return tuple(
        example(chance.integers(2, 50, chance.integers(1, 9)), chance.integers(2, 50, chance.integers(1, 12)))
        for _ in range(count)
    )


def summed_loss_alone(network, one):
    """Minus the log-probability of the answer, token by token, on the sequence alone."""
    ids = torch.tensor(np.concatenate([one.prompt, one.answer]), dtype=torch.long)[None]
    log_probabilities = torch.log_softmax(network(input_ids=ids).logits[0], dim=-1)
    start = len(one.prompt)
    return -sum(log_probabilities[start + k - 1, int(token)] for k, token in enumerate(one.answer))


def test_the_loss_is_one_mean_over_all_answer_tokens_of_the_step_whatever_the_padding():
    network, examples = model(), random_examples(0)
    expected = sum(summed_loss_alone(network, one) for one in examples) / sum(len(one.answer) for one in examples)
    assert step_loss(network, make_batch(examples, 0)).item() == pytest.approx(expected.item(), rel=1e-6)
    for pad in (1, 49):
        assert step_loss(network, make_batch(examples, pad)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_prompts_carry_no_loss_and_answers_all_of_it():
    batch = make_batch((example([5, 6], [7, 8, 9]), example([4], [3])), 0)
    assert batch.labels.tolist() == [[-100, -100, 7, 8, 9], [-100, 3, -100, -100, -100]]
    assert (batch.tokens, batch.loss_tokens) == (7, 4)


def steps(count, seed=1, rate=1e-2):
    return [OptimizerStep(examples=random_examples(seed * 100 + index), learning_rate=rate) for index in range(count)]


def train(folder, of, *, parent=None, keep=True, seed=0, **changes):
    folder.mkdir()
    metrics = []
    TransformersTrainer().train(
        SegmentTask(
            config=CONFIG,
            seed=seed,
            parent=parent,
            folder=folder,
            steps=of,
            optimizer=AdamW(**changes),
            precision="float32",
            keep_optimizer=keep,
            pad_id=0,
        ),
        metrics.append,
    )
    return metrics


def test_a_segment_continued_from_its_parent_equals_one_trained_in_one_go_bit_for_bit(tmp_path):
    whole = train(tmp_path / "whole", steps(6), weight_decay=0.1)
    train(tmp_path / "first", steps(6)[:3], weight_decay=0.1)
    second = train(tmp_path / "second", steps(6)[3:], parent=tmp_path / "first", weight_decay=0.1)
    assert [one.loss for one in whole[3:]] == [one.loss for one in second]
    for name in ("model.safetensors", OPTIMIZER_FILE):
        left, right = load_file(tmp_path / "whole" / name), load_file(tmp_path / "second" / name)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)


def test_a_state_is_restored_on_the_device_of_its_weights(tmp_path):
    """A fused optimizer reads all of it there, the step count included; the meta device stands for a GPU."""
    network = torch.nn.Linear(3, 2)
    optimizer = transformers_trainer._optimizer(network, AdamW())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    transformers_trainer._save_moments(network, optimizer, tmp_path / OPTIMIZER_FILE)
    elsewhere = torch.nn.Linear(3, 2).to("meta")
    restored = torch.optim.AdamW(elsewhere.parameters())
    transformers_trainer._load_moments(elsewhere, restored, tmp_path / OPTIMIZER_FILE)
    found = [tensor.device.type for state in restored.state.values() for tensor in state.values()]
    assert len(found) == 6
    assert set(found) == {"meta"}


def test_groups_of_like_length_hold_every_example_once_and_pad_less():
    examples = random_examples(7, count=40)
    groups = length_groups(examples, worth=8)

    def padded(parts):
        return sum(len(part) * max(len(one.prompt) + len(one.answer) for one in part) for part in parts)

    assert len(groups) > 1 and padded(groups) + 8 * (len(groups) - 1) < padded([examples])
    assert sorted(id(one) for group in groups for one in group) == sorted(id(one) for one in examples)
    assert length_groups(examples, worth=1e9) == [examples]


def test_a_step_in_several_passes_is_the_step_in_one_pass(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole", steps(3))
    monkeypatch.setattr("isothink.backends.transformers_trainer.EXTRA_PASS_FLOPS", 0.0)
    parts = train(tmp_path / "parts", steps(3))
    assert all(len(one.shapes) == 1 for one in whole) and all(len(one.shapes) > 1 for one in parts)
    assert [one.loss for one in parts] == pytest.approx([one.loss for one in whole], rel=1e-5)
    assert [one.gradient_norm for one in parts] == pytest.approx([one.gradient_norm for one in whole], rel=1e-4)


def test_the_update_is_adamw_with_clipping_as_pytorch_defines_it(tmp_path):
    train(tmp_path / "ours", steps(4), weight_decay=0.1, clip_gradient_norm=0.5)
    config = dict(CONFIG)
    torch.manual_seed(0)
    reference = AutoModelForCausalLM.from_config(AutoConfig.for_model(config.pop("model_type"), **config))
    decayed = [weight for weight in reference.parameters() if weight.ndim > 1]
    others = [weight for weight in reference.parameters() if weight.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=1e-2, betas=(0.9, 0.95)
    )
    for step in steps(4):
        total = sum(summed_loss_alone(reference, one) for one in step.examples)
        (total / sum(len(one.answer) for one in step.examples)).backward()
        torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
    ours = load_file(tmp_path / "ours" / "model.safetensors")
    for name, weight in reference.named_parameters():
        assert torch.allclose(ours[name], weight, atol=2e-5), name


def test_seeds_draw_different_weights_and_the_same_seed_the_same(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, [], seed=seed, keep=False)
    a, b, c = (load_file(tmp_path / name / "model.safetensors") for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


def test_only_safetensors_are_written_and_moments_only_where_a_child_needs_them(tmp_path):
    train(tmp_path / "leaf", steps(1), keep=False)
    names = {path.name for path in (tmp_path / "leaf").iterdir()}
    assert "model.safetensors" in names and OPTIMIZER_FILE not in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]


def test_a_loss_that_is_not_finite_ends_the_segment_and_names_the_step(tmp_path):
    with pytest.raises(StepError, match=r"step [12] "):
        train(tmp_path / "diverged", steps(4, rate=1e30))


def test_metrics_say_what_each_step_read(tmp_path):
    plan = steps(3)
    for step, metrics in zip(plan, train(tmp_path / "metrics", plan), strict=True):
        lengths = [len(one.prompt) + len(one.answer) for one in step.examples]
        assert metrics.tokens == sum(lengths)
        assert metrics.loss_tokens == sum(len(one.answer) for one in step.examples)
        assert sum(rows for rows, _ in metrics.shapes) == len(lengths)
        assert max(length for _, length in metrics.shapes) == max(lengths) - 1, (
            "nothing is predicted from the last token"
        )
        assert math.isfinite(metrics.loss) and metrics.gradient_norm > 0
