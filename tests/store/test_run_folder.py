"""The run folder: artifacts appear whole or not at all."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from isothink.errors import RunFolderError
from isothink.store import run_folder
from isothink.store.run_folder import MANIFEST, RunFolder, read_json, write_json, write_text


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


def fill(beside, content="data"):
    (beside / "data.bin").write_text(content)
    write_json(beside / MANIFEST, {"schema_version": 1, "content": content})


def everything(folder):
    return sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file())


class Killed(BaseException):
    """Stands for a process that ends at this point, as far as the block can tell."""


def test_what_was_written_is_in_place_with_its_manifest(folder):
    with folder.writing("segments", "one") as beside:
        fill(beside)
        assert folder.manifest("segments", "one") is None, "nothing shows before the block ends"
    assert folder.manifest("segments", "one") == {"schema_version": 1, "content": "data"}
    assert everything(folder) == ["segments/one/data.bin", "segments/one/manifest.json"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, Killed])
@pytest.mark.parametrize("moment", ["at once", "between files", "at the end"])
def test_an_error_inside_leaves_nothing(folder, error, moment):
    with pytest.raises(error), folder.writing("segments", "one") as beside:
        if moment != "at once":
            (beside / "data.bin").write_text("half")
        if moment == "at the end":
            fill(beside)
        raise error
    assert folder.manifest("segments", "one") is None
    assert everything(folder) == []


def test_the_manifest_is_the_last_thing_to_be_missing(folder):
    """A killed process runs no clean-up: whatever it left, the step does not count as complete, and can be redone."""
    beside = folder.path / "segments" / ".one.12345678.partial"
    beside.mkdir(parents=True)
    fill(beside, "killed before the rename")
    half = folder.step_folder("segments", "one")
    half.mkdir()
    (half / "data.bin").write_text("copied in by hand, without a manifest")
    assert folder.manifest("segments", "one") is None
    with folder.writing("segments", "one") as again:
        fill(again, "whole")
    assert folder.manifest("segments", "one")["content"] == "whole"
    assert (half / "data.bin").read_text() == "whole"


def test_the_first_writer_wins(folder):
    with folder.writing("segments", "one") as slow:
        fill(slow, "slow")
        with folder.writing("segments", "one") as fast:
            fill(fast, "fast")
    assert folder.manifest("segments", "one")["content"] == "fast"
    assert (folder.step_folder("segments", "one") / "data.bin").read_text() == "fast"
    assert everything(folder) == ["segments/one/data.bin", "segments/one/manifest.json"]


def test_a_block_that_writes_no_manifest_is_an_error_and_leaves_nothing(folder):
    with pytest.raises(RunFolderError, match="manifest"), folder.writing("segments", "one") as beside:
        (beside / "data.bin").write_text("data")
    assert everything(folder) == []


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_reported_as_such_and_leaves_no_half_artifact(folder, monkeypatch):
    with pytest.raises(OSError, match="No space left"), folder.writing("segments", "one") as beside:
        fill(beside)
        monkeypatch.setattr(run_folder.os, "fsync", full_disk)
    monkeypatch.undo()
    assert folder.manifest("segments", "one") is None
    assert everything(folder) == []


def test_a_rename_that_fails_is_reported_as_such(folder, monkeypatch):
    with pytest.raises(OSError, match="No space left"), folder.writing("segments", "one") as beside:
        fill(beside)
        monkeypatch.setattr(Path, "rename", full_disk)
    monkeypatch.undo()
    assert everything(folder) == []


def test_everything_is_flushed_before_the_rename(folder, monkeypatch):
    flushed = []
    real = os.fsync
    monkeypatch.setattr(
        run_folder.os, "fsync", lambda descriptor: (flushed.append(os.fstat(descriptor).st_ino), real(descriptor))
    )
    with folder.writing("segments", "one") as beside:
        fill(beside)
    place = folder.step_folder("segments", "one")
    for name in ("data.bin", MANIFEST):
        assert (place / name).stat().st_ino in flushed


def test_the_holder_of_the_lock_clears_leftovers_and_nothing_else(folder):
    kept = []
    for kind in ("pairs", "corpus", "segments", "samples"):
        with folder.writing(kind, "kept") as beside:
            fill(beside)
        kept += [f"{kind}/kept/data.bin", f"{kind}/kept/manifest.json"]
        left = folder.path / kind / ".lost.abcdef01.partial"
        left.mkdir()
        fill(left)
    write_json(folder.failure_file("step"), {"schema_version": 1})
    for place in (folder.path, folder.path / "failures"):
        (place / ".plan.json.abcdef01.partial").write_text("{")
    folder.remove_partial()
    assert everything(folder) == sorted([*kept, "failures/step.json"])


# Single files


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    write_text(path, "before")
    monkeypatch.setattr(run_folder.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "after")
    monkeypatch.undo()
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.json"]
    write_text(path, "after")
    assert path.read_text() == "after"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_json_that_others_could_not_read_is_not_written(tmp_path, value):
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", {"value": value})
    assert list(tmp_path.iterdir()) == []


def test_json_is_read_back_as_written(tmp_path):
    data = {"schema_version": 1, "text": "a\nü", "number": 1.25e11, "nothing": None, "list": [1, [2]]}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json") == data


def test_a_missing_file_is_nothing_but_a_damaged_one_is_an_error(tmp_path):
    path = tmp_path / "manifest.json"
    assert read_json(path) is None
    assert read_json(path / "below") is None
    for damage in ("", "{", '{"a": 1', "[1]", "5", "\udcff"):
        path.write_text(damage, errors="surrogateescape")
        with pytest.raises(RunFolderError, match=r"manifest\.json") as caught:
            read_json(path)
        assert caught.value.exit_status == 1 and caught.value.hint


def test_every_truncation_of_a_manifest_is_noticed(tmp_path):
    path = tmp_path / "manifest.json"
    whole = json.dumps({"schema_version": 1, "ledger": [{"flops": 12}]})
    for length in range(len(whole)):
        path.write_text(whole[:length])
        with pytest.raises(RunFolderError):
            read_json(path)


def test_older_is_read_and_newer_refused(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}
    path.write_text('{"schema_version": 2}')
    with pytest.raises(RunFolderError, match="newer"):
        read_json(path)
    path.write_text('{"schema_version": "one"}')
    with pytest.raises(RunFolderError, match="schema_version"):
        read_json(path)


def test_a_run_exists_once_it_has_a_study(folder):
    assert not folder.exists()
    write_text(folder.study_file, "name: a")
    assert folder.exists()
    shutil.rmtree(folder.path)
    assert not folder.exists()
