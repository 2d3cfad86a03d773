"""A report in the middle of a run: made beside the run that holds the lock, from what is complete, and says so."""

import re
import shutil

import pytest

from isothink import api
from isothink.errors import RunFolderError
from isothink.store.lock import hold_lock
from isothink.store.run_folder import RunFolder

from .tiny import evidence_of, isothink


def half_way(finished, folder):
    """A run with seven of its twenty cells evaluated, and half of another one's evaluation."""
    _, done, _ = finished
    run = folder / "tiny"
    shutil.copytree(done, run)
    for name in ("evidence.json", "report.html", "conclusion.json"):
        (run / name).unlink()
    samples = sorted((run / "samples").iterdir())
    for place in samples[7:]:
        shutil.rmtree(place)
    unfinished = run / "samples" / f".{samples[7].name}.0123abcd.partial"
    unfinished.mkdir()
    (unfinished / "samples.parquet").write_bytes(b"PAR1 torn")
    return run


def files_of(run):
    found = {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    return {path: data for path, data in found.items() if str(path) not in ("evidence.json", "report.html")}


def test_a_report_half_way_disturbs_nothing_and_says_what_is_complete(finished, tmp_path):
    run = half_way(finished, tmp_path)
    with hold_lock(RunFolder(run).lock_file):  # as the run that goes on does
        before = files_of(run)
        done = isothink("report", "tiny", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        with pytest.raises(RunFolderError), hold_lock(RunFolder(run).lock_file):
            pass
        assert files_of(run) == before, "a report writes the evidence and itself, and nothing else"
    page = (run / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "7 of 20 planned cells are complete" in text
    assert "This report is made half-way" in text
    missing = evidence_of(run)["missing"]
    assert [cell["reason"] for cell in missing] == ["not run yet"] * 13
    verdict = api.verdict(run, family="recall-oe")
    assert verdict.caveats[0].startswith("planned cells without a result: 13 not run yet")


def test_a_report_before_any_cell_is_complete_says_so(finished, tmp_path):
    run = half_way(finished, tmp_path)
    shutil.rmtree(run / "samples")
    api.report(run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "0 of 20 planned cells are complete" in page
