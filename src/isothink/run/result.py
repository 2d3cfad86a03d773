"""What a run did, as a record. Made by run/pipeline.py, returned by api.run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isothink.teacher.summary import PairSummary

Stage = Literal["generate", "train", "evaluate", "analyze", "report"]
ExportFormat = Literal["messages", "parquet", "dataset", "lm-eval"]
STAGES: tuple[Stage, ...] = ("generate", "train", "evaluate", "analyze", "report")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that was planned and failed."""

    id: str
    error: str


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run did: steps completed now, steps that were complete before, failures, and where the report lies."""

    run: Path
    completed: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: tuple[Failure, ...]
    report: Path | None
    pairs: PairSummary | None = None
    """How the pairs were made."""
