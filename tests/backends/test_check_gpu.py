"""The GPU check runs from end to end where there is no GPU, and sees a leak."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from isothink.backends import packed_attention  # noqa: E402


@pytest.fixture
def check_gpu(monkeypatch):
    path = Path(__file__).parents[2] / "scripts" / "check_gpu.py"
    spec = spec_from_file_location("check_gpu", path)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "check_gpu", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [str(path), "--device", "cpu", "--tiny"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return module


def test_it_runs_on_a_cpu_and_finds_nothing_wrong(check_gpu, capsys):
    assert check_gpu.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("ok")]) == 6 * 3 + 1
    assert [line.split()[0] for line in lines[-3:]] == ["0.5B", "1.5B", "7B"]
    assert all("tokens/s" in line and "packed (varlen)" in line for line in lines[-3:])


def test_it_sees_a_leak(check_gpu, capsys, monkeypatch):
    monkeypatch.setattr(check_gpu, "ARCHITECTURES", {"qwen2": {}})
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--without-speed"])
    honest = packed_attention._one_by_one
    monkeypatch.setattr(
        packed_attention, "_one_by_one", lambda q, k, v, edges, *rest: honest(q, k, v, [0, edges[-1]], *rest)
    )
    assert check_gpu.main() == 1
    assert "WRONG qwen2        varlen" in capsys.readouterr().out
