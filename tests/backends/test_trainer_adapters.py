"""Adapters: the base stays frozen, files are peft's, states continue exactly, merged students compute the same."""

import json

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")
peft = pytest.importorskip("peft", reason="adapters need the [train] extra")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.backends.adapters import add_adapters, target_modules  # noqa: E402
from isothink.compute.architecture import architecture_from_config  # noqa: E402
from isothink.domain.training_settings import AdamW, LoraAdapters  # noqa: E402
from isothink.errors import StepError, UsageError  # noqa: E402
from isothink.student.protocol import OPTIMIZER_FILE  # noqa: E402

from .trainer_example import CONFIG, losses, opened, steps, trained  # noqa: E402

ADAPTERS = LoraAdapters(rank=2, alpha=4.0)
COMMON = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
}
EXPERTS = {"moe_intermediate_size": 8, "num_experts": 2, "num_experts_per_tok": 1}
IDS = torch.arange(2, 30)[None]


def model(name, **fields):
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **COMMON | fields), dtype=torch.float32)


def test_only_adapters_are_trained_and_begin_by_changing_nothing():
    state = opened(adapters=ADAPTERS)
    plain = opened()
    with torch.no_grad():
        assert torch.equal(state._model(input_ids=IDS).logits, plain._model(input_ids=IDS).logits)
    names = {name for name, weight in state._model.named_parameters() if weight.requires_grad}
    assert all(".lora_" in name for name in names)
    architecture = architecture_from_config(CONFIG)
    heads = architecture.query_heads, architecture.key_value_heads
    query, key = (count * architecture.head_size for count in heads)
    inputs_and_outputs = (16 + query) + 2 * (16 + key) + (query + 16) + 3 * (16 + 32)
    trained_weights = sum(weight.numel() for weight in state._model.parameters() if weight.requires_grad)
    assert trained_weights == CONFIG["num_hidden_layers"] * ADAPTERS.rank * inputs_and_outputs


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_adapters_continued_from_their_state_equal_those_trained_in_one_go_bit_for_bit(tmp_path, layout):
    settings = {"adapters": ADAPTERS, "optimizer": AdamW(weight_decay=0.1), "layout": layout}
    whole, metrics = trained(steps(6), **settings)
    whole.save(tmp_path / "whole", optimizer=True)
    trained(steps(6)[:3], **settings)[0].save(tmp_path / "first", optimizer=True)
    second, later = trained(steps(6)[3:], state=tmp_path / "first", **settings)
    second.save(tmp_path / "second", optimizer=True)
    assert losses(metrics[3:]) == losses(later)
    for name in ("adapter_model.safetensors", OPTIMIZER_FILE):
        left, right = load_file(tmp_path / "whole" / name), load_file(tmp_path / "second" / name)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)


def test_a_state_is_adapters_and_their_moments_and_nothing_else(tmp_path):
    trained(steps(2), adapters=ADAPTERS)[0].save(tmp_path, optimizer=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
        OPTIMIZER_FILE,
    }
    assert all("lora_" in name for name in load_file(tmp_path / OPTIMIZER_FILE))
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 2


def test_peft_reads_what_was_saved(tmp_path):
    state, _ = trained(steps(3, rate=3e-2), adapters=ADAPTERS)
    state.save(tmp_path, optimizer=False)
    theirs = peft.PeftModel.from_pretrained(opened()._model, tmp_path).eval()
    with torch.no_grad():
        ours = state._model.eval()(input_ids=IDS).logits
        assert torch.equal(theirs(input_ids=IDS).logits, ours)
        assert (opened()._model.eval()(input_ids=IDS).logits - ours).abs().max() > 1e-2, (
            "the control: they do something"
        )


@pytest.mark.parametrize(("name", "matrices"), [("qwen2", None), ("gpt_neox", ("o", "up", "down"))])
@pytest.mark.parametrize("tied", [True, False])
def test_the_merged_student_is_a_plain_one_that_computes_the_same(tmp_path, name, matrices, tied):
    config = {"model_type": name, **COMMON, "tie_word_embeddings": tied}
    adapters = ADAPTERS if matrices is None else ADAPTERS.model_copy(update={"matrices": matrices})
    state, _ = trained(steps(3, rate=3e-2), config=config, adapters=adapters)
    state.save_student(tmp_path)
    before = {key: weight.clone() for key, weight in state._model.state_dict().items()}
    loaded, report = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    with torch.no_grad():
        ours = state._model.eval()(input_ids=IDS).logits
        assert (loaded(input_ids=IDS).logits - ours).abs().max() < 1e-5 * ours.abs().max()
    assert not [path.name for path in tmp_path.iterdir() if "adapter" in path.name]
    assert all(torch.equal(weight, before[key]) for key, weight in state._model.state_dict().items())


def test_seeds_draw_different_adapters_and_the_same_seed_the_same(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        opened(seed=seed, adapters=ADAPTERS).save(tmp_path / name, optimizer=False)
    a, b, c = (load_file(tmp_path / name / "adapter_model.safetensors") for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not any(torch.equal(a[key], c[key]) for key in a if "lora_A" in key)


@pytest.mark.parametrize(
    ("name", "fields", "matrix", "found"),
    [
        ("gpt_neox", {}, "q", "attention.query_key_value with others; allowed is o, up, down"),
        ("gpt_neox", {}, "gate", "no such matrix in every layer; allowed is o, up, down"),
        ("phi3", {}, "v", "self_attn.qkv_proj with others; allowed is o, down"),
        ("phi3", {}, "gate", "mlp.gate_up_proj with others"),
        ("qwen3_moe", EXPERTS, "up", "no such matrix in every layer; allowed is q, k, v, o"),
        ("qwen3_moe", EXPERTS | {"mlp_only_layers": [0]}, "down", "in every layer; allowed is q, k, v, o"),
    ],
)
def test_matrices_that_a_model_lacks_or_fuses_are_refused_in_one_line(name, fields, matrix, found):
    with pytest.raises(UsageError, match=found) as caught:
        add_adapters(model(name, **fields), LoraAdapters(rank=2, alpha=4.0, matrices=("o", matrix)), 0)
    assert f"training.adapters.matrices: found {matrix}, a model of type {name}" in caught.value.message


@pytest.mark.parametrize("name", ["qwen2", "llama", "mistral", "gemma3_text", "olmo2", "smollm3", "granite", "qwen3"])
def test_every_matrix_is_found_by_its_own_name(name):
    assert target_modules(model(name), ADAPTERS.matrices) == [
        *(f"self_attn.{part}_proj" for part in "qkvo"),
        *(f"mlp.{part}_proj" for part in ("gate", "up", "down")),
    ]


@pytest.mark.parametrize("damage", ["missing", "cut", "another rank"])
def test_damaged_adapters_are_a_failed_step_that_names_the_file(tmp_path, damage):
    trained(steps(1), adapters=ADAPTERS)[0].save(tmp_path, optimizer=True)
    path, adapters = tmp_path / "adapter_model.safetensors", ADAPTERS
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    else:
        adapters = LoraAdapters(rank=4, alpha=4.0)
    with pytest.raises(StepError, match=r"adapter_model\.safetensors"):
        opened(state=tmp_path, adapters=adapters)
