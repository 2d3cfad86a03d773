"""Students by model: found beside the study, known by their contents, and what cannot be meant is one line."""

import json
import shutil

import pytest

pytest.importorskip("transformers", reason="tokenizers need the [train] extra")

import huggingface_hub

from isothink.backends import hub_models
from isothink.errors import StudyError, UsageError
from isothink.run import resolve_models
from isothink.run.identity import corpus_step
from isothink.run.load import load_study_file
from isothink.store.study_file import write_study as study_text

from .model_folder import CONFIG, WEIGHTS, write_model, write_study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with one model and the study beside it; tests take copies."""
    place = tmp_path_factory.mktemp("made")
    write_model(place / "small")
    write_study(place)
    return place


@pytest.fixture
def place(made, tmp_path):
    return shutil.copytree(made, tmp_path / "here")


def load(place, *overrides):
    return load_study_file(place / "models.yaml", list(overrides))


def test_a_model_beside_the_study_is_found_and_read(place):
    study = load(place)
    (student,) = study.students
    assert student.model == str(place / "small") == study.tokenizer.model
    assert student.architecture == {
        key: value
        for key, value in CONFIG.items()
        if key not in ("architectures", "some_field_of_the_future", "transformers_version")
    }
    assert student.digest is not None and study.tokenizer.digest is not None


def test_a_moved_study_keeps_its_identities(place, tmp_path):
    there = shutil.copytree(place, tmp_path / "elsewhere" / "there")
    first, second = load(place), load(there)
    assert first.students[0].model != second.students[0].model
    assert first.students[0].digest == second.students[0].digest
    assert corpus_step(first) == corpus_step(second)


def test_a_run_folder_knows_its_models_when_they_are_gone(place):
    (place / "stored").mkdir()
    (place / "stored" / "models.yaml").write_text(study_text(load(place)))
    shutil.rmtree(place / "small")
    again = load(place / "stored")
    assert again.students[0].architecture["hidden_size"] == 32
    with pytest.raises(StudyError, match=r'students\[0\]\.model: found "\./small", but there is no such folder'):
        load(place, "students.0.model=./small")


def test_the_digest_follows_weights_and_configuration_alone(place):
    before = load(place).students[0].digest
    (place / "small" / "README.md").write_text("x")
    assert load(place).students[0].digest == before
    (place / "small" / "model.safetensors").write_bytes(WEIGHTS[:-1] + b"\0")
    changed = load(place).students[0].digest
    write_model(place / "small", tokenizer=False, rope_theta=5.0)
    assert len({before, changed, load(place).students[0].digest}) == 3


@pytest.mark.parametrize(
    ("change", "is_seen"),
    [
        (lambda data: data + b"\0", True),
        (lambda data: b"\x02" + data[1:8] + b"[]" + data[10:], True),
        (lambda data: data[:10] + b"\xff" + data[11:], True),
        (lambda data: data[:-1] + b"\0", True),
        (lambda data: data[:50] + bytes(len(data) - 60) + data[-10:], True),
        (lambda data: data, False),
    ],
    ids=["size", "header", "first block", "last block", "most of it", "nothing"],
)
def test_large_weights_are_sampled(place, monkeypatch, change, is_seen):
    monkeypatch.setattr(resolve_models, "WHOLE_BYTES", 100)
    monkeypatch.setattr(resolve_models, "SAMPLE_BYTES", 8)
    before = load(place).students[0].digest
    (place / "small" / "model.safetensors").write_bytes(change(WEIGHTS))
    assert (load(place).students[0].digest != before) is is_seen


def test_the_digest_of_a_shard_depends_on_its_name(place):
    before = load(place).students[0].digest
    (place / "small" / "model.safetensors").rename(place / "small" / "model-1.safetensors")
    assert load(place).students[0].digest != before


def test_weights_are_safetensors(place):
    (place / "small" / "model.safetensors").rename(place / "small" / "pytorch_model.bin")
    with pytest.raises(StudyError, match="holds no safetensors"):
        load(place)


def test_code_of_a_model_is_allowed_in_words_or_refused(place):
    write_model(place / "small", tokenizer=False, auto_map={"AutoModelForCausalLM": "modeling_x.X"})
    with pytest.raises(StudyError, match=r"students\[0\]\.model: .* comes with code of its own") as caught:
        load(place)
    words = "run the code that comes with this model"
    assert f"remote_code: {words}" in caught.value.hint
    assert load(place, f"students.0.remote_code={words}").students[0].architecture["hidden_size"] == 32


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("students.0.revision=main", "students[0].revision"),
        ("students.0.architecture={model_type: llama}", "students[0].architecture"),
        ("students.0.model=/nowhere/at/all", "students[0].model"),
        ("tokenizer.model=./none", "tokenizer.model"),
        ("tokenizer.chat_template=none.jinja", "tokenizer.chat_template"),
        ("tokenizer.revision=main", "tokenizer.revision"),
        ("training.max_tokens=257", "training.max_tokens"),
    ],
)
def test_what_cannot_be_meant_is_one_line_that_names_the_key(place, override, named):
    with pytest.raises(StudyError) as caught:
        load(place, override)
    assert named in caught.value.message and "\n" not in caught.value.message


def test_a_configuration_that_the_formulas_do_not_cover_is_refused(place):
    write_model(place / "small", tokenizer=False, model_type="mamba")
    with pytest.raises(StudyError, match=r"students\[0\]\.model: .*mamba"):
        load(place)
    write_model(place / "small", tokenizer=False, kv_lora_rank=512)
    with pytest.raises(StudyError, match="kv_lora_rank"):
        load(place)


def test_without_a_model_the_tokenizer_has_to_be_named(place):
    shape = {key: CONFIG[key] for key in ("model_type", "hidden_size", "num_hidden_layers", "intermediate_size")}
    shape |= {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
    write_study(place, students=[{"name": "random", "architecture": shape}])
    with pytest.raises(StudyError, match=r"tokenizer\.model: found none, and no student has a model"):
        load(place)
    assert load(place, "tokenizer.model=small").tokenizer.model == str(place / "small")


def test_a_folder_without_tokenizer_files_is_named(place):
    write_model(place / "bare", tokenizer=False)
    with pytest.raises(StudyError, match=r'tokenizer\.model: found "bare", which holds no tokenizer'):
        load(place, "tokenizer.model=bare")


def test_the_words_tokenizer_has_no_system_prompt(place):
    with pytest.raises(StudyError, match=r"rendering\.system_prompt"):
        load(place, "tokenizer={backend: words}", "rendering={system_prompt: Be kind.}")


# The Hub


def test_a_published_model_needs_no_network(place, monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    student = {"name": "0.5B", "model": "Qwen/Qwen2.5-0.5B"}
    write_study(place, students=[student], tokenizer={"backend": "transformers"})
    study = load(place)
    assert study.students[0].architecture["hidden_size"] == 896
    assert study.students[0].digest is None and study.tokenizer.model == "Qwen/Qwen2.5-0.5B"
    again = {**student, "revision": "a-tag"}
    write_study(place, students=[again])
    assert corpus_step(load(place)) != corpus_step(study)


@pytest.fixture
def unreachable(monkeypatch):
    def refuse(*arguments, **named):
        raise ConnectionError("no network")

    monkeypatch.setattr(hub_models.HfApi, "model_info", refuse)


def test_offline_an_unknown_model_is_one_line(place, unreachable, monkeypatch):
    monkeypatch.setattr(hub_models, "try_to_load_from_cache", lambda *arguments, **named: None)
    write_study(place, students=[{"name": "s", "model": "someone/unheard-of"}])
    with pytest.raises(UsageError, match=r"someone/unheard-of: the Hub cannot be reached") as caught:
        load(place)
    assert "folder of a local copy" in caught.value.hint


def test_offline_a_cached_configuration_serves_and_given_fields_need_nothing(place, unreachable, monkeypatch):
    cached = place / "small" / "config.json"
    monkeypatch.setattr(hub_models, "try_to_load_from_cache", lambda *arguments, **named: str(cached))
    write_study(place, students=[{"name": "s", "model": "someone/unheard-of"}])
    assert load(place).students[0].architecture["hidden_size"] == 32
    monkeypatch.setattr(hub_models, "try_to_load_from_cache", lambda *arguments, **named: None)
    given = {"name": "s", "model": "someone/unheard-of", "architecture": {**CONFIG, "hidden_size": 64}}
    write_study(place, students=[given])
    assert load(place).students[0].architecture["hidden_size"] == 64


def test_code_of_a_model_on_the_hub_is_refused_too(place, unreachable, monkeypatch):
    cached = place / "remote.json"
    cached.write_text(json.dumps({**CONFIG, "auto_map": {"AutoModelForCausalLM": "modeling_x.X"}}))
    monkeypatch.setattr(hub_models, "try_to_load_from_cache", lambda *arguments, **named: str(cached))
    write_study(place, students=[{"name": "s", "model": "someone/unheard-of"}])
    with pytest.raises(StudyError, match="comes with code of its own"):
        load(place)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (huggingface_hub.errors.RepositoryNotFoundError, "no such model on the Hub"),
        (huggingface_hub.errors.GatedRepoError, "gated"),
        (huggingface_hub.errors.RevisionNotFoundError, "no revision 'v1'"),
        (huggingface_hub.errors.EntryNotFoundError, "holds no config.json"),
        (huggingface_hub.errors.HFValidationError, "no name of a model on the Hub"),
    ],
)
def test_what_the_hub_answers_is_one_line(monkeypatch, error, said):
    def answer(*arguments, **named):
        raise error.__new__(error)

    monkeypatch.setattr(hub_models.HfApi, "model_info", answer)
    with pytest.raises(UsageError, match=said):
        hub_models.read_hub_config("someone/something", "v1")
