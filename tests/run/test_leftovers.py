"""What a run puts right that a kill or another command left behind."""

import json
import shutil

from .tiny import evidence_of, isothink


def test_evidence_that_another_command_left_is_made_anew(finished, tmp_path):
    here, run, _ = finished
    left = shutil.copytree(run, tmp_path / "left")
    whole = evidence_of(left)
    for stale in (json.dumps({**whole, "verdicts": []}), "{"):
        (left / "evidence.json").write_text(stale, encoding="utf-8")
        done = isothink("run", str(left), "--json", cwd=here)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["completed"] == []
        assert evidence_of(left) == whole


def test_an_optimizer_state_that_a_kill_left_behind_is_removed(finished, tmp_path):
    here, run, _ = finished
    left = shutil.copytree(run, tmp_path / "left")
    plan = json.loads((left / "plan.json").read_text(encoding="utf-8"))
    parent = next(segment["parent"] for segment in plan["segments"] if segment["parent"])
    state = left / "segments" / parent / "optimizer.safetensors"
    state.write_bytes(b"state")
    done = isothink("run", str(left), "--json", cwd=here)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completed"] == []
    assert not state.exists()
