"""vLLM as an answerer, where it is installed: `make check-vllm` runs this in vLLM's own environment."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="answering needs the [train] extra")
pytest.importorskip("vllm", reason="answering with vLLM needs the [vllm] extra, and a GPU or a CPU build")

from isothink.backends.vllm_answerer import VllmAnswerer
from isothink.benchmark.protocol import Answering
from isothink.domain.evaluation_settings import VllmAnswers
from isothink.errors import StepError

from .answerer_conformance import AnswererConformance, write_student


def open_vllm(folder: Path, tokenizer, batch_size: int) -> VllmAnswerer:
    settings = VllmAnswers(backend="vllm", precision="float32", gpu_memory_utilization=0.3)
    return VllmAnswerer(settings, Answering(folder=folder, names={}, batch_size=batch_size), tokenizer)


class TestVllmAnswerer(AnswererConformance):
    def make_student(self, folder):
        heads = {"hidden_size": 128, "num_attention_heads": 2, "head_dim": 64}  # attention kernels want no less
        return write_student(folder, **heads, initializer_range=0.25)

    def open(self, folder, tokenizer, batch_size):
        return open_vllm(folder, tokenizer, batch_size)


def test_a_folder_without_weights_is_one_line(tmp_path):
    with pytest.raises(StepError, match="does not start") as caught:
        open_vllm(tmp_path, None, 1)
    assert "\n" not in caught.value.message
