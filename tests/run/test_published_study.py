"""The study files of the published experiment: planned offline, within seconds, from declared lengths."""

import time
from pathlib import Path

import numpy as np
import pytest

from isothink import api
from isothink.cli.plan import print_plan

STUDIES = Path(__file__).resolve().parents[2] / "studies"
SHAPES = {  # layers, hidden size, query heads, key heads, head size, feed-forward size, vocabulary
    "0.5B": (24, 896, 14, 2, 64, 4864, 151936),
    "1.5B": (28, 1536, 12, 2, 128, 8960, 151936),
    "3B": (36, 2048, 16, 2, 128, 11008, 151936),
    "7B": (28, 3584, 28, 4, 128, 18944, 152064),
    "14B": (48, 5120, 40, 8, 128, 13824, 152064),
}
PAIRS = {"general": (1_300_000, 140 + 435, 140 + 2591), "math": (300_000, 73 + 881, 73 + 6895)}
SECONDS = 5.0


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)


def planned(name):
    """The plan, made within the time that is promised: that of a processor, since tests share a machine."""
    started = time.process_time()
    plan = api.plan(api.load_study(STUDIES / f"{name}.yaml"))
    assert time.process_time() - started < SECONDS
    return plan


def training_flops(student, tokens):
    layers, hidden, query, key, head, inner, vocabulary = SHAPES[student]
    projections = 2 * tokens * hidden * (query + 2 * key) * head + 2 * tokens * query * head * hidden
    attention = 4 * query * head * tokens * (tokens + 1) // 2
    layer = projections + attention + 6 * tokens * hidden * inner
    return 3 * (layers * layer + 2 * vocabulary * hidden * tokens)


def test_the_experiment_as_published():
    plan = planned("paper")
    assert plan.source == "declared" and len(plan.cells) == 5 * 8
    assert {(cell.prompts, cell.steps, cell.epochs) for cell in plan.cells} == {(1_600_000, 50_000, 1.0)}
    found = {(cell.student, cell.arm): cell.flops for cell in plan.cells}
    for student in SHAPES:
        for arm, column in (("ift", 1), ("reasoning", 2)):
            expected = sum(size[0] * training_flops(student, size[column]) for size in PAIRS.values())
            assert found[student, arm] == expected
    chosen = {one.name: (one.peak_rates["ift"], one.peak_rates["reasoning"]) for one in plan.students}
    assert chosen["0.5B"] == (1e-5, 2e-5) and chosen["14B"] == (1e-6, 3e-6)


def test_the_experiment_at_equal_compute(capsys):
    plan = planned("paper-matched")
    assert len(plan.cells) == 5 * 5 * 4 and all(cell.feasible for cell in plan.cells)
    assert plan.total_flops / plan.unshared_flops <= 0.67
    for cell in plan.cells:
        epoch = sum(size[0] * training_flops(cell.student, size[1]) for size in PAIRS.values())
        assert any(cell.budget_flops == fraction * epoch for fraction in (0.125, 0.25, 0.5, 1.0))
        longest_step = 32 * training_flops(cell.student, PAIRS["math"][2])
        assert cell.budget_flops - longest_step < cell.flops <= cell.budget_flops
    shares = {cell.budget: cell.epochs for cell in plan.cells if cell.arm == "ift"}
    assert np.allclose(list(shares.values()), (0.125, 0.25, 0.5, 1.0), atol=1e-4)
    print_plan(plan, api.load_study(STUDIES / "paper-matched.yaml"))
    _, epochs = capsys.readouterr().out.split("epochs by source")
    assert all(epochs.count(f" {student} ") == 5 for student in SHAPES), "budgets differ by student"
