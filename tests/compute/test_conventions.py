"""The conventions side by side: published ratios, and each one's own definition by hand."""

import pytest

from isothink.compute.architecture import architecture_from_config
from isothink.compute.conventions import CONVENTIONS
from isothink.compute.parameters import parameter_counts
from isothink.compute.registry import lookup

from .shapes import SHAPES

SMALL = {
    "model_type": "qwen2",
    "hidden_size": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 5,
    "num_hidden_layers": 3,
    "vocab_size": 7,
}


def training(name, model, length):
    return CONVENTIONS[name].training_flops(lookup(model), [length])


def test_the_names():
    assert list(CONVENTIONS) == ["exact", "noncausal", "6nd", "hf", "paper"]
    assert all(convention.description for convention in CONVENTIONS.values())


@pytest.mark.parametrize(
    ("name", "length", "ratio"),
    [
        ("hf", 8192, 0.53),
        ("6nd", 8192, 0.74),
        ("noncausal", 8192, 1.26),
        ("noncausal", 16384, 1.42),
        ("noncausal", 32768, 1.59),
    ],
)
def test_ratio_to_exact_for_a_small_model(name, length, ratio):
    exact = training("exact", "Qwen/Qwen2.5-0.5B", length)
    assert round(training(name, "Qwen/Qwen2.5-0.5B", length) / exact, 2) == ratio


@pytest.mark.parametrize(("name", "ratio"), [("hf", 0.54), ("6nd", 0.70), ("noncausal", 1.25)])
def test_how_many_large_short_tokens_cost_as_much_as_a_small_long_one(name, ratio):
    def tokens(convention):
        small = training(convention, "Qwen/Qwen2.5-0.5B", 8192) / 8192
        return small / (training(convention, "Qwen/Qwen2.5-14B", 512) / 512)

    assert round(tokens(name) / tokens("exact"), 2) == ratio


def test_parameter_conventions():
    architecture = architecture_from_config(SMALL | {"tie_word_embeddings": True})
    # per layer: q 4*4+4, k and v 4*2+2 each, o 4*4, feed-forward 3*4*5, norms 2*4; outside: norm 4, embedding 28
    layer = 20 + 2 * 10 + 16 + 60 + 8
    without_embedding = 3 * layer + 4
    assert parameter_counts(architecture).total == without_embedding + 28
    assert parameter_counts(architecture).matmul == 3 * (16 + 16 + 16 + 60) + 28
    assert CONVENTIONS["6nd"].training_flops(architecture, [10, 20]) == 6 * 30 * (without_embedding + 28)
    assert CONVENTIONS["hf"].training_flops(architecture, [10, 20]) == 6 * 30 * without_embedding
    for name, count in (("6nd", without_embedding + 28), ("hf", without_embedding)):
        assert CONVENTIONS[name].prefill_flops(architecture, 11) == 2 * count * 11
        assert CONVENTIONS[name].decode_flops(architecture, 11, 8) == 2 * count * 7
    untied = architecture_from_config(SMALL)
    assert parameter_counts(untied).total == without_embedding + 56
    assert parameter_counts(untied).matmul == parameter_counts(architecture).matmul
    assert CONVENTIONS["hf"].training_flops(untied, [1]) == 6 * (without_embedding + 28)


def test_paper_by_hand():
    architecture = architecture_from_config(SMALL)

    # h = 4, n = 2, d = 2, f = 5, L = 3, V = 7; for s tokens, per layer: q, k, v 6 s*16; scores 2 s^2*4; softmax
    # 3*2 s^2; weighted values 2 s^2*4; output 2 s*16; feed-forward 4 s*20; outside: embedding and logits 2 s*28 each
    def forward(s):
        return 2 * s * 28 + 3 * (96 * s + 8 * s * s + 6 * s * s + 8 * s * s + 32 * s + 80 * s) + 2 * s * 28

    paper = CONVENTIONS["paper"]
    assert paper.training_flops(architecture, [6, 1]) == 3 * (forward(6) + forward(1))
    assert paper.prefill_flops(architecture, 6) == forward(6)

    def step(keys):
        return 56 + 3 * (96 + 8 * keys + 6 * keys + 8 * keys + 32 + 80) + 56

    assert paper.decode_flops(architecture, 6, 4) == step(7) + step(8) + step(9)
    assert paper.decode_flops(architecture, 6, 1) == 0


def test_paper_ignores_head_size_windows_and_gates():
    head_size = {"model_type": "qwen3", "head_dim": 9}
    window = {"model_type": "mistral", "sliding_window": 2}
    same = [architecture_from_config(config) for config in (SMALL, SMALL | head_size, SMALL | window)]
    counts = {CONVENTIONS["paper"].training_flops(architecture, [8]) for architecture in same}
    assert len(counts) == 1


def test_experts():
    architecture = architecture_from_config(SHAPES["experts, one dense layer"])
    paper = CONVENTIONS["paper"]
    assert paper.training_flops(architecture, [5]) is None
    assert paper.prefill_flops(architecture, 5) is None
    assert paper.decode_flops(architecture, 5, 2) is None
    counts = parameter_counts(architecture)
    # two layers have 6 experts of 3*48*24 weights, of which a token visits 2
    assert counts.total - counts.active == 2 * 4 * 3 * 48 * 24
    assert CONVENTIONS["6nd"].training_flops(architecture, [5]) == 6 * 5 * counts.active
    assert CONVENTIONS["hf"].training_flops(architecture, [5]) == 6 * 5 * counts.without_embedding


@pytest.mark.parametrize("name", SHAPES)
def test_noncausal_exceeds_exact_and_decodes_the_same(name):
    architecture = architecture_from_config(SHAPES[name])
    exact, noncausal = CONVENTIONS["exact"], CONVENTIONS["noncausal"]
    assert noncausal.training_flops(architecture, [30]) > exact.training_flops(architecture, [30])
    assert noncausal.prefill_flops(architecture, 30) > exact.prefill_flops(architecture, 30)
    assert noncausal.decode_flops(architecture, 30, 9) == exact.decode_flops(architecture, 30, 9)
