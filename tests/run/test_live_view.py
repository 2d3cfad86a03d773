"""The live view: lines that fit every terminal, names that steer none, and a real run in a real pseudo-terminal."""

import contextlib
import fcntl
import io
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
from rich.console import Console

from isothink.run.clock_time import clock_time
from isothink.run.live_terminal import LiveTerminal
from isothink.run.live_view import view
from isothink.run.progress import shows_live_view
from isothink.run.step_progress import PairProgress
from isothink.run.study_progress import (
    PhaseSpending,
    RunningStep,
    Scores,
    Snapshot,
    TreeRow,
    WaitingStep,
)

from .tiny import write_tiny

HOSTILE = "[bold red]big[/] \x1b[2J\x1b[31m \u202e evil \u6f22\u5b57\u6f22\u5b57\nnew line\r\x07"


def snapshot(name="study", *, running=(), **changes):
    """A study of 2,000 segments in its middle."""
    facts = {
        "title": name,
        "seconds": 5000.0,
        "seconds_left": 40_000.0,
        "share": 0.1,
        "steps_done": 1500,
        "steps": 2600,
        "cells_done": 300,
        "cells": 600,
        "failed": 7,
        "running": running
        or tuple(
            RunningStep(
                label=f"{name} reasoning seed {n} trunk",
                kind="train",
                share=0.25 * n,
                flops=1e15,
                seconds=70,
                pairs=None,
            )
            for n in range(4)
        ),
        "waiting": tuple(WaitingStep(label=f"{name} next {n}", kind="train", ready=n < 10) for n in range(20)),
        "ready": 40,
        "blocked": 1056,
        "phases": (
            PhaseSpending(phase="training", spent=1.5e18, planned=4.0e18, share=0.375),
            PhaseSpending(phase="evaluation", spent=1.0e16, planned=2.0e17, share=0.5),
            PhaseSpending(phase="waste", spent=1.0e12, planned=None, share=None),
        ),
        "scores": tuple(
            Scores(label=f"{name} ift {n}e11 seed 0", families={"math": 0.25, name: 1.0, "a" * 30: 0.0})
            for n in range(9)
        ),
        "failures": tuple((f"{name} {n}", f"{name} broke") for n in range(5)),
        "trees": tuple(
            TreeRow(
                label=f"{name} ift seed {n}", states=(("running",) if n == 150 else ("complete",)) + ("waiting",) * n
            )
            for n in range(200)
        ),
        "stopping": False,
    }
    return Snapshot(**{**facts, **changes})


def asking(**changes):
    """A study whose teacher is being asked."""
    facts = {
        **{"stage": "asking", "answered": 2_000, "planned": 8_000, "failed": 3, "pairs": 990, "prompts": 4_000},
        **{"requests": 1_000, "tokens": 500_000, "seconds": 250.0, "flops": 2.0e15, "cost": 1.5, "currency": "USD"},
    }
    pairs = PairProgress(**{**facts, **changes})
    running = (
        RunningStep(label="making the pairs", kind="pairs", share=0.25, flops=2.0e15, seconds=260.0, pairs=pairs),
    )
    quiet = {
        "trees": (),
        "scores": (),
        "failures": (),
        "failed": 0,
        "cells": 0,
        "waiting": (),
        "ready": 0,
        "blocked": 0,
    }
    return snapshot(running=running, **quiet)


def text_of(lines):
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("width", [1, 40, 80, 160])
@pytest.mark.parametrize("height", [1, 10, 50])
@pytest.mark.parametrize("of", [snapshot(), snapshot(HOSTILE), asking(), asking(currency=HOSTILE)])
def test_every_line_fits_and_says_only_what_has_a_shape(width, height, of):
    for ascii_only in (False, True):
        lines = view(of, width=width, height=height, ascii_only=ascii_only)
        assert 1 <= len(lines) <= height
        assert all(line.cell_len <= width for line in lines)
        assert all(line.plain.isprintable() for line in lines)
        console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, record=True)
        console.print(*lines, sep="\n", end="")
        assert console.export_text().count("\n") == len(lines) - 1 or width == 1


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_small_terminal_shows_what_matters_most_and_counts_the_rest(width):
    small, large = (text_of(view(snapshot(), width=width, height=height)) for height in (10, 50))
    for shown in (small, large):
        for part in ("1,500 of 2,600 steps", "7 failed", "about 11:06 h left", "1.5e18 of 4e18 FLOPs", "running: 4"):
            assert part in shown
    for part in ("failed: 7", "waiting: 40 for a worker, 1,0", "latest accuracies", "200 training trees"):
        assert part in large
    trees = large[large.index("200 training trees") :].splitlines()
    assert "seed 150" in trees[1], "where something runs comes first"
    assert len(large.splitlines()) == 50 and len(small.splitlines()) == 10


def test_states_are_told_apart_without_colour_and_without_unicode():
    tree = (TreeRow(label="small", states=("complete", "running", "failed", "waiting")),)
    assert "small  ■▶×·" in text_of(view(snapshot(trees=tree), width=80, height=60))
    assert "small  #>x." in text_of(view(snapshot(trees=tree), width=80, height=60, ascii_only=True))


def test_asking_shows_requests_pairs_speed_and_what_the_rest_will_cost():
    shown = text_of(view(asking(), width=100, height=30))
    for part in (
        "2,000 of 8,000 answered, 3 failed for good",
        "990 of 4,000 prompts have both replies",
        "500,000 written since the start, 2,000 tokens/s",
        "1.50 USD since the start, about 9.00 more",  # 1,000 requests cost 1.50, and 6,000 are left
        "2e15 FLOPs since the start, about 1.2e16 more",
    ):
        assert part in shown
    unknown = text_of(view(asking(tokens=None, flops=None, cost=None), width=100, height=30))
    assert "tokens/s" not in unknown and "USD" not in unknown and "since the start" not in unknown


def test_clock_times():
    times = [clock_time(seconds) for seconds in (0.4, 99.4, 100, 5999, 6000, 7380, 71.9 * 3600, 80 * 3600)]
    assert times == ["0 s", "99 s", "1:40 min", "99:59 min", "1:40 h", "2:03 h", "71:54 h", "3.3 days"]


def terminal(**options):
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=30, _environ={}, **options)


def test_failures_stand_above_the_view_and_the_terminal_is_given_back_whatever_happens():
    console = terminal()
    live = LiveTerminal(snapshot, console)
    with pytest.raises(ZeroDivisionError):
        live.open()
        try:
            live.say("failed: [red]a[/red]: it broke")
            raise ZeroDivisionError
        finally:
            live.close()
    written = console.file.getvalue()
    assert "failed: [red]a[/red]: it broke" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert written.index("\x1b[?25l") < written.rindex("\x1b[?25h")
    assert "\x1b[?25l" not in written[written.rindex("\x1b[?25h") :]


def test_no_color_is_respected():
    console = terminal(no_color=True, color_system="truecolor")
    live = LiveTerminal(snapshot, console)
    live.open()
    live.close()
    colours = re.findall(r"\x1b\[[0-9;]*\b(?:3[0-7]|9[0-7]|38)\b[0-9;]*m", console.file.getvalue())
    assert not colours


def test_a_narrower_terminal_begins_on_a_clear_screen():
    console = terminal()
    live = LiveTerminal(snapshot, console)
    live.open()
    console.size = (60, 30)
    console.file.truncate(0)
    live.draw()
    live.close()
    written = console.file.getvalue()
    assert "\x1b[2J" in written
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written[written.index("\x1b[2J") :]).splitlines()
    assert max(map(len, lines)) <= 60


def test_builds_and_dumb_terminals_get_plain_lines(monkeypatch):
    first, second = pty.openpty()
    with os.fdopen(second, "w") as terminal_file:
        monkeypatch.setattr(sys, "stderr", terminal_file)
        assert shows_live_view({"TERM": "xterm-256color"})
        assert shows_live_view({"TERM": "xterm", "CI": "false"})
        for environment in ({"TERM": "dumb"}, {}, {"TERM": "xterm", "CI": "true"}, {"TERM": "xterm", "CI": "1"}):
            assert not shows_live_view(environment)
    os.close(first)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not shows_live_view({"TERM": "xterm-256color"})


def interrupts_are_heard():
    """What a shell starts in the background ignores them, and so would whatever that starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class PseudoTerminal:
    """A command in a terminal of its own; standard output is a pipe, as where a user keeps the data."""

    def __init__(self, *arguments, cwd, rows=40, columns=100):
        self._mine, theirs = pty.openpty()
        self.resize(rows, columns)
        environment = {**os.environ, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"}
        for name in ("COLUMNS", "LINES", "CI", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "isothink", *arguments],
            cwd=cwd,
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
            env=environment,
            process_group=0,
            preexec_fn=interrupts_are_heard,  # noqa: PLW1509 - no other thread runs here
        )
        os.close(theirs)
        self.written = ""

    def kill(self):
        """Ends it with its workers, if it is there still."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def resize(self, rows, columns):
        fcntl.ioctl(self._mine, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until=None, seconds=120.0):
        """Reads until a text was written, or the end."""
        deadline = time.monotonic() + seconds
        while until is None or until not in self.written:
            assert time.monotonic() < deadline, self.written[-2000:]
            if not select.select([self._mine], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._mine, 65536)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                assert until is None, self.written[-2000:]
                break
            self.written += data.decode(errors="replace")

    def end(self):
        """What came to standard output, and the exit status."""
        self.read()
        out = self.process.communicate(timeout=60)[0].decode()
        os.close(self._mine)
        return out, self.process.returncode


def shapes(written):
    """What a terminal would show of it: without what steers it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", written)


@pytest.fixture
def open_terminal():
    """Opens pseudo-terminals with a command in each; whatever a test leaves running is ended."""
    opened = []

    def opening(*arguments, **settings):
        opened.append(PseudoTerminal(*arguments, **settings))
        return opened[-1]

    yield opening
    for one in opened:
        one.kill()


@pytest.mark.long
def test_a_run_that_is_interrupted_in_a_narrowed_terminal_gives_it_back(open_terminal, tmp_path):
    pytest.importorskip("transformers", reason="training needs the [train] extra")
    write_tiny(tmp_path)
    # a budget that takes many minutes: the first segment is still trained when the interrupt comes
    run = open_terminal(
        "train", "tiny.yaml", "budgets.training_flops=[2.0e+11]", "training.max_epochs=1.0e+6", cwd=tmp_path
    )
    run.read(until="training trees")
    run.resize(20, 50)
    run.read(until="\x1b[2J")
    after = len(run.written)
    run.process.send_signal(signal.SIGINT)
    out, status = run.end()
    assert status == 130 and out == ""
    narrow = shapes(run.written[after:]).splitlines()
    assert any("stopping" in line for line in narrow)
    assert max(map(len, narrow)) <= 50
    assert run.written.rindex("\x1b[?25h") > run.written.rindex("\x1b[?25l"), "the cursor is back"
    [summary, last] = [line for line in narrow if line.strip()][-2:]
    assert re.fullmatch(r"0 of 22 steps in \d+ s", summary)
    assert last == "interrupted; the same command resumes"


@pytest.mark.long
def test_a_run_that_ends_leaves_a_summary_and_its_accuracies_were_seen(finished, open_terminal, tmp_path):
    _, done, _ = finished
    shutil.copytree(done, tmp_path / "tiny")
    first = sorted((tmp_path / "tiny" / "samples").iterdir())[0]
    shutil.rmtree(first)
    run = open_terminal("run", "tiny", cwd=tmp_path)
    out, status = run.end()
    assert status == 0, run.written
    assert "Verdict" in out and "report: " in out and "\x1b" not in out
    assert "evaluate" in run.written and "19 of 20 cells" in shapes(run.written)
    assert "65 of 66 steps" in shapes(run.written) and "latest accuracies" in run.written
    assert re.search(r"\d+ of \d+ steps, 20 of 20 cells in ", shapes(run.written))
    assert run.written.rindex("\x1b[?25h") > run.written.rindex("\x1b[?25l")
