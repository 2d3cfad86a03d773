"""What a run says before it trains: nothing is left out in silence."""

import pytest

pytest.importorskip("transformers", reason="tokenizers need the [train] extra")

from isothink.errors import UsageError
from isothink.run import pipeline
from isothink.run.load import load_study_file
from isothink.run.scheduler import Outcome

from .tiny import write_tiny


def test_lost_pairs_and_infeasible_cells_are_said_before_training(tmp_path, monkeypatch, capsys):
    overrides = [f"output={tmp_path / 'run'}", "training.max_tokens=22", "budgets.training_flops=[4e8,1e30]"]
    study = load_study_file(write_tiny(tmp_path), overrides)
    pipeline.run_study(study, until="generate")
    monkeypatch.setattr(pipeline._Run, "_schedule", lambda *arguments, **named: Outcome())
    capsys.readouterr()
    pipeline.run_study(study, until="train", quiet=True)
    assert capsys.readouterr().err == ""
    pipeline.run_study(study, until="train")
    lost, infeasible = capsys.readouterr().err.splitlines()
    assert "of more than 22 tokens. They are in no arm" in lost
    assert infeasible == "10 of 20 cells are infeasible; isothink plan says why"


def test_a_study_of_which_nothing_can_be_trained_is_refused(tmp_path):
    study = load_study_file(write_tiny(tmp_path), [f"output={tmp_path / 'run'}", "budgets.training_flops=[1e30]"])
    with pytest.raises(UsageError, match="budgets: found none of 10 cells that can be trained: the budget affords"):
        pipeline.run_study(study, until="train", quiet=True)
    assert not list((tmp_path / "run").glob("segments/*"))
