"""Evidence and report are made from the run as it is, whoever wrote them last."""

import json
import shutil

import pytest

from .tiny import evidence_of, isothink

pytestmark = pytest.mark.xdist_group("finished")


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
