"""Students that begin as checkpoints: complete folders of safetensors, in 32 bits; their code only where allowed."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from isothink.errors import StepError, UsageError  # noqa: E402
from isothink.student.protocol import InitialStudent  # noqa: E402

from .trainer_example import losses, opened, steps, task, trained  # noqa: E402

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
OWN_CODE = """
import pathlib
from transformers import Qwen2Config, Qwen2ForCausalLM

pathlib.Path(__file__).with_name("ran").touch()

class OwnConfig(Qwen2Config):
    model_type = "own_model"

class OwnForCausalLM(Qwen2ForCausalLM):
    config_class = OwnConfig
"""


def checkpoint(folder, name="qwen2", dtype=torch.bfloat16, **fields):
    torch.manual_seed(1)
    network = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **COMMON | fields), dtype=dtype)
    network.save_pretrained(folder)
    return network


def of_model(folder, **changes):
    plain = task()
    return replace(plain, student=InitialStudent(config={}, seed=0, model=str(folder)), **changes)


ARCHITECTURES = [
    ("qwen2", {"tie_word_embeddings": True}),
    ("llama", {"tie_word_embeddings": False}),
    ("gpt_neox", {}),
    ("gemma3_text", {"head_dim": 8}),
    ("mistral", {}),
    ("phi3", {}),
    ("qwen3_moe", EXPERTS),
]


@pytest.mark.parametrize(("name", "fields"), ARCHITECTURES)
def test_a_checkpoint_is_trained_in_32_bits_and_saved_as_what_it_was(tmp_path, name, fields):
    """Whatever the names of weights in files and in memory are: experts lie fused in memory and apart in files."""
    source = checkpoint(tmp_path / "source", name, **fields)
    state = opened(of_model(tmp_path / "source"))
    assert {weight.dtype for weight in state._model.parameters()} == {torch.float32}
    for key, weight in source.state_dict().items():
        assert torch.equal(state._model.state_dict()[key], weight.float()), key
    before = {path.name for path in (tmp_path / "source").iterdir()}
    metrics = [state.step(step) for step in steps(2)]
    state.save(tmp_path / "state", optimizer=True)
    state.save_student(tmp_path / "student")
    assert {path.name for path in (tmp_path / "student").iterdir()} <= before | {"generation_config.json"}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "student", dtype=torch.float32)
    ids = torch.arange(2, 20)[None]
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, state._model.eval()(input_ids=ids).logits)
    again = opened(of_model(tmp_path / "source", state=tmp_path / "state"))
    state._model.train()
    assert again.step(steps(3)[2]).loss == state.step(steps(3)[2]).loss != metrics[0].loss


@pytest.mark.parametrize("damage", ["no folder", "no weights", "pickles", "no config", "torn", "incomplete", "unknown"])
def test_what_cannot_be_loaded_is_one_line_that_names_it(tmp_path, damage):
    folder = tmp_path / "source"
    weights = folder / "model.safetensors"
    network = checkpoint(folder)
    if damage == "no folder":
        folder = tmp_path / "elsewhere"
    elif damage == "no config":
        (folder / "config.json").unlink()
    elif damage == "torn":
        weights.write_bytes(weights.read_bytes()[:300])
    elif damage == "unknown":
        (folder / "config.json").write_text('{"model_type": "never heard of"}')
    elif damage == "incomplete":
        from safetensors.torch import load_file, save_file

        parts = load_file(weights)
        save_file({key: parts[key] for key in parts if "layers.1" not in key}, weights, metadata={"format": "pt"})
    else:
        weights.unlink()
        if damage == "pickles":
            torch.save(network.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(UsageError) as caught:
        opened(of_model(folder))
    assert str(folder) in caught.value.message and caught.value.hint
    assert "\n" not in caught.value.message


def own_code(folder):
    checkpoint(folder)
    (folder / "own.py").write_text(OWN_CODE)
    import json

    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own_model",
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"},
    }
    (folder / "config.json").write_text(json.dumps(config))


def test_code_of_a_model_is_run_only_where_the_study_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    source = tmp_path / "source"
    own_code(source)
    with pytest.raises(UsageError) as caught:
        opened(of_model(source))
    assert "remote_code" in caught.value.hint
    assert not list((tmp_path / "modules").rglob("ran")) and not (source / "ran").exists()
    allowed = InitialStudent(config={}, seed=0, model=str(source), runs_remote_code=True)
    state, metrics = trained(steps(4)[:2], student=allowed)
    assert list((tmp_path / "modules").rglob("ran"))
    state.save(tmp_path / "state", optimizer=True)
    later = trained(steps(4)[2:], student=allowed, state=tmp_path / "state")[1]
    assert losses(later) == losses(trained(steps(4), student=allowed)[1])[2:]
    assert metrics[0].loss > 0


def test_a_folder_that_cannot_be_written_fails_the_step_and_not_the_student(tmp_path):
    state, _ = trained(steps(1))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StepError, match="cannot be written"):
        state.save(tmp_path / "file" / "folder", optimizer=True)
    assert state.step(steps(2)[1]).loss == trained(steps(2))[1][1].loss
