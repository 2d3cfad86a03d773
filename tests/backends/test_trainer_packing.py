"""Packed rows: an example's logits are those it has alone, on every architecture; without isolation they are not."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402

from isothink.backends import transformers_trainer  # noqa: E402
from isothink.backends.packed_attention import VARLEN, attention_arguments, is_isolated, use_way, ways_of  # noqa: E402
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


def broken(module, query, key, value, attention_mask, **rest):
    raise RuntimeError("no kernel for this shape")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("fault", [leaking, broken])
def test_kernels_that_leak_or_fail_are_found_in_an_untrained_student_which_is_padded(monkeypatch, fault, precision):
    """With the small weights that training begins with; afterwards it attends as it would have without the trial."""
    plan = steps(3)
    for way in ("masks", "varlen"):
        assert opened(layout="packed", way=way, precision=precision)._layout == "packed"
    _, padded = trained(plan, precision=precision)
    with monkeypatch.context() as changed:
        changed.setitem(ALL_ATTENTION_FUNCTIONS, VARLEN, fault)
        state, metrics = trained(plan, layout="packed", way="varlen", precision=precision)
        assert state._layout == "padded"
        assert losses(metrics) == losses(padded)


def test_after_a_way_that_fails_the_next_is_taken(monkeypatch):
    monkeypatch.setattr(transformers_trainer, "ways_of", lambda *given: ["varlen", "masks"])
    assert opened(layout="packed")._way == "varlen"
    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, VARLEN, broken)
    state = opened(layout="packed")
    assert (state._layout, state._way) == ("packed", "masks")


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
    assert ways_of(network, CPU, "bfloat16") == ["masks"]
