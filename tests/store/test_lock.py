"""The lock of a run folder, between real processes."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from isothink.errors import RunFolderError
from isothink.store.lock import hold_lock

HOLDER = """
import sys, time
from pathlib import Path
from isothink.store.lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Starts a process that holds the lock until its input ends."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_a_second_process_is_refused_and_told_host_and_pid(tmp_path, holder):
    process = holder()
    with pytest.raises(RunFolderError) as caught, hold_lock(tmp_path / "lock"):
        pass
    assert f"host {socket.gethostname()}, pid {process.pid}" in caught.value.message
    assert str(tmp_path) in caught.value.message and caught.value.exit_status == 1


def test_being_refused_does_not_disturb_the_holder(tmp_path, holder):
    process = holder()
    for _ in range(3):
        with pytest.raises(RunFolderError, match=f"pid {process.pid}$"), hold_lock(tmp_path / "lock"):
            pass


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_killed_process_is_taken_over_at_once(tmp_path, holder, how):
    process = holder()
    process.send_signal(how)
    process.wait(10)
    begun = time.perf_counter()
    with hold_lock(tmp_path / "lock"):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
        assert str(process.pid) not in (tmp_path / "lock").read_text().replace(str(os.getpid()), "")
    assert time.perf_counter() - begun < 1


def test_the_lock_is_free_after_the_block_and_after_an_error(tmp_path, holder):
    with hold_lock(tmp_path / "lock"):
        pass
    with pytest.raises(ValueError, match="inside"), hold_lock(tmp_path / "lock"):
        raise ValueError("inside")
    process = holder()
    process.stdin.close()
    process.wait(10)
    with hold_lock(tmp_path / "lock"):
        pass


def test_one_process_cannot_hold_it_twice(tmp_path):
    with (
        hold_lock(tmp_path / "lock"),
        pytest.raises(RunFolderError, match=str(os.getpid())),
        hold_lock(tmp_path / "lock"),
    ):
        pass


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"host": 1}', "\0" * 5000])
def test_a_lock_file_that_says_nothing_still_locks(tmp_path, content):
    with hold_lock(tmp_path / "lock"):
        (tmp_path / "lock").write_text(content)
        with pytest.raises(RunFolderError, match="another process"), hold_lock(tmp_path / "lock"):
            pass


def test_the_folder_is_made_if_it_is_not_there(tmp_path):
    with hold_lock(tmp_path / "runs" / "new" / "lock"):
        assert (tmp_path / "runs" / "new").is_dir()


def test_a_child_process_does_not_inherit_the_lock(tmp_path):
    """A worker that outlives its killed scheduler must not keep the folder locked."""
    with hold_lock(tmp_path / "lock"):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        with hold_lock(tmp_path / "lock"):
            assert child.poll() is None
    finally:
        child.kill()
        child.communicate()
