"""A study that searches for its learning rates: trials first, their cost apart, the best rates for the cells."""

import json

import pytest

from isothink import api
from isothink.run.open import open_run
from isothink.run.rate_search import search_share

from .tiny import isothink, write_tiny

pytest.importorskip("transformers", reason="training needs the [train] extra")

SEARCH = (
    "arms=[ift, reasoning, sequential(0.5)]",
    "seeds={default: 1}",
    "budgets.training_flops=[4.0e+8]",
    "training.learning_rate={by: sweep, grid: [1.0e-3, 1.0e-2, 1000], budget_share: 0.5,"
    " validation: {tasks: [capital, largest], items_per_task: 6}}",
    "training.optimizer.weight_decay=20",  # times a rate of 1,000: that trial diverges
    "resources.keep=needed",
    "students=[{name: small, architecture: {model_type: qwen3, hidden_size: 16, num_hidden_layers: 1,"
    " intermediate_size: 32, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, tie_word_embeddings: true,"
    " max_position_embeddings: 64}}]",
)


def test_the_trial_with_the_best_answers_sets_the_rates_and_its_cost_is_search(tmp_path):
    write_tiny(tmp_path)
    before = json.loads(isothink("plan", "tiny.yaml", "--json", *SEARCH, cwd=tmp_path).stdout)
    assert len(before["trials"]) == 2 * 3
    assert any("not chosen yet" in note for note in before["notes"])
    done = isothink("evaluate", "tiny.yaml", "--json", *SEARCH, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    plan = json.loads((run / "plan.json").read_text())
    assert not any("not chosen yet" in note for note in plan["notes"])
    assert any("2 of 6 trials failed" in note and "1000" in note for note in plan["notes"])
    items = set()
    scores = {}
    for trial in plan["trials"]:
        place = run / "samples" / trial["samples"] / "samples.parquet"
        if place.exists():
            rows = api_rows(place)
            items |= {row["item"] for row in rows}
            key = (trial["student"], trial["format"])
            accuracy = sum(row["score"] for row in rows) / len(rows)
            scores.setdefault(key, []).append((-accuracy, trial["rate"]))
    asked = {row["item"] for row in api.sql(run, "SELECT item FROM samples")}
    assert len(items) == 12 and not items & asked
    for student in plan["students"]:
        for name in ("ift", "reasoning"):
            assert student["peak_rates"][name] == min(scores[student["name"], name])[1]
            assert f"{student['peak_rates'][name]:g} for {name}" in " ".join(plan["notes"])
    check_ledger(run, plan)
    failures = sorted((path.name, path.stat().st_mtime_ns) for path in (run / "failures").iterdir())
    assert failures
    again = isothink("evaluate", "tiny.yaml", "--json", *SEARCH, cwd=tmp_path)
    assert json.loads(again.stdout)["completed"] == []
    assert failures == sorted((path.name, path.stat().st_mtime_ns) for path in (run / "failures").iterdir()), (
        "what was chosen from the others stands: failed trials are not tried again"
    )
    assert not list(run.rglob("*.safetensors"))


def api_rows(path):
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def check_ledger(run, plan):
    ledger = {
        row["phase"]: row["flops"] for row in api.sql(run, "SELECT phase, sum(flops) AS flops FROM ledger GROUP BY 1")
    }
    assert ledger["training"] == plan["total_flops"]
    workspace = open_run(run)
    of_search = api.sql(run, "SELECT step, flops FROM ledger WHERE phase = 'search'")
    failed = {trial["id"] for trial in plan["trials"] if trial["rate"] == 1000}
    steps = {
        step for trial in plan["trials"] if trial["id"] not in failed for step in (*trial["path"], trial["samples"])
    }
    assert steps <= {row["step"] for row in of_search}
    cells = {cell.arm: cell for cell in workspace.plan.cells if cell.student == "small"}
    shares = {arm: search_share(workspace.plan, workspace.folder, cell) for arm, cell in cells.items()}
    assert shares["ift"] > 0 and shares["sequential(0.5)"] == pytest.approx(shares["ift"] + shares["reasoning"])
