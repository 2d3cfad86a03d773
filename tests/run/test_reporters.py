"""Reporters are a convenience: they are told every step, and one that fails is named once and left alone."""

from types import SimpleNamespace

import pytest

from isothink.plan.record import Segment
from isothink.run import reporters
from isothink.run.reporters import Reporting
from isothink.run.utilisation import peak_flops

SEGMENT = Segment(
    id="one-segment",
    parent=None,
    student="small",
    arm="ift",
    seed=0,
    peak_rate=1e-3,
    kind="trunk",
    phase_start=0,
    first=0,
    last=9,
    first_step=10,
    steps=3,
    decay=None,
    tokens=9,
    flops=9,
    seconds=None,
    status="waiting",
)


class Recorder:
    def __init__(self, fails_at=None):
        self.rows, self.fails_at, self.closed = [], fails_at, False

    def log(self, step, values):
        if step == self.fails_at:
            raise ConnectionError("the network is gone\nfor good")
        self.rows.append((step, dict(values)))

    def close(self):
        self.closed = True


def reporting(tmp_path, monkeypatch, known, said):
    opened = {}

    def load(name, **settings):
        opened[name] = settings
        if name not in known:
            raise RuntimeError(f"no key for {name}")
        return known[name]

    monkeypatch.setattr(reporters, "load_reporter", load)
    study = SimpleNamespace(name="study", resources=SimpleNamespace(report_to=("tensorboard", "wandb", "trackio")))
    workspace = SimpleNamespace(folder=SimpleNamespace(path=tmp_path), study=study)
    return Reporting.of(workspace, SEGMENT, 1, said.append), opened


def test_every_step_is_told_and_a_reporter_that_fails_costs_no_training(tmp_path, monkeypatch):
    good, bad, said = Recorder(), Recorder(fails_at=12), []
    told, opened = reporting(tmp_path, monkeypatch, {"tensorboard": good, "trackio": bad}, said)
    assert opened["tensorboard"]["run"] == SEGMENT.id and opened["tensorboard"]["first_step"] == 11
    with told:
        for step in (11, 12, 13):
            told.log({"step": step, "loss": 2.0, "model_flops_utilisation": None})
    assert good.rows == [(step, {"loss": 2.0}) for step in (11, 12, 13)] and good.closed
    assert bad.rows == [(11, {"loss": 2.0})]
    assert said == [
        "wandb is not told: RuntimeError: no key for wandb",
        "trackio is told no more: ConnectionError: the network is gone",
    ]


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H200", 989e12), ("NVIDIA H100 80GB HBM3", 989e12), ("NVIDIA H100 PCIe", None), (None, None)],
)
def test_utilisation_is_known_where_the_device_is(name, peak):
    assert peak_flops(name) == (None if peak is None else pytest.approx(peak, rel=0.01))
