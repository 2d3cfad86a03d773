"""`isothink init` from outside: questions at a terminal alone, defaults or one line elsewhere."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from isothink.store.study_file import read_pair_study

COMMAND = [sys.executable, "-m", "isothink.cli.main", "init"]


def at_a_terminal(arguments, answers, cwd):
    """What the command prints on standard output, and what a person sees."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=follower, stderr=follower, stdout=subprocess.PIPE, cwd=cwd, text=True
    )
    os.close(follower)
    os.write(leader, "".join(f"{answer}\n" for answer in answers).encode())
    output, _ = process.communicate(timeout=60)
    seen = b""
    try:
        while chunk := os.read(leader, 65536):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    return process.returncode, output, seen.decode()


def test_questions_are_asked_on_standard_error_and_enter_takes_the_default(tmp_path):
    answers = ["teacher", "", 'my "model": #1', "effort", "MY_KEY", "", "", ""]
    status, output, seen = at_a_terminal(["mine.yaml"], answers, tmp_path)
    assert status == 0, seen
    assert output == "mine.yaml\n"
    assert "kind of study" in seen and "isothink plan mine.yaml" in seen
    study = read_pair_study(tmp_path / "mine.yaml")
    assert study.teacher.model == 'my "model": #1'
    assert study.teacher.base_urls == ("http://127.0.0.1:8000/v1",)
    assert study.teacher.on.request == {"reasoning_effort": "high"}
    assert study.teacher.api_key_variable == "MY_KEY"
    assert [student.model for student in study.students] == ["Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-1.5B"]


def test_a_kind_or_toggle_that_is_none_is_asked_for_again(tmp_path):
    answers = ["toys", "teacher", "", "m", "of", "effort", "", "", "", ""]
    status, output, seen = at_a_terminal(["mine.yaml"], answers, tmp_path)
    assert (status, output) == (0, "mine.yaml\n"), seen
    assert "found toys, allowed are toy, teacher, pairs" in seen and "found of, allowed are enable_thinking" in seen
    assert read_pair_study(tmp_path / "mine.yaml").teacher.on.request == {"reasoning_effort": "high"}


def test_an_interrupt_says_that_nothing_was_written(tmp_path):
    leader, follower = pty.openpty()
    process = subprocess.Popen(COMMAND, stdin=follower, stderr=follower, stdout=subprocess.PIPE, cwd=tmp_path)
    os.close(follower)
    seen = b""
    while b"kind of study" not in seen:
        seen += os.read(leader, 65536)
    process.send_signal(signal.SIGINT)
    while b"nothing was written" not in seen:
        seen += os.read(leader, 65536)  # fails at the end of what it says
    assert process.communicate(timeout=60)[0] == b"" and process.returncode == 1
    os.close(leader)
    assert b"resumes" not in seen and not list(tmp_path.iterdir())


def test_flags_are_not_asked_for_again(tmp_path):
    status, output, seen = at_a_terminal(["--kind", "toy"], [], tmp_path)
    assert (status, output) == (0, "study.yaml\n"), seen
    assert "kind of study" not in seen


def test_a_file_that_is_there_ends_it_before_any_question(tmp_path):
    (tmp_path / "study.yaml").write_text("mine", encoding="utf-8")
    status, _, seen = at_a_terminal([], [], tmp_path)
    assert status == 2
    assert "already" in seen and "kind of study" not in seen


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--kind", "teacher"], 2)])
def test_without_a_terminal_there_are_defaults_or_one_line(arguments, status, tmp_path):
    done = subprocess.run(
        [*COMMAND, *arguments, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == status
    if status == 0:
        assert json.loads(done.stdout) == {"study": "study.yaml"}
        assert read_pair_study(tmp_path / "study.yaml").name == "study"
    else:
        assert done.stderr.startswith("error: --teacher-model")
        assert not list(tmp_path.iterdir())
