"""A study that trains for real in a few seconds; shared by the tests of run/ and cli/."""

import json
import os
import subprocess
import sys
from pathlib import Path

TINY = """
schema_version: 1
name: tiny
prompts: {backend: procedural, tasks: [capital, chain, largest], per_task: 60}
teacher: {backend: symbolic}
tokenizer: {backend: words}
students:
  - name: small
    architecture: {model_type: qwen3, hidden_size: 16, num_hidden_layers: 1, intermediate_size: 32,
                   num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, tie_word_embeddings: true,
                   max_position_embeddings: 64}
  - name: large
    architecture: {model_type: qwen3, hidden_size: 32, num_hidden_layers: 1, intermediate_size: 64,
                   num_attention_heads: 2, num_key_value_heads: 1, head_dim: 16, tie_word_embeddings: true,
                   max_position_embeddings: 64}
arms: [ift, reasoning, sequential(0.5)]
budgets: {training_flops: [4.0e+8, 8.0e+8]}
seeds: {default: 1, arms: {ift: 2, reasoning: 2}}
training:
  batch: {unit: tokens, size: 256}
  learning_rate: {by: rule, rate: 3.0e-3, reference_width: 32, exponent: 0.5}
  warmup_steps: 2
  max_epochs: 1000
evaluation: {tasks: [capital, chain, largest], items_per_task: 8, max_new_tokens: 12, batch_size: 64}
resources: {processes: 1, threads: 1, keep: all}
"""


def write_tiny(folder: Path) -> Path:
    """The study file in `folder`."""
    path = folder / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


def isothink(*arguments: str, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own, as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "isothink.cli.main", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        check=False,
    )


def evidence_of(folder: Path) -> dict:
    """The stored evidence. It holds no wall-clock time and no waste, so it is compared whole."""
    return json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
