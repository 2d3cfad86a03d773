"""Logs of lm-eval and Inspect, real ones: what is read of them, which facts they lack, what is wrong with them."""

import json
import shutil
import struct
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from isothink import api
from isothink.errors import UsageError

LOGS = Path(__file__).parent / "logs_of_others"
LM_EVAL = LOGS / "lm_eval"
"""Written by lm-eval 0.4.13 itself for a model of fixed answers, its results file shortened."""
INSPECT = LOGS / "inspect" / "toy_sums.eval"
"""Written by inspect-ai 0.3.285 itself with its mockllm model, packed with Zstandard."""
FACTS = {"arm": "ift", "parameters": 1e6, "training_flops": 1e15}
CELLS = "model,student,arm,parameters,training_flops\n"


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def samples(run, order="benchmark, item, repeat"):
    return api.sql(run, f"SELECT * FROM samples ORDER BY {order}")


def unpacked(path):
    """A log's members as JSON, unpacked independently of the package."""
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for entry in archive.infolist():
            file.seek(entry.header_offset)
            file.seek(sum(struct.unpack("<HH", file.read(30)[26:30])), 1)
            codec = pa.Codec("zstd")
            content = codec.decompress(file.read(entry.compress_size), decompressed_size=entry.file_size)
            found[entry.filename] = json.loads(content.to_pybytes())
    return found


def lm_eval(run, folder=LM_EVAL, **changes):
    return api.import_results(folder, into=run, kind="lm-eval", **{"facts": FACTS, **changes})


def inspect(run, log=INSPECT, **changes):
    return api.import_results(log, into=run, kind="inspect", **{"facts": FACTS, **changes})


def test_lm_eval_samples_are_read_as_lm_eval_scored_them(run):
    result = lm_eval(run)
    assert {part.benchmark: part.accuracy for part in result.parts} == {"toy_gen": 1.0, "toy_mc": 0.5}
    assert result.notes == (
        "toy_gen: scores are exact_match, of the filter 'strict'",
        "toy_mc: scores are acc, of the filter 'none'",
    )
    assert {part.cell.student for part in result.parts} == {"fixed-model"}
    rows = samples(run)
    assert [row["item"] for row in rows] == [str(number) for number in range(6)] * 2
    assert rows[1]["text"] == "2" and rows[1]["reference"] == "2" and rows[1]["prompt"] == "aa"
    assert rows[6]["text"] == " no"  # the likelier of two continuations
    assert any("estimated from the texts" in text for text in result.caveats)


def test_the_metric_and_the_filter_can_be_named(run):
    result = lm_eval(run, folder=next(LM_EVAL.rglob("samples_toy_mc*")), metric="acc_norm")
    assert result.parts[0].accuracy == 0.5
    loose = lm_eval(run, folder=next(LM_EVAL.rglob("samples_toy_gen*")), metric="exact_match,loose")
    assert "filter 'loose'" in loose.notes[0]
    with pytest.raises(UsageError, match="metric 'f1': allowed are 'acc', 'acc_norm'"):
        lm_eval(run, folder=next(LM_EVAL.rglob("samples_toy_mc*")), metric="f1")
    with pytest.raises(UsageError, match="filter 'none': allowed are 'strict', 'loose'"):
        lm_eval(run, folder=next(LM_EVAL.rglob("samples_toy_gen*")), metric="exact_match,none")


def test_a_missing_fact_is_named_with_how_to_give_it(run, tmp_path):
    with pytest.raises(UsageError, match="training_flops is missing") as caught:
        lm_eval(run, facts={"arm": "ift", "parameters": 1e6})
    assert "--training-flops" in caught.value.hint and "--cells" in caught.value.hint
    table = tmp_path / "cells.csv"
    table.write_text(CELLS + "another,s,ift,1,1\n")
    with pytest.raises(UsageError, match="model 'fixed-model' is not in the table of cells, which has 'another'"):
        lm_eval(run, facts={}, cells=table)
    table.write_text(CELLS.replace("arm", "amr") + "fixed-model,s,ift,1,1\n")
    with pytest.raises(UsageError, match="column 'amr': allowed are student, arm"):
        lm_eval(run, facts={}, cells=table)
    table.write_text(CELLS + "fixed-model,s,reasoning,5e9,0\n")
    part = lm_eval(run, facts={}, cells=table).parts[0]
    assert (part.cell.student, part.cell.arm, part.cell.parameters) == ("s", "reasoning", 5 * 10**9)


def test_a_published_shape_gives_exact_costs_and_parameters(run, tmp_path):
    facts = {"arm": "ift", "training_flops": 0}
    part = inspect(run, facts={**facts, "shape": "Qwen/Qwen2.5-7B"}).parts[0]
    assert part.inference == "architecture" and part.cell.parameters == 7_615_616_512
    with pytest.raises(UsageError, match="shape: found 'tiny-1b', allowed are those that the FLOPs registry knows"):
        inspect(run, facts={**facts, "seed": 1, "shape": "tiny-1b"})
    table = tmp_path / "cells.csv"
    table.write_text("model,student,arm,seed,training_flops,shape\nmockllm/model,x,ift,2,1e20,Qwen/Qwen2.5-7B\n")
    assert inspect(run, facts={}, cells=table).parts[0].cell.model == "Qwen/Qwen2.5-7B"

    def named(log):
        log["eval"]["model"] = "hf/Qwen/Qwen2.5-7B"

    log = as_json(tmp_path / "named.json", named)
    table.write_text("model,student,arm,seed,training_flops\nhf/Qwen/Qwen2.5-7B,x,ift,3,1e20\n")
    assert inspect(run, log=log, facts={}, cells=table).parts[0].cell.model == "Qwen/Qwen2.5-7B"


def test_another_document_under_the_same_id_is_refused(run, tmp_path):
    lm_eval(run)
    other = tmp_path / "other"
    shutil.copytree(LM_EVAL, other)
    path = next(other.rglob("samples_toy_gen*"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["doc_hash"] = "0" * 64 if line["doc_id"] == 3 else line["doc_hash"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UsageError, match="item '3' of 'toy_gen' is another question than in import"):
        lm_eval(run, folder=other, facts={**FACTS, "student": "other"})
    assert lm_eval(run, facts={**FACTS, "student": "other"}).present == 0


def test_wrong_folders_are_one_line(run, tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        lm_eval(run, folder=tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"found no samples_TASK_DATE\.jsonl"):
        lm_eval(run, folder=tmp_path)
    path = tmp_path / "samples_t_2026-01-01T00-00-00.jsonl"
    path.write_text('{"doc_id": 0}\n')
    with pytest.raises(UsageError, match="found no doc_id and metrics"):
        lm_eval(run, folder=tmp_path)
    line = {"doc_id": 0, "metrics": ["acc"], "acc": 3, "filter": "none", "resps": [["x"]], "arguments": []}
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(UsageError, match="acc: found '3', allowed are 0 to 1"):
        lm_eval(run, folder=tmp_path)
    path.write_text(json.dumps({**line, "metrics": ["word_perplexity", "byte_perplexity"]}) + "\n")
    with pytest.raises(UsageError, match="none of which counts by itself") as caught:
        lm_eval(run, folder=tmp_path)
    assert "--metric" in caught.value.hint


def test_a_study_comes_back_from_its_own_export_as_it_went_out(finished, tmp_path, run):
    pytest.importorskip("transformers")
    api.export(finished[1], format="lm-eval", into=tmp_path / "export")
    api.import_results(tmp_path / "export", into=run, kind="lm-eval")
    facts = "SELECT student, arm, seed, parameters, training_flops, budget_flops FROM cells WHERE status = 'complete'"
    assert api.sql(run, f"{facts} ORDER BY ALL") == api.sql(finished[1], f"{facts} ORDER BY ALL")
    columns = "item, benchmark, family, score, repeat, think_state, stop_reason, trace_tokens, answer_tokens, text"
    query = f"SELECT {columns}, inference_flops, student, arm, seed FROM samples JOIN cells USING (cell) ORDER BY ALL"
    assert api.sql(run, query) == api.sql(finished[1], query)
    ours, theirs = api.analyze(run), api.analyze(finished[1])
    assert set(ours.families) == set(theirs.families)
    expected = {(one.student, one.arm, one.budget_flops, one.family): one.accuracy for one in theirs.configurations}
    assert {(o.student, o.arm, o.budget_flops, o.family): o.accuracy for o in ours.configurations} == expected
    once = {(one.student, one.arm, one.budget_flops): one.fixed_flops for one in theirs.configurations}
    assert {(o.student, o.arm, o.budget_flops): o.fixed_flops for o in ours.configurations} == once


def test_what_an_option_says_counts_before_the_export(finished, tmp_path, run):
    api.export(finished[1], format="lm-eval", into=tmp_path / "export")
    one = next(path for path in (tmp_path / "export").iterdir() if path.is_dir())
    result = api.import_results(one, into=run, kind="lm-eval", facts={"student": "mine", "training_flops": 7.0})
    assert {(part.cell.student, part.cell.training_flops) for part in result.parts} == {("mine", 7.0)}
    assert {str(part.cell.arm) for part in result.parts} < {"ift", "reasoning", "sequential(0.5)"}


def test_inspect_logs_are_read_as_inspect_scored_them(run):
    result = inspect(run)
    [part] = result.parts
    truth = unpacked(INSPECT)
    [metric] = [score for score in truth["header.json"]["results"]["scores"] if score["name"] == "match"]
    assert part.accuracy == pytest.approx(metric["metrics"]["accuracy"]["value"])
    assert (part.cell.student, part.benchmark, part.items, part.samples) == ("model", "toy_sums", 3, 6)
    for row in samples(run):
        sample = truth[f"samples/{row['item']}_epoch_{row['repeat'] + 1}.json"]
        usage = sample["model_usage"]["mockllm/model"]
        assert row["prompt_tokens"] == usage["input_tokens"]
        assert row["trace_tokens"] + row["answer_tokens"] == usage["output_tokens"]
        assert row["score"] == float(sample["scores"]["match"]["value"] == "C")
        assert row["text"] == sample["output"]["completion"] and row["prompt"] == sample["input"]
        if usage.get("reasoning_tokens"):
            assert row["trace_tokens"] == usage["reasoning_tokens"] and row["think_state"] == "closed"
    assert {row["stop_reason"] for row in samples(run)} == {"end", "length"}
    assert inspect(run, metric="includes", facts={**FACTS, "seed": 1}).notes[0].endswith("'includes'")
    with pytest.raises(UsageError, match="scorer 'f1': allowed are 'includes', 'match'"):
        inspect(run, metric="f1", facts={**FACTS, "seed": 2})


def as_json(path, changes):
    """The same log as Inspect writes it with --log-format json, changed."""
    members = unpacked(INSPECT)
    log = {**members["header.json"], "samples": [members[name] for name in sorted(members) if "samples/" in name]}
    changes(log)
    path.write_text(json.dumps(log), encoding="utf-8")
    return path


def test_both_forms_of_a_log_are_one_import(run, tmp_path):
    inspect(run)
    log = as_json(tmp_path / "log.json", lambda log: None)
    again = inspect(run, log=log)
    assert again.id is None and again.present == 1
    with zipfile.ZipFile(tmp_path / "older.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in unpacked(INSPECT).items():
            archive.writestr(name, json.dumps(content))
    assert inspect(run, log=tmp_path / "older.eval").id is None


def test_scores_of_every_kind_and_errors_of_single_samples(run, tmp_path):
    values = ["C", "C", "P", 0.25, True, "N"]

    def changed(log):
        for sample, value in zip(log["samples"], values, strict=True):
            sample["scores"]["match"]["value"] = value
        log["samples"][1] |= {"error": {"message": "connection lost\nsecond line"}, "scores": {}, "output": {}}
        log["status"] = "error"

    result = inspect(run, log=as_json(tmp_path / "log.json", changed))
    rows = samples(run, order="item, repeat")
    assert rows[4]["stop_reason"] == "length"  # cut off, so that it counts as wrong whatever its tool says
    assert [row["score"] for row in rows] == [1.0, None, 0.5, 0.25, 0.0, 0.0]
    assert rows[1]["error"] == "connection lost" and rows[1]["stop_reason"] == "failed"
    assert result.parts[0].unscored == 1
    assert any("status is 'error'" in note for note in result.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"item,score\n1,1", r"found 'item,score.*1,1' and no JSON, allowed is a log of Inspect: an .eval file"),
        (b"{", "found '{' and no JSON"),
        (b"[]", "found JSON that is no mapping"),
        (b"{}", "found no sample"),
        (b"PK\x05\x06" + b"\0" * 18, "found a zip file without header.json"),
        (INSPECT.read_bytes()[:3000] + b"\0" * 500 + INSPECT.read_bytes()[3500:], "cannot be unpacked|no JSON"),
    ],
)
def test_wrong_logs_are_one_line(run, tmp_path, content, message):
    path = tmp_path / "log.eval"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        inspect(run, log=path)
    assert "\n" not in caught.value.message
    assert not (run / "imports").exists()


def test_a_member_that_unpacks_into_more_than_it_says_is_refused(run, tmp_path):
    bomb = pa.Codec("zstd").compress(b"0" * 10**8, asbytes=True)
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", bomb)
    raw = bytearray(path.read_bytes())
    central = raw.rindex(b"PK\x01\x02")
    raw[central + 10 : central + 12] = struct.pack("<H", 93)
    path.write_bytes(bytes(raw))
    with pytest.raises(UsageError, match="cannot be unpacked"):
        inspect(run, log=path)
