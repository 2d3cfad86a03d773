"""Pairs from a real HTTP server: each question is paid once, whatever happens; what goes wrong is said and stored."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from isothink import api
from isothink.cli.main import main
from isothink.errors import StepError, StudyError, UsageError
from isothink.run import backends

from ..backends.chat_server import ChatServer
from .pair_study import PROMPTS, write_prompts, write_study
from .tiny import isothink

KEY = "sk-very-secret-Key/42"


@pytest.fixture
def server():
    with ChatServer() as running:
        yield running


def generate(path, **options):
    """Makes the pairs in this process's workers."""
    study = api.load_pair_study(path, [f"output={path.parent / 'run'}"])
    return api.generate(study, **options)


def pairs_of(result):
    (file,) = result.run.glob("pairs/*/pairs.parquet")
    return pq.read_table(file).to_pylist()


def dropped_of(result):
    (file,) = result.run.glob("pairs/*/dropped.parquet")
    return pq.read_table(file).to_pylist()


def every(count, prompts=PROMPTS):
    return {(prompt, mode): count for prompt in prompts for mode in ("off", "on")}


def test_every_prompt_is_asked_once_in_each_mode_and_becomes_a_pair(tmp_path, server):
    write_prompts(tmp_path)
    result = generate(write_study(tmp_path, server.url))
    assert server.counts() == every(1)
    rows = pairs_of(result)
    assert [row["prompt"] for row in rows] == PROMPTS
    first = rows[0]
    assert first["ift_answer"] == "The answer to 'What is 0 plus 0?'."
    assert first["trace"] == "Let me think about 'What is 0 plus 0?'."
    assert json.loads(first["on_message"])["reasoning_content"] == first["trace"]
    assert (first["off_think_state"], first["on_think_state"]) == ("none", "closed")
    assert first["off_finish_reason"] == "stop" and first["off_model"] == "test-model"
    assert first["off_prompt_tokens"] == 5 and first["off_output_tokens"] > 0
    assert json.loads(first["sampling"])["on"]["temperature"] == 0.6
    assert first["on_latency_seconds"] > 0 and first["on_attempts"] == 1
    (bodies,) = {json.dumps({**asked.body, "messages": 0, "chat_template_kwargs": 0}) for asked in server.requests}
    assert '"temperature": 0.6' in bodies
    assert result.pairs.toggle["on"]["request"] == {"chat_template_kwargs": {"enable_thinking": True}}
    assert [item.place for item in result.pairs.differences] == ["chat_template_kwargs.enable_thinking"]


LIBRARIES = {
    "aiohttp": ({}, "generate"),
    "tenacity": ({}, "generate"),
    "math_verify": ({"rows": {"reference": "answer"}, "answer_format": "math"}, "generate"),
}


@pytest.mark.parametrize("missing", LIBRARIES)
def test_a_missing_library_is_one_line_before_anything_starts(missing, tmp_path, server, monkeypatch, capsys):
    changes, extra = LIBRARIES[missing]
    write_prompts(tmp_path, answer=["1"] * len(PROMPTS))
    path = write_study(tmp_path, server.url, **changes)
    monkeypatch.setattr(backends, "find_spec", lambda name: None if name == missing else object())
    monkeypatch.setattr(sys, "argv", ["isothink", "generate", str(path), f"output={tmp_path / 'run'}"])
    with pytest.raises(SystemExit) as ending:
        main()
    lines = capsys.readouterr().err.splitlines()
    assert ending.value.code == 2
    assert len(lines) == 2 and lines[0].startswith("error: ") and missing.replace("_", "-") in lines[0]
    assert lines[1] == f"hint: pip install 'isothink[{extra}]'"
    assert not (tmp_path / "run").exists() and server.counts() == {}


def test_pairs_that_are_there_need_no_library(tmp_path, server, monkeypatch):
    write_prompts(tmp_path)
    path = write_study(tmp_path, server.url)
    first = generate(path)
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert generate(path).skipped == first.completed


def test_the_same_command_again_asks_nothing(tmp_path, server):
    write_prompts(tmp_path)
    path = write_study(tmp_path, server.url)
    first = generate(path)
    again = generate(path)
    assert again.completed == () and again.skipped == first.completed
    assert server.counts() == every(1) and again.pairs == first.pairs


def test_reordered_longer_and_repeated_prompt_files_ask_only_what_is_new(tmp_path, server):
    write_prompts(tmp_path, PROMPTS[:10])
    path = write_study(tmp_path, server.url)
    generate(path)
    write_prompts(tmp_path, [*PROMPTS[19:4:-1], *PROMPTS[:3], PROMPTS[7]])
    result = generate(path)
    assert server.counts() == every(1, PROMPTS[:20])
    made = pq.read_table(result.run / "pairs" / result.completed[0] / "pairs.parquet")
    assert made["prompt"].to_pylist() == [*PROMPTS[19:4:-1], *PROMPTS[:3]]
    assert result.pairs.prompts_read == 19 and result.pairs.pairs == 18
    assert [(count.reason, count.pairs) for count in result.pairs.dropped] == [("duplicate_prompt", 1)]


def test_other_filters_servers_and_concurrency_ask_nothing_but_another_temperature_does(tmp_path, server):
    write_prompts(tmp_path)
    generate(write_study(tmp_path, server.url))
    generate(write_study(tmp_path, server.url, filters={"on_length": "keep"}))
    with ChatServer() as other:
        requests = {"concurrency": 9, "attempts": 1}
        generate(write_study(tmp_path, other.url, teacher={"requests": requests}, filters={"keep": "both_correct"}))
        assert other.counts() == {}
    assert server.counts() == every(1)
    generate(write_study(tmp_path, server.url, teacher={"sampling": {"max_tokens": 100, "temperature": 1.0}}))
    assert server.counts() == every(2)


def start(path, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "isothink.cli.main", "generate", str(path), f"output={path.parent / 'run'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=path.parent,
        **options,
    )


def journalled(folder):
    """The questions whose replies lie in whole lines."""
    keys = set()
    for file in folder.glob("run/replies/*/*.jsonl"):
        for line in file.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            if "key" in row:
                keys.add(row["key"])
    return keys


def test_kill_nine_at_any_moment_asks_again_what_was_in_flight_and_nothing_else(tmp_path):
    prompts = [f"Question {number}" for number in range(60)]
    write_prompts(tmp_path, prompts)
    kills, concurrency = 0, 4
    with ChatServer(delay=0.05) as server:
        path = write_study(tmp_path, server.url)
        for asked_before in (9, 30, 55, 80, 101):
            process = start(path)
            while sum(server.counts().values()) < asked_before + kills * concurrency and process.poll() is None:
                time.sleep(0.005)
            safe = len(journalled(tmp_path))
            process.kill()
            process.wait()
            kills += 1
            time.sleep(0.3)  # the worker sees the end of its input
            assert len(journalled(tmp_path)) >= safe
        assert 0 < len(journalled(tmp_path)) < 120, "the kills came too early or too late to mean anything"
        asked = server.counts()
        safe = len(journalled(tmp_path))
        result = generate(path)
        again = sum(server.counts().values()) - sum(asked.values())
    assert again == 120 - safe
    assert sum(server.counts().values()) <= 120 + kills * concurrency
    assert [row["prompt"] for row in pairs_of(result)] == prompts
    assert (result.pairs.off.replies, result.pairs.on.replies) == (60, 60)


@pytest.mark.parametrize(("toggle", "fault"), [("always", "reasons with reasoning off"), ("never", "does not reason")])
def test_a_toggle_that_is_ignored_stops_after_the_probes_with_both_replies(tmp_path, toggle, fault):
    write_prompts(tmp_path)
    with ChatServer(toggle=toggle) as server:
        path = write_study(tmp_path, server.url)
        done = isothink("generate", str(path), cwd=tmp_path)
        assert done.returncode == 1
        error = next(line for line in done.stderr.splitlines() if line.startswith("error:"))
        assert fault in error and error.count("The answer to") >= 2
        assert len(server.counts()) == 16


def test_a_server_that_was_repaired_after_the_probes_is_probed_anew(tmp_path):
    write_prompts(tmp_path)
    with ChatServer(toggle="never") as server:
        path = write_study(tmp_path, server.url)
        with pytest.raises(StepError, match="does not reason"):
            generate(path)
        server.settings.toggle = "works"
        assert generate(path).pairs.pairs == len(PROMPTS)
        probed = {question for question, count in server.counts().items() if count == 2}
    assert len(probed) == 16 and server.counts() == {**every(1), **dict.fromkeys(probed, 2)}


def test_an_answer_in_the_reasoning_field_is_merged_and_said(tmp_path):
    write_prompts(tmp_path)
    with ChatServer(toggle="merged") as server:
        result = generate(write_study(tmp_path, server.url))
    assert result.pairs.off.merged == 40 and result.pairs.pairs == 40
    assert pairs_of(result)[0]["ift_answer"].startswith("The answer")
    assert json.loads(pairs_of(result)[0]["off_message"])["content"] is None


@pytest.mark.parametrize("field", ["reasoning", "tags"])
def test_other_names_for_the_trace_give_the_same_pairs(tmp_path, server, field):
    write_prompts(tmp_path, PROMPTS[:6])
    with ChatServer(reasoning_field=field) as other:
        found = pairs_of(generate(write_study(tmp_path, other.url)))
    (tmp_path / "two").mkdir()
    write_prompts(tmp_path / "two", PROMPTS[:6])
    expected = pairs_of(generate(write_study(tmp_path / "two", server.url)))
    for name in ("id", "ift_answer", "trace", "reasoning_answer"):
        assert [row[name] for row in found] == [row[name] for row in expected]


def scripted(text, **script):
    return f"{text} server:{json.dumps(script)}"


def test_failures_are_recorded_once_and_asked_again_only_when_told_to(tmp_path, server):
    bad = scripted("bad", on={"fault": "status", "status": 500})
    passing = scripted("passing", fault="empty_choices", times=2)
    write_prompts(tmp_path, [*PROMPTS[:6], bad, passing])
    path = write_study(tmp_path, server.url)
    result = generate(path)
    assert server.counts()[bad, "on"] == 3 and server.counts()[bad, "off"] == 1
    assert server.counts()[passing, "off"] == 3
    (dropped,) = dropped_of(result)
    assert (dropped["reason"], dropped["mode"], dropped["prompt"]) == ("request_failed", "on", bad)
    assert "500" in dropped["detail"] and "3 tries" in dropped["detail"]
    assert result.pairs.pairs == 7 and result.pairs.on.failures == 1
    assert pairs_of(result)[-1]["off_attempts"] == 3

    generate(path)
    assert server.counts()[bad, "on"] == 3
    healed = generate(path, retry_failed=True)
    assert server.counts()[bad, "on"] == 6 and server.counts()[PROMPTS[0], "on"] == 1
    assert healed.pairs.on.failures == 1


def test_what_fails_while_a_server_is_ill_is_healed_by_a_retry(tmp_path):
    write_prompts(tmp_path, PROMPTS[:20])
    with ChatServer() as server:
        path = write_study(tmp_path, server.url)
        generate(path, limit=16)
        server.settings.fault = "empty_choices"
        ill = generate(path)
        assert ill.pairs.pairs == 16
        server.settings.fault = ""
        healed = generate(path, retry_failed=True)
    assert healed.pairs.pairs == 20 and not healed.pairs.dropped


def test_a_reply_that_was_cut_off_is_asked_again_with_a_higher_cap_and_both_are_paid(tmp_path, server):
    long = scripted("long", on={"choice": {"finish_reason": "length"}})
    write_prompts(tmp_path, [*PROMPTS[:5], long])
    dropped = generate(write_study(tmp_path, server.url))
    assert [(count.reason, count.mode) for count in dropped.pairs.dropped] == [("truncated", "on")]
    retried = generate(write_study(tmp_path, server.url, filters={"on_length": "retry", "retry_max_tokens": 777}))
    assert server.counts()[long, "on"] == 2 and server.counts()[long, "off"] == 1
    assert [asked.body["max_tokens"] for asked in server.requests if asked.prompt == long][-1] == 777
    assert (retried.pairs.on.retried, retried.pairs.on.replies) == (1, 6)  # it was cut off again, and is dropped
    assert retried.pairs.on.output_tokens > dropped.pairs.on.output_tokens


def test_a_pilot_asks_few_and_the_whole_set_asks_the_rest(tmp_path, server):
    write_prompts(tmp_path)
    path = write_study(
        tmp_path,
        server.url,
        teacher={
            "architecture": "Qwen/Qwen2.5-0.5B",
            "price": {"input_per_million": 1.0, "output_per_million": 10.0},
        },
    )
    done = isothink("generate", str(path), "--limit", "10", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(server.counts()) == 20
    for shown in ("10 pairs of 10 prompts by test-model, a pilot of 40", "all 40 prompts, projected", "USD", "FLOPs"):
        assert shown in done.stdout
    data = json.loads(isothink("generate", str(path), "--limit", "10", "--json", cwd=tmp_path).stdout)
    projection = data["pairs"]["projection"]
    assert projection["off"]["prompt_tokens"]["value"] == pytest.approx(200)
    assert projection["on"]["flops"]["value"] > projection["off"]["flops"]["value"] > 0
    assert projection["hours"]["value"] > 0
    assert isothink("generate", str(path), cwd=tmp_path).returncode == 0
    assert server.counts() == every(1)


def test_a_pilot_after_the_whole_set_took_its_share_of_the_time(tmp_path):
    write_prompts(tmp_path)
    with ChatServer(delay=0.05) as server:
        path = write_study(tmp_path, server.url)
        whole = generate(path)
        pilot = generate(path, limit=10)
    assert 0.2 < pilot.pairs.seconds / whole.pairs.seconds < 0.4  # ten prompts of forty


def test_verification_and_flops_are_stored_and_filters_work_on_the_pair(tmp_path, server):
    prompts = [scripted(f"p{number}", message={"content": rf"so \boxed{{{number}}}"}) for number in range(8)]
    references = [str(number if number % 2 else number + 1) for number in range(8)]
    write_prompts(tmp_path, prompts, reference=references)
    options = {
        "rows": {"reference": "reference"},
        "answer_format": "math",
        "teacher": {"architecture": "Qwen/Qwen2.5-0.5B"},
    }
    result = generate(write_study(tmp_path, server.url, **options))
    assert [row["off_correct"] for row in pairs_of(result)] == [False, True] * 4
    assert (result.pairs.off.checked, result.pairs.off.correct, result.pairs.pairs) == (8, 4, 8)
    assert sum(row["on_flops"] for row in pairs_of(result)) == pytest.approx(result.pairs.on.flops)
    (ledger,) = json.loads((result.run / "pairs" / result.completed[0] / "manifest.json").read_text())["ledger"]
    assert ledger["flops"] == pytest.approx(result.pairs.on.flops + result.pairs.off.flops)
    strict = generate(write_study(tmp_path, server.url, filters={"keep": "both_correct"}, **options))
    assert strict.pairs.pairs == 4
    assert [(count.reason, count.mode, count.pairs) for count in strict.pairs.dropped] == [("wrong_answer", "both", 4)]
    assert server.counts() == every(1, prompts)


def test_prompts_known_from_a_benchmark_are_never_asked_and_the_match_is_shown(tmp_path, server):
    leak = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."
    write_prompts(tmp_path, [*PROMPTS[:5], f"Please solve this: {leak.upper()} How many?"])
    write_prompts(tmp_path, [f"{leak} How many clips did she sell altogether?"], name="test.jsonl")
    against = [{"kind": "file", "path": "test.jsonl"}]
    result = generate(write_study(tmp_path, server.url, filters={"decontamination": {"against": against}}))
    assert server.counts() == every(1, PROMPTS[:5])
    (dropped,) = dropped_of(result)
    assert dropped["reason"] == "contaminated" and "NATALIA SOLD CLIPS" in dropped["detail"]
    assert "test row 1" in dropped["detail"]


def test_the_key_comes_from_the_environment_and_is_in_no_artifact(tmp_path, monkeypatch):
    echo = scripted("echo", echo=True)
    failing = scripted("failing", echo=True, fault="not_json")
    write_prompts(tmp_path, [*PROMPTS[:5], echo, failing])
    with ChatServer(api_key=KEY) as server:
        path = write_study(tmp_path, server.url, teacher={"api_key_variable": "TEACHER_KEY"})
        monkeypatch.delenv("TEACHER_KEY", raising=False)
        missing = isothink("generate", str(path), cwd=tmp_path)
        assert missing.returncode == 2 and "TEACHER_KEY" in missing.stderr
        monkeypatch.setenv("TEACHER_KEY", "sk-not-the-right-one")
        wrong = isothink("generate", str(path), cwd=tmp_path)
        assert wrong.returncode == 1 and "401" in wrong.stderr and "not-the-right" not in wrong.stderr
        monkeypatch.setenv("TEACHER_KEY", KEY)
        done = isothink("generate", str(path), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert isothink("export", "runs/pairs", "--format", "messages", cwd=tmp_path).returncode == 0
    for text in (missing.stderr, wrong.stderr, done.stdout, done.stderr):
        assert KEY not in text and "sk-" not in text
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".jsonl" and "replies" in str(file) for file in files)
    for file in files:
        data = file.read_bytes()
        assert b"very-secret" not in data and b"not-the-right" not in data, file
    texts = [
        row["on_message"] for row in pq.read_table(next(tmp_path.glob("runs/*/pairs/*/pairs.parquet"))).to_pylist()
    ]
    assert any("redacted" in text for text in texts) and not any("very-secret" in text for text in texts)


def test_a_server_that_dies_and_returns_costs_no_pair(tmp_path):
    write_prompts(tmp_path)
    server = ChatServer(delay=0.05).start()
    path = write_study(tmp_path, server.url)
    process = start(path)
    while sum(server.counts().values()) < 30:
        time.sleep(0.01)
    server.stop()
    time.sleep(0.7)
    server.start()
    output, _ = process.communicate(timeout=60)
    server.stop()
    assert process.returncode == 0, output
    assert "40 pairs of 40 prompts" in output
    assert sum(server.counts().values()) <= 80 + 4


def test_passing_faults_of_all_kinds_cost_tries_and_no_pair(tmp_path):
    write_prompts(tmp_path)
    with ChatServer(fault_every=5) as server:
        result = generate(write_study(tmp_path, server.url, teacher={"requests": {"concurrency": 3, "attempts": 8}}))
    assert result.pairs.pairs == 40 and not result.pairs.dropped
    assert 80 < sum(server.counts().values()) <= 110


def limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


def test_a_full_disk_stops_cleanly_and_what_is_finished_is_not_asked_again(tmp_path):
    prompts = [scripted(f"p{number}", message={"content": "long " * 300}) for number in range(40)]
    write_prompts(tmp_path, prompts)
    with ChatServer() as server:
        path = write_study(tmp_path, server.url)
        process = start(path, preexec_fn=limit_file_size)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert re.search(r"error: .*cannot be written: File too large; the \d+ replies before are kept", output), output
        safe = journalled(tmp_path)
        assert 5 < len(safe) < 80
        before = sum(server.counts().values())
        result = generate(path)
        assert result.pairs.pairs == 40
        assert sum(server.counts().values()) - before == 80 - len(safe)


def test_two_modes_that_draw_differently_are_said_to_be_a_confound(tmp_path, server):
    write_prompts(tmp_path, PROMPTS[:5])
    on = {"request": {"chat_template_kwargs": {"enable_thinking": True}}, "sampling": {"temperature": 1.0}}
    path = write_study(tmp_path, server.url, teacher={"on": on})
    done = isothink("generate", str(path), cwd=tmp_path)
    assert "confound: temperature is 0.6 with reasoning off and 1.0 with reasoning on" in done.stdout
    (manifest,) = (tmp_path / "runs").glob("*/pairs/*/manifest.json")
    assert json.loads(manifest.read_text())["summary"]["sampling_differences"] == {"temperature": [0.6, 1.0]}


def test_a_penalty_in_the_request_of_one_mode_is_a_confound_and_no_toggle(tmp_path, server):
    write_prompts(tmp_path, PROMPTS[:5])
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    modes = {"off": {"request": {"logit_bias": {"5": 1}}}, "on": {"request": thinking}}
    result = generate(write_study(tmp_path, server.url, teacher=modes))
    assert result.pairs.sampling_differences == {"logit_bias": ({"5": 1}, None)}
    modes["off"]["request"].update(thinking)
    with pytest.raises(StepError, match="there is no toggle"):
        generate(write_study(tmp_path, server.url, teacher=modes))


def test_a_prompt_file_that_changed_under_a_run_folder_is_refused_and_the_study_reads_it_anew(tmp_path, server):
    write_prompts(tmp_path, PROMPTS[:5])
    path = write_study(tmp_path, server.url)
    result = generate(path, limit=4)
    write_prompts(tmp_path, PROMPTS[:7])
    with pytest.raises(StepError, match="its contents are not those of sha256"):
        api.generate(api.load_pair_study(result.run))
    assert generate(path).pairs.pairs == 7


def test_a_prompt_file_that_changes_while_it_is_asked_stops_the_command_and_no_reply_is_lost(tmp_path):
    write_prompts(tmp_path, PROMPTS[:30])
    with ChatServer(delay=0.05) as server:
        path = write_study(tmp_path, server.url)
        process = start(path)
        while sum(server.counts().values()) < 20 and process.poll() is None:
            time.sleep(0.005)
        write_prompts(tmp_path, PROMPTS[10:])
        assert "its contents are not those of sha256" in process.communicate()[0]
        before = set(server.counts())
        assert generate(path).pairs.pairs == 30
        assert all(server.counts()[question] == 1 for question in before)


def test_a_study_that_makes_pairs_only_trains_nothing(tmp_path, server):
    write_prompts(tmp_path, PROMPTS[:5])
    path = write_study(tmp_path, server.url)
    with pytest.raises(StudyError, match="makes pairs only"):
        api.load_study(path)
    result = generate(path)
    with pytest.raises(UsageError, match="makes pairs only"):
        api.report(result.run)
    assert isothink("run", str(path), cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"teacher": {"on": {"request": {"chat_template_kwargs": {"enable_thinking": False}}}}}, "off and on"),
        ({"teacher": {"base_urls": ["http://user:pass@h/v1"]}}, "without credentials"),
        ({"teacher": {"base_urls": ["ftp://h/v1"]}}, "allowed are addresses"),
        ({"teacher": {"off": {"request": {"temperature": 2}}}}, "temperature is not set here"),
        ({"prompts": "nowhere.jsonl"}, "there is no such file"),
        ({"answer_format": "math"}, "needs rows.reference"),
        ({"filters": {"on_length": "retry", "retry_max_tokens": 100}}, "found 100, allowed is more than the first"),
        ({"rows": {"layout": "pairs"}}, "allowed with teacher openai: prompts"),
        ({"rows": {"prompt": "question"}}, "found no column 'question'"),
        ({"teacher": {"api_key_variable": "NOT_THERE"}}, "NOT_THERE"),
    ],
)
def test_a_wrong_study_is_one_line_with_status_two_and_asks_nothing(tmp_path, server, change, said):
    write_prompts(tmp_path, PROMPTS[:3])
    path = write_study(tmp_path, server.url, **change)
    done = isothink("generate", str(path), cwd=tmp_path)
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("error:"))
    assert said in error
    assert server.counts() == {} and done.returncode == 2


def test_pairs_are_found_by_sql_and_export(tmp_path, server):
    write_prompts(tmp_path, [*PROMPTS[:5], ""])
    result = generate(write_study(tmp_path, server.url))
    assert api.sql(result.run, "SELECT count(*) AS n, min(on_attempts) AS tries FROM pairs") == [{"n": 5, "tries": 1}]
    assert api.sql(result.run, "SELECT reason, mode FROM dropped") == [{"reason": "empty_prompt", "mode": "neither"}]
    datasets = pytest.importorskip("datasets")
    (folder,) = {path.parent for path in api.export(result.run, format="dataset") if path.name == "README.md"}
    loaded = datasets.load_dataset(str(folder), "pairs", split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["prompt"] == PROMPTS[:5]
    assert loaded[0]["reasoning"].startswith("<think>\nLet me think about 'What is 0 plus 0?'.\n</think>")


def test_recorded_pairs_train_like_those_of_the_teacher_that_wrote_them(tmp_path):
    """Exported pairs of the symbolic teacher, read back as a data set, freeze the same corpus."""
    from .tiny import write_tiny

    path = write_tiny(tmp_path)
    made = api.run(api.load_study(path, [f"output={tmp_path / 'made'}"]), until="generate")
    (exported,) = (file for file in api.export(made.run, format="parquet") if file.suffix == ".parquet")
    recorded = api.load_study(
        path,
        [
            f"output={tmp_path / 'recorded'}",
            "teacher={backend: recorded}",
            "prompts={backend: data, sets: [{kind: file, path: '"
            + str(exported)
            + "', source: all, rows: {layout: pairs}}]}",
            "evaluation.tasks=[chain, largest]",
        ],
    )
    again = api.run(recorded, until="generate")
    assert again.pairs.pairs == made.pairs.pairs

    def tokens(result):
        (corpus,) = result.run.glob("corpus/*/")
        lengths = pq.read_table(corpus / "index.parquet").drop_columns(["pair", "source"]).to_pylist()
        return lengths, [(corpus / f"{part}.tokens").read_bytes() for part in ("prompt", "ift", "reasoning")]

    assert tokens(made)[0], "the control: there are pairs"
    assert tokens(again) == tokens(made)


def test_a_worker_of_a_killed_command_ends_by_itself(tmp_path):
    write_prompts(tmp_path)
    with ChatServer(delay=5) as server:
        process = start(write_study(tmp_path, server.url), start_new_session=True)
        while not server.counts():
            time.sleep(0.01)
        process.kill()
        process.wait()
        for _ in range(100):
            if not _group_lives(process.pid):
                break
            time.sleep(0.05)
        assert not _group_lives(process.pid)


def _group_lives(group):
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def test_nothing_of_the_machine_is_part_of_an_identity(tmp_path, server):
    write_prompts(tmp_path, PROMPTS[:4])
    one = generate(write_study(tmp_path, server.url))
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "data").mkdir()
    write_prompts(other, PROMPTS[:4]).rename(other / "data" / "prompts.jsonl")
    two = generate(write_study(other, server.url.replace("127.0.0.1", "localhost"), prompts="data/prompts.jsonl"))
    assert one.completed == two.completed
