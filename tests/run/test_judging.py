"""A whole study whose benchmark is for a jury: scores, votes, ledger, agreement, kept votes."""

import json

import pytest

pytest.importorskip("transformers", reason="training needs the [train] extra")
pytest.importorskip("aiohttp", reason="judges need the [generate] extra")

from isothink import api
from isothink.procedural.tasks import TASKS
from isothink.run.judging import agreement
from isothink.run.workspace import Workspace
from isothink.store.run_folder import RunFolder

from ..backends.chat_server import ChatServer
from .tiny import isothink, write_tiny

BENCHMARK = """
schema_version: 1
name: open
family: open-family
rows: {kind: file, path: rows.jsonl}
prompt: "{question}"
reference: {column: answer}
answer_format: jury
"""
STUDENT = """[{name: small, architecture: {model_type: qwen3, hidden_size: 32, num_hidden_layers: 1,
  intermediate_size: 64, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 16, tie_word_embeddings: true,
  max_position_embeddings: 64}}]"""
SMALL = ("arms=[ift]", "seeds={default: 1}", "budgets.training_flops=[1.5e+9]", f"students={STUDENT}")
VERDICTS = ("Yes.\nVERDICT: CORRECT", "No.\nVERDICT: INCORRECT", "Yes.\nVERDICT: CORRECT")


def jury_of(servers):
    judges = [
        {
            "name": f"judge-{number}",
            "base_urls": [server.url],
            "model": "judge",
            "api_key_variable": "JUDGE_KEY",
            "architecture": "Qwen/Qwen2.5-7B",
        }
        for number, server in enumerate(servers)
    ]
    return f"evaluation.jury={json.dumps({'judges': judges})}"


@pytest.fixture(scope="module")
def servers():
    running = [ChatServer(script={"message": {"content": verdict}}).start() for verdict in VERDICTS]
    yield running
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def overrides(servers):
    return (*SMALL, "evaluation.tasks=[open.yaml]", jury_of(servers))


@pytest.fixture(scope="module")
def judged(servers, overrides, tmp_path_factory):
    """The folder of a finished run, after one without the judges' key had been refused."""
    here = tmp_path_factory.mktemp("judged")
    write_tiny(here)
    (here / "open.yaml").write_text(BENCHMARK, encoding="utf-8")
    questions = TASKS["largest"].questions(split="test", limit=8, seed=1)
    rows = [{"question": question.prompt, "answer": "A"} for question in questions]
    (here / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JUDGE_KEY", raising=False)
        refused = isothink("run", "tiny.yaml", *overrides, cwd=here)
        assert refused.returncode == 2 and "evaluation.jury.judges[0].api_key_variable" in refused.stderr
        assert not (here / "runs").exists(), "nothing was done before the key was missed"
        patch.setenv("JUDGE_KEY", "sk-geheim-99")
        done = isothink("run", "tiny.yaml", "--json", *overrides, cwd=here)
        assert done.returncode == 0, done.stderr
    return here


def samples(run):
    return api.sql(run, "SELECT * FROM samples ORDER BY item")


def test_answers_that_ended_have_votes_and_the_others_are_wrong(judged, servers):
    found = samples(judged / "runs" / "tiny")
    assert len(found) == 8 and {row["scorer"] for row in found} == {"jury"}
    asked = [row for row in found if row["votes"] is not None]
    assert asked, "no answer ended: the test shows nothing"
    for row in asked:
        assert [vote["verdict"] for vote in json.loads(row["votes"])] == ["correct", "incorrect", "correct"]
        assert (row["score"], row["stop_reason"], row["error"]) == (1.0, "end", None)
    assert all(row["score"] == 0.0 for row in found if row["votes"] is None)
    distinct = {(row["prompt"], row["text"]) for row in asked}
    assert [server.tally.requests for server in servers] == [len(distinct)] * 3


def test_the_ledger_and_the_manifests_have_the_jury(judged):
    run = judged / "runs" / "tiny"
    rows = api.sql(run, "SELECT * FROM ledger WHERE phase = 'judging'")
    assert len(rows) == 1 and all(row["flops"] > 0 and row["tokens"] > 0 for row in rows)
    manifests = [json.loads(path.read_text()) for path in (run / "samples").glob("*/manifest.json")]
    total = agreement(Workspace(RunFolder(run)))
    assert total.answers == sum(manifest["jury"]["answers"] for manifest in manifests) > 0
    assert total.judges == ("judge-0", "judge-1", "judge-2") and total.unanimous == 0.0
    assert [pair.agreement for pair in total.pairs] == [0.0, 1.0, 0.0]


def test_no_file_holds_the_key(judged):
    files = [path for path in judged.rglob("*") if path.is_file()]
    assert not [path for path in files if b"geheim" in path.read_bytes()]


def test_votes_stay_in_the_run_folder_for_whoever_needs_them_next(judged, servers):
    """That they are found there is tested in backends/test_openai_judge.py."""
    run = judged / "runs" / "tiny"
    journals = sorted((run / "votes").glob("*/*.jsonl"))
    votes = [[json.loads(line) for line in path.read_text().splitlines()] for path in journals]
    steps = {path.parent.name for path in (run / "samples").glob("*/manifest.json")}
    assert [sum("key" in row for row in rows) for rows in votes] == [servers[0].tally.requests] * 3
    assert {row["step"] for rows in votes for row in rows if "key" in row} == steps


def test_a_study_without_the_jury_that_it_needs_is_refused(judged):
    refused = isothink("run", "tiny.yaml", *SMALL, "evaluation.tasks=[open.yaml]", "output=elsewhere", cwd=judged)
    assert refused.returncode == 2
    assert "evaluation.jury: found none, and the answers of open are for a jury" in refused.stderr
