"""Time is bound by arithmetic or by memory, and an unknown device is refused."""

import pytest

from isothink.compute.architecture import architecture_from_config
from isothink.compute.hardware import decode_bytes, device, device_names, phase_seconds
from isothink.compute.parameters import parameter_counts
from isothink.compute.registry import lookup
from isothink.errors import UsageError

from .shapes import SHAPES


def test_the_slower_bound_wins():
    limits = {"peak_flops": 100.0, "utilisation": 0.5, "bandwidth": 10.0}
    assert phase_seconds(flops=500, bytes_moved=20, **limits) == 10
    assert phase_seconds(flops=50, bytes_moved=20, **limits) == 2


@pytest.mark.parametrize("utilisation", [0, -0.5, 1.5, float("nan")])
def test_impossible_utilisation(utilisation):
    with pytest.raises(UsageError, match="utilisation"):
        phase_seconds(flops=1, bytes_moved=1, peak_flops=1, utilisation=utilisation, bandwidth=1)


def test_devices():
    assert device("h100 sxm").peak_flops == 989.4e12  # dense; the sparse figure is 1978.9e12
    for name in device_names():
        assert device(name).source
    with pytest.raises(UsageError) as caught:
        device("H1000")
    assert "H1000" in caught.value.message
    assert caught.value.hint == "did you mean H100 SXM?"
    with pytest.raises(UsageError) as caught:
        device("tpu v5")
    assert all(name in caught.value.hint for name in device_names())


def test_decoding_reads_the_weights_once_per_step():
    architecture = architecture_from_config(SHAPES["sliding window"])  # 3 layers, window 5, 2 key heads of size 8
    weights = parameter_counts(architecture).matmul
    # steps at positions 4, 5 and 6 see 4, 5 and 5 keys
    cached = 3 * (4 + 5 + 5) * 2 * 2 * 8
    for batch in (1, 7):
        expected = 2 * (3 * weights + batch * cached)
        assert decode_bytes(architecture, 3, 4, batch_size=batch) == expected
    assert decode_bytes(architecture, 3, 1, batch_size=4) == 0


def test_decoding_one_sequence_is_bound_by_memory_and_prefill_by_arithmetic():
    architecture, gpu = lookup("Qwen/Qwen2.5-7B"), device("H100 SXM")
    limits = {"peak_flops": gpu.peak_flops, "utilisation": 0.5, "bandwidth": gpu.bandwidth}
    moved = decode_bytes(architecture, 1000, 101, batch_size=1)
    seconds = phase_seconds(flops=0, bytes_moved=moved, **limits)
    assert seconds == pytest.approx(100 * 15.2e9 / 3.35e12, rel=0.1)
