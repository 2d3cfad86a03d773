"""What interrupted attempts had spent is counted once, however they ended."""

import json
from errno import ENOSPC
from io import FileIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isothink.store import attempts
from isothink.store.attempts import Attempt, wasted


def note(path, name, *totals):
    with Attempt(path, name) as attempt:
        for flops in totals:
            attempt.note(float(flops), int(flops) // 10, flops / 100)


def test_no_attempt_no_waste(tmp_path):
    assert wasted(tmp_path / "none.jsonl", "step", finished=None) is None
    note(tmp_path / "silent.jsonl", "a")
    assert wasted(tmp_path / "silent.jsonl", "step", finished=None) is None


def test_the_last_totals_of_each_lost_attempt_add_up(tmp_path):
    path = tmp_path / "logs" / "step.jsonl"
    note(path, "first", 10, 20, 30)
    note(path, "second", 50)
    note(path, "third", 10, 1000)
    row = wasted(path, "step", finished="third")
    assert (row.phase, row.step, row.flops, row.tokens, row.seconds) == ("waste", "step", 80.0, 8, 0.8)
    assert row.hardware_flops is None
    assert wasted(path, "step", finished=None).flops == 1080


def test_a_step_that_ended_at_the_first_attempt_wasted_nothing(tmp_path):
    note(tmp_path / "a.jsonl", "only", 10, 20)
    assert wasted(tmp_path / "a.jsonl", "step", finished="only") is None


def test_wherever_a_kill_tears_the_last_line_the_lines_before_and_after_count(tmp_path):
    whole = tmp_path / "whole.jsonl"
    note(whole, "first", 10, 20)
    data = whole.read_bytes()
    first_line = data.index(b"\n") + 1
    for length in range(first_line, len(data)):
        path = tmp_path / f"torn{length}.jsonl"
        path.write_bytes(data[:length])
        assert wasted(path, "step", finished=None).flops == 10
        note(path, "second", 500)
        after = wasted(path, "step", finished=None).flops
        assert after == (520 if length == len(data) - 1 else 510), "a line whose only loss is its end is whole again"


def test_what_was_not_yet_written_is_noted_when_the_attempt_fails(tmp_path):
    path = tmp_path / "short.jsonl"
    with pytest.raises(ArithmeticError), Attempt(path, "a") as attempt:
        assert not attempt.spent(7.0, 3)
        raise ArithmeticError
    assert wasted(path, "step", finished=None).flops == 7
    with Attempt(tmp_path / "whole.jsonl", "a") as attempt:
        attempt.spent(7.0, 3)
    assert not (tmp_path / "whole.jsonl").exists(), "what finished is in the ledger"


def test_a_full_disk_costs_a_row_and_the_next_one_holds_it_all(tmp_path, monkeypatch):
    class Full(FileIO):
        left = 20

        def write(self, data):
            if len(data) > self.left:
                super().write(data[: self.left])
                raise OSError(ENOSPC, "No space left on device")
            return super().write(data)

    path = tmp_path / "a.jsonl"
    path.touch()
    with Attempt(path, "first") as attempt:
        attempt.note(10.0, 1, 0.1)
        attempt._file = Full(path, "a")
        attempt.note(20.0, 2, 0.2)
        assert wasted(path, "step", finished=None).flops == 10
        attempt.note(30.0, 3, 0.3)
    assert wasted(path, "step", finished=None).flops == 30


@given(st.binary(max_size=200))
def test_whatever_lies_in_the_file_does_not_stop_the_run(tmp_path_factory, noise):
    path = tmp_path_factory.getbasetemp() / "noise.jsonl"
    path.write_bytes(noise)
    note(path, "real", 40)
    assert wasted(path, "step", finished=None).flops == 40


def test_it_writes_now_and_then_and_says_so(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    clock = iter([0.0, 0.1, 0.4, 0.6, 0.7, 1.2])
    monkeypatch.setattr(attempts.time, "perf_counter", lambda: next(clock))
    with Attempt(path, "a") as attempt:
        written = [attempt.spent(float(flops), 0) for flops in range(5)]
    assert written == [False, False, True, False, True]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["flops"], row["seconds"]) for row in rows] == [(2.0, 0.6), (4.0, 1.2)]


def test_what_was_noted_is_on_file_before_the_attempt_ends(tmp_path):
    path = tmp_path / "a.jsonl"
    with Attempt(path, "a") as attempt:
        attempt.note(7.0, 1, 0.5)
        assert wasted(path, "step", finished=None).flops == pytest.approx(7)
