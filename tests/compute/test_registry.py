"""Published architectures have the parameters that their makers publish, and every other name is one line."""

import json

import pytest

from isothink.compute.parameters import parameter_counts
from isothink.compute.registry import LARGEST_CONFIG_BYTES, lookup, published_names
from isothink.errors import ArchitectureError, UsageError

from .shapes import SHAPES

# Parameters as the model pages on the Hub show them, without a stored copy of a tied output head and without the vision
# tower of Gemma 3 (4B, 12B and 27B: arXiv:2503.19786, table 1, embedding and non-embedding).
PUBLISHED = {
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
    "Qwen/Qwen2.5-3B": 3_085_938_688,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "Qwen/Qwen2.5-14B": 14_770_033_664,
    "Qwen/Qwen2.5-32B": 32_763_876_352,
    "Qwen/Qwen2.5-72B": 72_706_203_648,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-1.7B": 1_720_574_976,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-14B": 14_768_307_200,
    "Qwen/Qwen3-32B": 32_762_123_264,
    "Qwen/Qwen3-30B-A3B": 30_532_122_624,
    "Qwen/Qwen3-235B-A22B": 235_093_634_560,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "meta-llama/Llama-3.1-70B": 70_553_706_496,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "meta-llama/Llama-3.2-3B": 3_212_749_824,
    "meta-llama/Llama-3.3-70B-Instruct": 70_553_706_496,
    "google/gemma-3-270m": 268_098_176,
    "google/gemma-3-1b-pt": 999_885_952,
    "google/gemma-3-4b-pt": 675_000_000 + 3_209_000_000,
    "google/gemma-3-12b-pt": 1_012_000_000 + 10_759_000_000,
    "google/gemma-3-27b-pt": 1_416_000_000 + 25_600_000_000,
    "mistralai/Mistral-7B-v0.1": 7_241_732_096,
    "mistralai/Mistral-7B-v0.3": 7_248_023_552,
    "mistralai/Mistral-Nemo-Base-2407": 12_247_782_400,
    "mistralai/Mistral-Small-24B-Base-2501": 23_572_403_200,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M": 361_821_120,
    "HuggingFaceTB/SmolLM2-1.7B": 1_711_376_384,
    "HuggingFaceTB/SmolLM3-3B": 3_075_098_624,
    "allenai/OLMo-2-0425-1B": 1_484_916_736,
    "allenai/OLMo-2-1124-7B": 7_298_617_344,
    "allenai/OLMo-2-1124-13B": 13_716_198_400,
    "allenai/OLMo-2-0325-32B": 32_234_279_936,
    "microsoft/phi-4": 14_659_507_200,
    "microsoft/Phi-4-mini-instruct": 3_836_021_760,
}


@pytest.mark.parametrize("name", published_names())
def test_total_parameters(name):
    shapes = {lookup(first).model_copy(update={"name": ""}): size for first, size in PUBLISHED.items()}
    size = shapes[lookup(name).model_copy(update={"name": ""})]
    assert parameter_counts(lookup(name)).total == pytest.approx(size, rel=0.01)


def test_every_published_count_is_of_an_entry():
    assert set(PUBLISHED) <= set(published_names())


@pytest.mark.parametrize(("name", "active"), [("Qwen/Qwen3-30B-A3B", 3.3e9), ("Qwen/Qwen3-235B-A22B", 22e9)])
def test_active_parameters(name, active):
    assert parameter_counts(lookup(name)).active == pytest.approx(active, rel=0.02)


def test_names_are_found_without_case_or_organisation():
    expected = lookup("Qwen/Qwen2.5-7B")
    assert expected.name == "Qwen/Qwen2.5-7B"
    assert expected.verified
    assert lookup("qwen/qwen2.5-7b") == lookup("QWEN2.5-7B") == lookup(" Qwen2.5-7B ") == expected
    assert lookup("Qwen/Qwen2.5-7B-Instruct").name == "Qwen/Qwen2.5-7B-Instruct"


def test_a_file_or_a_folder(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(SHAPES["tied"]), encoding="utf-8")
    assert lookup(str(file)).windows == lookup(str(tmp_path)).windows == (None,) * 3
    assert lookup(str(tmp_path)).name == str(tmp_path)
    assert lookup(str(tmp_path)).verified


@pytest.mark.parametrize(
    "model",
    [
        "Qwen/Qwen2.5-8B",
        "gpt-5",
        "",
        " ",
        "/nowhere/config.json",
        "a\nb",
        "a" * 5000,
        "nul\0byte",
        "../..",
        "Qwen",
        "ünï",
    ],
)
def test_unknown_names(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        lookup(model)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


def test_near_names_are_the_hint():
    with pytest.raises(UsageError) as caught:
        lookup("Qwen/Qwen2.5-8B")
    assert "Qwen/Qwen2.5-8B" in caught.value.message
    assert "Qwen/Qwen2.5-7B" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"hidden_size": 1,\n\n}', "not valid JSON"),
        (b"[1]", "list"),
        (b"null", "NoneType"),
        (b"\x00\xff\xfe\x80" * 9, "not a text file"),
        (b"[" * 100_000, "not valid JSON"),
        (b" " * (LARGEST_CONFIG_BYTES + 1), "larger than"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_files_that_are_no_configuration(content, reason, tmp_path):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        lookup(str(tmp_path))
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_a_folder_without_configuration(tmp_path):
    with pytest.raises(UsageError, match=r"no config\.json"):
        lookup(str(tmp_path))


def test_a_configuration_that_the_formulas_do_not_cover(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "deepseek_v3", "hidden_size": 7168}', encoding="utf-8")
    with pytest.raises(ArchitectureError, match="deepseek_v3"):
        lookup(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": NaN}', encoding="utf-8")
    with pytest.raises(ArchitectureError, match="num_hidden_layers"):
        lookup(str(tmp_path))
