"""A user's own pairs in place of the published lengths."""

import json
import math

import pytest

from isothink.errors import UsageError
from isothink.run.ask import published_evidence
from isothink.run.pair_lengths import pair_lengths


def lengths(path, bytes_per_token=4.0):
    return pair_lengths(path, bytes_per_token=bytes_per_token)


def counts_file(path, rows):
    path.write_text("prompt,ift,reasoning\n" + "".join(f"{p},{i},{r}\n" for p, i, r in rows), encoding="utf-8")
    return path


def cells(path):
    found = published_evidence(corpus="general", family="math-oe", budget=5e20, queries=1e6, pairs=path)
    return {one.configuration: one for one in found.configurations}, found.family_caveats["math-oe"]


def test_texts_are_measured_in_bytes(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": "what", "ift": "é" * 4, "reasoning": "x" * 40, "id": 1}, {"prompt": "a" * 12, "ift": "b" * 16}]
    rows[1]["reasoning"] = "c" * 80
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = lengths(path)
    assert (found.prompt_tokens, found.answer_tokens) == (2.0, {"ift": 3.0, "reasoning": 15.0})
    assert found.squared_tokens["reasoning"] == ((1 + 10) ** 2 + (3 + 20) ** 2) / 2
    assert found.spread["reasoning"] == pytest.approx(1 / 3)
    assert (found.in_bytes, found.rows, found.skipped) == (True, 2, 0)


def test_numbers_are_token_counts_and_digits_within_texts_are_not(tmp_path):
    found = lengths(counts_file(tmp_path / "counts.csv", [(100, 300, 2000), (300, 500, 4000)]))
    assert (found.prompt_tokens, found.answer_tokens) == (200.0, {"ift": 400.0, "reasoning": 3000.0})
    assert not found.in_bytes
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"prompt": "12", "ift": "4", "reasoning": "1234"}) + "\n", encoding="utf-8")
    assert lengths(path, 1.0).answer_tokens == {"ift": 1.0, "reasoning": 4.0}


def test_twice_the_reasoning_tokens_cost_twice_as_much_but_for_prompt_and_attention(tmp_path):
    before, _ = cells(counts_file(tmp_path / "once.csv", [(140, 435, 2591)]))
    after, _ = cells(counts_file(tmp_path / "twice.csv", [(140, 435, 5182)]))
    for size in ("0.5B", "14B"):
        ift, reasoning = f"Qwen2.5-{size}-ift", f"Qwen2.5-{size}-reasoning"
        assert after[ift].training_flops == before[ift].training_flops
        assert after[ift].inference_flops_per_query == before[ift].inference_flops_per_query
        assert after[reasoning].mean_trace_tokens == pytest.approx(2 * before[reasoning].mean_trace_tokens)
    for name in (name for name in after if name.endswith("reasoning")):  # no attention in it: tokens alone
        once, twice = (found[name].conventions["6nd"].training_flops for found in (before, after))
        assert twice / once == pytest.approx((140 + 5182) / (140 + 2591))
    ratio = after["Qwen2.5-14B-reasoning"].training_flops / before["Qwen2.5-14B-reasoning"].training_flops
    assert (140 + 5182) / (140 + 2591) < ratio < 2.1
    ratio = after["Qwen2.5-14B-reasoning"].inference_flops_per_query
    assert 2 < ratio / before["Qwen2.5-14B-reasoning"].inference_flops_per_query < 2.3
    assert after["Qwen2.5-14B-reasoning"].fixed_flops > 1.9 * before["Qwen2.5-14B-reasoning"].fixed_flops


def test_published_lengths_as_a_file_leave_tokens_per_query_as_they_are(tmp_path):
    own, caveats = cells(counts_file(tmp_path / "same.csv", [(139.5, 434.75, 2591.25)]))
    published = published_evidence(corpus="general", family="math-oe", budget=5e20, queries=1e6).configurations
    for one in published:
        assert own[one.configuration].inference_flops_per_query == pytest.approx(one.inference_flops_per_query)
        assert own[one.configuration].training_flops < one.training_flops  # one length: no spread
        assert own[one.configuration].accuracy_draws == one.accuracy_draws
    assert any("lengths are those of your 1 pairs" in text for text in caveats)


def test_farther_from_the_published_lengths_is_less_certain(tmp_path):
    def spread(reasoning):
        found, _ = cells(counts_file(tmp_path / f"{reasoning}.csv", [(140, 435, reasoning)]))
        draws = found["Qwen2.5-7B-reasoning"].inference_draws
        return math.log(max(draws) / min(draws))

    assert spread(2591) < spread(5182) < spread(20_000)


def test_rows_that_do_not_fit_are_counted_and_said(tmp_path):
    path = tmp_path / "torn.jsonl"
    good = json.dumps({"prompt": "p" * 8, "ift": "i" * 8, "reasoning": "r" * 8})
    bad = ['{"prompt": "torn', json.dumps({"prompt": "", "ift": "a", "reasoning": "b"}), json.dumps([1])]
    bad += [
        json.dumps({"prompt": "a", "ift": None, "reasoning": "b"}),
        json.dumps({"prompt": "a", "ift": {}, "reasoning": 3}),
    ]
    path.write_text("\n".join([good, *bad, good]) + "\n", encoding="utf-8")
    found = lengths(path)
    assert (found.rows, found.skipped) == (2, 5)
    assert found.first_problem.startswith("row 2:")
    _, caveats = cells(path)
    assert any("5 rows were left out" in text for text in caveats)


def test_impossible_counts_are_rows_that_do_not_fit(tmp_path):
    rows = [(100, 300, 2000), (0, 300, 2000), (100, -5, 2000), (100, "nan", 2000), (100, "inf", 1), (100, 1e300, 1)]
    found = lengths(counts_file(tmp_path / "counts.csv", [*rows, (100, "many", 2000)]))
    assert (found.rows, found.skipped) == (1, 6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "found no row"),
        ("header.csv", "prompt,ift,reasoning\n", "found no row"),
        ("columns.csv", "prompt,answer\na,b\n", "found no column 'ift', its columns are prompt, answer"),
        ("empty.jsonl", "\n\n", "found no row"),
        ("bytes.jsonl", "\udcff\udcfe\n", "found no row"),
        ("blank.jsonl", '{"prompt": "", "ift": "", "reasoning": ""}\n', "column 'prompt' is empty"),
        ("pairs.txt", "prompt", "found the ending '.txt'"),
    ],
)
def test_a_file_without_pairs_is_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError, match=message) as failed:
        lengths(path)
    assert "\n" not in failed.value.message
