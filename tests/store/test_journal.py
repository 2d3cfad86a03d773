"""The journal: what was written is found again after any kind of end, and nothing else is."""

import json
import os
import resource
import signal
import subprocess
import sys

import pytest

from isothink.errors import StepError
from isothink.store.journal import Journal


def rows_of(folder, keys):
    with Journal(folder) as journal:
        return {key: journal.get(key) for key in keys}


def test_rows_are_found_by_key_in_this_attempt_and_in_later_ones(tmp_path):
    with Journal(tmp_path) as journal:
        for number in range(100):
            journal.append(f"k{number}", {"text": f"line\nbreak \ud800 {number}"})
            assert f"k{number}" in journal and journal.get(f"k{number}")["text"].endswith(str(number))
    with Journal(tmp_path) as journal:
        journal.append("later", {"text": "x"})
        assert len(journal) == 101 and journal.get("k7")["text"] == "line\nbreak \ud800 7"
        assert journal.get("unknown") is None and "unknown" not in journal


@pytest.mark.parametrize("torn", [b'{"key":"b","at":1.0,"fai', b"\0\0\0\0", b'{"key":"b"}', b"[1]\n", b"nonsense\n"])
def test_a_torn_or_foreign_line_is_dropped(tmp_path, torn):
    with Journal(tmp_path) as journal:
        journal.append("a", {"text": "1"})
    (file,) = tmp_path.glob("*.jsonl")
    with file.open("ab") as tail:
        tail.write(torn)
    found = rows_of(tmp_path, ["a", "b"])
    assert found["a"]["text"] == "1" and found["b"] is None


def test_every_prefix_of_a_journal_is_a_journal(tmp_path):
    with Journal(tmp_path / "whole") as journal:
        for key in "abc":
            journal.append(key, {"text": key * 5})
    (file,) = (tmp_path / "whole").glob("*.jsonl")
    data = file.read_bytes()
    for length in range(len(data)):
        folder = tmp_path / f"cut{length}"
        folder.mkdir()
        (folder / file.name).write_bytes(data[:length])
        whole_lines = data[:length].count(b"\n")
        with Journal(folder) as journal:
            assert len(journal) == max(0, whole_lines - 1)
            journal.append("d", {"text": "d"})
        with Journal(folder) as journal:
            assert journal.get("d")["text"] == "d" and len(journal) == max(0, whole_lines - 1) + 1


def test_a_reply_replaces_a_failure_and_never_the_other_way_round(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append("a", {"failure": 1}, failed=True)
        assert journal.failures == 1
        journal.append("a", {"reply": 1})
        assert journal.failures == 0
        journal.append("a", {"failure": 2}, failed=True)
    assert "reply" in rows_of(tmp_path, ["a"])["a"]


def test_failures_can_be_forgotten_and_stay_forgotten(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append("a", {"failure": 1}, failed=True)
        journal.append("b", {"reply": 1})
    with Journal(tmp_path) as journal:
        assert journal.forget_failures() == 1 and "a" not in journal and "b" in journal
    with Journal(tmp_path) as journal:
        assert "a" not in journal and "b" in journal and journal.forget_failures() == 0
        journal.append("a", {"failure": 2}, failed=True)
    assert rows_of(tmp_path, ["a"])["a"]["failure"] == 2


def test_replies_can_be_forgotten_and_stay_forgotten_until_they_come_again(tmp_path):
    with Journal(tmp_path) as journal:
        for key in ("a", "b", "c"):
            journal.append(key, {"reply": 1}, failed=key == "c")
        journal.forget(["a", "c", "never asked"])
        assert len(journal) == 1 and journal.failures == 0 and journal.get("a") is None
    with Journal(tmp_path) as journal:
        assert "a" not in journal and "b" in journal and journal.failures == 0
        journal.append("a", {"reply": 2})
    assert rows_of(tmp_path, ["a", "b"])["a"]["reply"] == 2


def test_a_full_disk_stops_with_one_line_and_everything_before_is_kept(tmp_path):
    script = f"""
import resource, signal, sys
from pathlib import Path
from isothink.errors import StepError
from isothink.store.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
with Journal(Path({str(tmp_path)!r})) as journal:
    for number in range(1000):
        try:
            journal.append(f"k{{number}}", {{"text": "x" * 100}})
        except StepError as error:
            print(number, error.message)
            sys.exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    count = int(done.stdout.split()[0])
    assert 10 < count < 100 and f"the {count} replies before are kept" in done.stdout
    (file,) = tmp_path.glob("*.jsonl")
    assert file.read_bytes().endswith(b"\n")  # the line that did not fit is not there in part
    with Journal(tmp_path) as journal:
        assert len(journal) == count
        journal.append("more", {"text": "x"})


def test_rows_outlive_a_killed_process(tmp_path):
    script = f"""
from pathlib import Path
from isothink.store.journal import Journal
with Journal(Path({str(tmp_path)!r})) as journal:
    for number in range(10**9):
        journal.append(f"k{{number}}", {{"text": "x"}})
        print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    last = -1
    for line in process.stdout:
        last = int(line)
        if last >= 500:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    with Journal(tmp_path) as journal:
        assert all(f"k{number}" in journal for number in range(last + 1))
        assert len(journal) >= last + 1


def test_the_time_of_earlier_attempts_is_summed(tmp_path):
    for start, rows in ((100.0, (110.0, 130.0)), (500.0, (501.5,))):
        lines = [{"started": start}] + [{"key": f"{at}", "at": at, "failed": False} for at in rows]
        (tmp_path / f"{start}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Journal(tmp_path) as journal:
        assert journal.seconds == pytest.approx(31.5)


def test_memory_does_not_grow_with_the_length_of_rows(tmp_path):
    with Journal(tmp_path) as journal:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(300):
            journal.append(f"k{number}", {"text": "x" * 100_000})
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 10_000  # KiB; the rows are 30 MB


def test_a_folder_that_cannot_be_written_is_a_step_error(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append("a", {"text": "1"})
        os.close(journal._writer)
        with pytest.raises(StepError, match="cannot be written"):
            journal.append("b", {"text": "2"})
        journal._writer = None
