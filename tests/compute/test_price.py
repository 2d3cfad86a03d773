"""The report behind `isothink price`."""

import io
import json

import pytest
from rich.console import Console

from isothink.cli.price import price_table
from isothink.compute.flops import decode_flops, prefill_flops, training_flops
from isothink.compute.price import price_report
from isothink.compute.registry import lookup
from isothink.errors import UsageError

from .shapes import SHAPES


def test_the_report():
    report = price_report("qwen2.5-0.5b", 512, 1000)
    architecture = lookup("Qwen/Qwen2.5-0.5B")
    assert list(report) == ["model", "parameters", "conventions", "verified"]
    assert report["model"] == "Qwen/Qwen2.5-0.5B"
    assert report["parameters"] == {"total": 494_032_768, "active": 494_032_768, "matmul": 493_961_216}
    assert list(report["conventions"]) == ["exact", "noncausal", "6nd", "hf", "paper"]
    assert report["conventions"]["exact"] == {
        "training_flops": training_flops(architecture, [1512]),
        "prefill_flops": prefill_flops(architecture, 512),
        "decode_flops": decode_flops(architecture, 512, 1000),
    }
    assert json.loads(json.dumps(report)) == report
    assert all(type(value) is int for figures in report["conventions"].values() for value in figures.values())


def test_what_is_undefined_is_null(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SHAPES["shared expert"]), encoding="utf-8")
    report = price_report(str(tmp_path), 3, 4)
    assert set(report["conventions"]["paper"].values()) == {None}
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(price_table(report))
    assert "paper" in console.export_text()


@pytest.mark.parametrize(("prompt", "output"), [(0, 1), (1, 0), (-3, 1)])
def test_counts_below_one(prompt, output):
    with pytest.raises(UsageError, match="tokens is"):
        price_report("Qwen/Qwen2.5-0.5B", prompt, output)


def test_an_unknown_model():
    with pytest.raises(UsageError, match="unknown model"):
        price_report("no/such-model", 1, 1)


def test_the_table():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(price_table(price_report("mistralai/Mistral-Small-24B-Base-2501", 10, 10)))
    text = console.export_text()
    assert "not checked" in text
    assert "noncausal" in text
