"""Packed rows: an example's logits are those it has alone, on every architecture; without isolation they are not."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.backends.packed_attention import attention_arguments, best_way, is_isolated, use_way  # noqa: E402
from isothink.backends.training_batch import packed_batch  # noqa: E402

from .trainer_example import CONFIG, losses, opened, random_examples, steps, trained  # noqa: E402

COMMON = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
}
ARCHITECTURES = {
    "qwen2": {},
    "llama": {},
    "gpt_neox": {},
    "gemma3_text": {"head_dim": 8, "sliding_window": 5, "sliding_window_pattern": 2, "query_pre_attn_scalar": 8},
    "mistral": {"sliding_window": 4},
    "qwen3_moe": {
        "head_dim": 8,
        "moe_intermediate_size": 16,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "experts": True,
    },
}
CPU = torch.device("cpu")


def model(name):
    fields = dict(ARCHITECTURES[name])
    experts = fields.pop("experts", False)
    torch.manual_seed(2)
    config = AutoConfig.for_model(name, **COMMON, **fields)
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    if experts:
        network.set_experts_implementation("eager")
    return network


def alone(network, one):
    ids = torch.tensor(np.concatenate([one.prompt, one.answer])[:-1], dtype=torch.long)[None]
    return network(input_ids=ids, use_cache=False).logits[0]


@pytest.mark.parametrize("way", ["masks", "varlen"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_logits_of_a_packed_row_are_those_of_its_examples_alone_in_their_order(name, way):
    network, examples = model(name), random_examples(4, count=5, longest=15)
    with torch.no_grad():
        expected = torch.cat([alone(network, one) for one in examples])
        use_way(network, way)
        batch = packed_batch(examples, {})
        row = network(
            input_ids=batch.ids, position_ids=batch.positions, use_cache=False, **attention_arguments(batch, way)
        ).logits[0]
        assert row.shape == expected.shape
        assert (row - expected).abs().max() < 1e-5 * expected.abs().max()
        assert is_isolated(network, way, CPU, "float32")


@pytest.mark.parametrize("name", ["qwen2", "gemma3_text"])
def test_without_isolation_the_logits_differ(name):
    """The control: a mask of ones takes the isolation away, and the check before training sees such a leak."""
    network, examples = model(name), random_examples(4, count=5, longest=15)
    batch = packed_batch(examples, {})
    with torch.no_grad():
        expected = torch.cat([alone(network, one) for one in examples])
        row = network(
            input_ids=batch.ids,
            position_ids=batch.positions,
            attention_mask=torch.ones_like(batch.ids),
            use_cache=False,
        ).logits[0]
    assert (row - expected).abs().max() > 1e-2 * expected.abs().max()


def leaking(module, query, key, value, attention_mask, scaling=None, **rest):
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    output = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)
    return output.transpose(1, 2).contiguous(), None


AttentionInterface.register("leaking_for_tests", leaking)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_check_before_training_sees_a_leak_in_an_untrained_student_and_pads_instead(monkeypatch, precision):
    """With the small weights that training begins with, and 0.02 as their spread, as `transformers` has by default."""
    monkeypatch.setattr(
        "isothink.backends.transformers_trainer.use_way",
        lambda network, way: network.set_attn_implementation("leaking_for_tests"),
    )
    assert opened(layout="packed", precision=precision)._layout == "padded"
    monkeypatch.undo()
    for way in ("masks", "varlen"):
        assert opened(layout="packed", way=way, precision=precision)._layout == "packed"


def test_packed_training_is_padded_training():
    plan = steps(10, rate=3e-3)
    _, padded = trained(plan)
    for way in ("masks", "varlen"):
        _, packed = trained(plan, layout="packed", way=way)
        assert losses(packed) == pytest.approx(losses(padded), rel=1e-5)


def test_shapes_are_what_attention_computes():
    plan = steps(1)
    lengths = [len(one.prompt) + len(one.answer) - 1 for one in plan[0].examples]
    assert trained(plan, layout="packed", way="masks")[1][0].shapes == ((1, sum(lengths)),)
    assert trained(plan, layout="packed", way="varlen")[1][0].shapes == tuple((1, length) for length in lengths)


def test_on_a_cpu_examples_are_padded_and_masks_are_the_way():
    assert opened()._layout == "padded"
    config = dict(CONFIG)
    network = AutoModelForCausalLM.from_config(AutoConfig.for_model(config.pop("model_type"), **config))
    assert best_way(network, CPU, "bfloat16") == "masks"
