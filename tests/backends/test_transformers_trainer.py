"""The trainer: what carries loss, that padding and neighbours do not matter, and that states continue exactly."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.backends.optimizer_state import adamw, load_moments, moments  # noqa: E402
from isothink.backends.training_batch import batch_loss, loss_weights, packed_batch, padded_batch  # noqa: E402
from isothink.domain.training_settings import AdamW  # noqa: E402
from isothink.errors import StepError  # noqa: E402
from isothink.student.protocol import OPTIMIZER_FILE, OptimizerStep  # noqa: E402

from .trainer_example import CONFIG, example, losses, opened, random_examples, steps, task, trained  # noqa: E402


def model(seed=3):
    config = dict(CONFIG)
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(config.pop("model_type"), **config))


def summed_loss_alone(network, one):
    """Minus the log-probability of the answer, token by token, on the sequence alone."""
    ids = torch.tensor(np.concatenate([one.prompt, one.answer]), dtype=torch.long)[None]
    log_probabilities = torch.log_softmax(network(input_ids=ids).logits[0], dim=-1)
    start = len(one.prompt)
    return -sum(log_probabilities[start + k - 1, int(token)] for k, token in enumerate(one.answer))


def test_the_loss_is_one_mean_over_all_answer_tokens_of_the_step_whatever_the_padding():
    network, examples = model().double(), random_examples(0)
    expected = sum(summed_loss_alone(network, one) for one in examples) / sum(len(one.answer) for one in examples)
    for pad in (0, 1, 49):
        batch = padded_batch(examples, loss_weights(examples, "token"), pad)
        assert batch_loss(network, batch).item() == pytest.approx(expected.item(), rel=1e-6)


def test_by_example_the_loss_is_the_mean_of_each_ones_own_mean_padded_or_packed():
    network, examples = model().double(), random_examples(0)
    expected = sum(summed_loss_alone(network, one) / len(one.answer) for one in examples) / len(examples)
    weights = loss_weights(examples, "example")
    for batch in (padded_batch(examples, weights, 0), packed_batch(examples, weights)):
        assert batch_loss(network, batch).item() == pytest.approx(expected.item(), rel=1e-6)


def test_prompts_carry_no_loss_and_answers_all_of_it():
    examples = (example([5, 6], [7, 8, 9]), example([4], [3]))
    weights = loss_weights(examples, "token")
    padded = padded_batch(examples, weights, 0)
    assert padded.ids.tolist() == [[5, 6, 7, 8], [4, 0, 0, 0]]
    assert padded.labels.tolist() == [-100, 7, 8, 9, 3, -100, -100, -100]
    packed = packed_batch(examples, weights)
    assert packed.ids.tolist() == [[5, 6, 7, 8, 4]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 0]]
    assert (packed.kept.tolist(), packed.labels.tolist()) == ([1, 2, 3, 4], [7, 8, 9, 3])
    assert padded.weights.sum().item() == pytest.approx(1) and packed.weights.sum().item() == pytest.approx(1)


def test_an_answer_that_nothing_stands_before_predicts_all_but_its_first_token():
    examples = (example([], [7, 8, 9]), example([], [4]))
    batch = padded_batch(examples, loss_weights(examples, "example"), 0)
    assert batch.labels.reshape(2, -1).tolist() == [[8, 9], [-100, -100]]
    assert batch.weights.reshape(2, -1).tolist() == [[0.5, 0.5], [0, 0]]


def test_a_step_without_a_single_answer_token_is_refused_and_not_divided_by_zero():
    with pytest.raises(StepError, match="step 4 carries loss"):
        opened().step(OptimizerStep(examples=(example([3, 4], []),), learning_rate=0.1, number=4))


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_a_state_continued_equals_one_trained_in_one_go_bit_for_bit(tmp_path, layout):
    settings = {"optimizer": AdamW(weight_decay=0.1), "layout": layout}
    whole, metrics = trained(steps(6), **settings)
    whole.save(tmp_path / "whole", optimizer=True)
    first, _ = trained(steps(6)[:3], **settings)
    first.save(tmp_path / "first", optimizer=True)
    second, later = trained(steps(6)[3:], state=tmp_path / "first", **settings)
    second.save(tmp_path / "second", optimizer=True)
    assert losses(metrics[3:]) == losses(later)
    for name in ("model.safetensors", OPTIMIZER_FILE):
        left, right = load_file(tmp_path / "whole" / name), load_file(tmp_path / "second" / name)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)


def test_saving_in_the_middle_changes_nothing(tmp_path):
    _, metrics = trained(steps(4))
    state = opened()
    seen = []
    for step in steps(4):
        seen.append(state.step(step).loss)
        state.save(tmp_path / str(step.number), optimizer=True)
        state.save_student(tmp_path / f"student{step.number}")
    assert seen == losses(metrics)


def test_a_continued_state_draws_the_same_dropout_as_one_trained_in_one_go(tmp_path):
    config = {"model_type": "gpt_neox", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2}
    config |= {"intermediate_size": 32, "num_attention_heads": 2, "max_position_embeddings": 64}
    dropping = config | {"hidden_dropout": 0.3, "attention_dropout": 0.2}
    _, metrics = trained(steps(6), config=dropping)
    first, _ = trained(steps(6)[:3], config=dropping)
    first.save(tmp_path / "first", optimizer=True)
    torch.manual_seed(987)
    _, later = trained(steps(6)[3:], config=dropping, state=tmp_path / "first")
    assert losses(metrics[3:]) == losses(later)
    assert losses(trained(steps(1), config=config)[1]) != losses(metrics[:1]), "the control: dropout is on"
    assert losses(trained(steps(1), config=dropping, seed=1)[1]) != losses(metrics[:1])


def test_a_state_is_restored_on_the_device_of_its_weights(tmp_path):
    """A fused optimizer reads all of it there, the step count included; the meta device stands for a GPU."""
    from safetensors.torch import save_file

    network = torch.nn.Linear(3, 2)
    optimizer = adamw(network, AdamW())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_file(dict(moments(network, optimizer)), tmp_path / OPTIMIZER_FILE)
    elsewhere = torch.nn.Linear(3, 2).to("meta")
    restored = torch.optim.AdamW(elsewhere.parameters())
    load_moments(elsewhere, restored, tmp_path / OPTIMIZER_FILE)
    found = [tensor.device.type for state in restored.state.values() for tensor in state.values()]
    assert len(found) == 6
    assert set(found) == {"meta"}


@pytest.mark.parametrize("damage", ["missing", "cut", "another"])
def test_a_damaged_state_is_one_line_that_names_the_file(tmp_path, damage):
    state, _ = trained(steps(1))
    state.save(tmp_path, optimizer=True)
    path = tmp_path / OPTIMIZER_FILE
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    else:
        from safetensors.torch import save_file

        save_file({"exp_avg.lm_head.weight": torch.zeros(2)}, path)
    with pytest.raises(StepError, match=OPTIMIZER_FILE):
        opened(state=tmp_path)


def test_damaged_weights_are_a_failed_step(tmp_path):
    state, _ = trained(steps(1))
    state.save(tmp_path, optimizer=True)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StepError, match="weights to go on from"):
        opened(state=tmp_path)


def test_the_update_is_adamw_with_clipping_as_pytorch_defines_it(tmp_path):
    state, _ = trained(steps(4), optimizer=AdamW(weight_decay=0.1, clip_gradient_norm=0.5))
    state.save(tmp_path, optimizer=False)
    reference = model(0)
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
    ours = load_file(tmp_path / "model.safetensors")
    for name, weight in reference.named_parameters():
        assert torch.allclose(ours[name], weight, atol=2e-5), name


def test_seeds_draw_different_weights_and_the_same_seed_the_same(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        opened(seed=seed).save(tmp_path / name, optimizer=False)
    a, b, c = (load_file(tmp_path / name / "model.safetensors") for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert all(torch.equal(a[key], weight) for key, weight in model(0).state_dict().items() if key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


def test_only_safetensors_are_written_and_moments_only_where_a_child_needs_them(tmp_path):
    trained(steps(1))[0].save(tmp_path / "leaf", optimizer=False)
    names = {path.name for path in (tmp_path / "leaf").iterdir()}
    assert "model.safetensors" in names and OPTIMIZER_FILE not in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]


@pytest.mark.parametrize("tied", [True, False])
def test_a_finished_student_is_a_plain_folder_with_the_same_logits(tmp_path, tied):
    state, _ = trained(steps(2), config=CONFIG | {"tie_word_embeddings": tied})
    state.save_student(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    ids = torch.arange(2, 20)[None]
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, state._model.eval()(input_ids=ids).logits)
    assert (loaded.lm_head.weight is loaded.model.embed_tokens.weight) == tied


def test_a_step_that_diverges_raises_before_anything_changes(tmp_path):
    state, _ = trained(steps(2))
    state.save(tmp_path / "before", optimizer=True)
    state.step(OptimizerStep(examples=random_examples(5), learning_rate=1e30, number=2))
    broken = {name: weight.clone() for name, weight in state._model.state_dict().items()}
    with pytest.raises(StepError, match="step 3"):
        state.step(OptimizerStep(examples=random_examples(6), learning_rate=1e-2, number=3))
    assert all(torch.equal(weight, broken[name]) for name, weight in state._model.state_dict().items())
    assert all(weight.grad is None for weight in state._model.parameters())


def test_a_gradient_that_is_not_finite_changes_nothing_and_the_next_step_goes_on(monkeypatch):
    """Injected once: the state afterwards trains as if the step had not been asked for."""
    state, _ = trained(steps(2))
    plain, metrics = trained(steps(3))
    weight = next(state._model.parameters())
    handle = weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(StepError, match="the gradient's norm nan at step 2"):
        state.step(steps(3)[2])
    handle.remove()
    assert state.step(steps(3)[2]).loss == metrics[2].loss
    assert all(
        torch.equal(mine, other)
        for mine, other in zip(state._model.parameters(), plain._model.parameters(), strict=True)
    )


def test_metrics_say_what_each_step_read():
    plan = steps(3)
    for step, metrics in zip(plan, trained(plan)[1], strict=True):
        lengths = [len(one.prompt) + len(one.answer) for one in step.examples]
        assert metrics.tokens == sum(lengths)
        assert metrics.loss_tokens == sum(len(one.answer) for one in step.examples)
        assert sum(rows for rows, _ in metrics.shapes) == len(lengths)
        assert max(length for _, length in metrics.shapes) == max(lengths) - 1, (
            "nothing is predicted from the last token"
        )
        assert math.isfinite(metrics.loss) and metrics.gradient_norm > 0


def test_alone_a_process_agrees_with_itself():
    state = opened(task())
    assert state.agree(True) and not state.agree(False)
