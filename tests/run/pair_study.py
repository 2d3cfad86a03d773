"""A study that makes pairs by asking a server; shared by the tests of generation."""

import json

PROMPTS = [f"What is {number} plus {number}?" for number in range(40)]


def write_prompts(folder, prompts=PROMPTS, name="prompts.jsonl", **columns):
    """A file of prompts, with further columns as lists of the same length."""
    rows = [
        {"prompt": prompt, **{key: values[number] for key, values in columns.items()}}
        for number, prompt in enumerate(prompts)
    ]
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_study(folder, url, *, prompts="prompts.jsonl", teacher=None, filters=None, rows=None, **chosen):
    """The study file; `teacher`, `filters` and the set's keys add to it or replace parts of it."""
    study = {
        "schema_version": 1,
        "name": "pairs",
        "prompts": {
            "backend": "data",
            "sets": [{"kind": "file", "path": prompts, "rows": {"layout": "prompts", **(rows or {})}, **chosen}],
        },
        "teacher": {
            "backend": "openai",
            "base_urls": [url] if isinstance(url, str) else url,
            "model": "test-model",
            "off": {"request": {"chat_template_kwargs": {"enable_thinking": False}}},
            "on": {"request": {"chat_template_kwargs": {"enable_thinking": True}}},
            "sampling": {"max_tokens": 100},
            "requests": {
                "concurrency": 4,
                "attempts": 3,
                "first_wait_seconds": 0.01,
                "longest_wait_seconds": 0.1,
                "timeout_seconds": 20,
                "patience_seconds": 10,
            },
            **(teacher or {}),
        },
        **({"filters": filters} if filters else {}),
    }
    path = folder / "pairs.yaml"
    path.write_text(json.dumps(study), encoding="utf-8")  # JSON is YAML
    return path
