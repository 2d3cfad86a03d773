"""One finished run of the tiny study, shared by the tests that only look at it."""

import json
import shutil
from pathlib import Path

import pytest

from .tiny import isothink, write_tiny


@pytest.fixture(scope="session")
def finished(tmp_path_factory, request):
    """(folder in which commands run, path of the run, the first run's JSON).

    Made once, by the first of the suite's processes that wants it; each of them reads a copy of its own.
    """
    pytest.importorskip("transformers", reason="training needs the [train] extra")
    from filelock import FileLock  # comes with transformers

    own = tmp_path_factory.getbasetemp()
    original = (own.parent if hasattr(request.config, "workerinput") else own) / "tiny study"
    with FileLock(f"{original}.lock"):
        if not original.exists():
            _make(tmp_path_factory.mktemp("unfinished"), original)
    here = tmp_path_factory.mktemp("finished")
    shutil.copytree(original, here, dirs_exist_ok=True)
    return here, Path(here / "runs" / "tiny"), json.loads((here / "said.json").read_text(encoding="utf-8"))


def _make(here, original):
    write_tiny(here)
    done = isothink("run", "tiny.yaml", "--json", cwd=here)
    assert done.returncode == 0, done.stderr
    (here / "said.json").write_text(done.stdout, encoding="utf-8")
    here.rename(original)
