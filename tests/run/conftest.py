"""One finished run of the tiny study, shared by the tests that only look at it."""

import json
from pathlib import Path

import pytest

from .tiny import isothink, write_tiny


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """(folder in which commands run, path of the run, the first run's JSON)."""
    pytest.importorskip("transformers", reason="training needs the [train] extra")
    here = tmp_path_factory.mktemp("finished")
    write_tiny(here)
    done = isothink("run", "tiny.yaml", "--json", cwd=here)
    assert done.returncode == 0, done.stderr
    return here, Path(here / "runs" / "tiny"), json.loads(done.stdout)
