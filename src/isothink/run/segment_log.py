"""What every optimizer step of a segment did, and the sums of the ledger. Kept by run/training.py."""

from pathlib import Path
from typing import Any

from isothink.compute.flops import padded_training_flops
from isothink.run.checkpoints import CheckpointManifest
from isothink.run.segment_work import SegmentWork
from isothink.store.tables import METRIC_SCHEMA, read_columns, write_columns
from isothink.student.protocol import StepMetrics


class SegmentLog:
    """One row per optimizer step, those before an interruption included."""

    def __init__(self, work: SegmentWork, *, peak_flops: float | None, recomputes: bool) -> None:
        self.flops_before = 0
        self.spent = 0
        self.hardware_flops = 0
        self.tokens = 0
        self._work = work
        self._peak_flops = peak_flops
        self._recomputes = recomputes
        self._columns: dict[str, list[Any]] = {name: [] for name in METRIC_SCHEMA.names}

    @property
    def steps(self) -> int:
        """How many are done."""
        return len(self._columns["step"])

    @property
    def losses(self) -> list[float]:
        """Of each step."""
        return self._columns["loss"]

    def add(self, metrics: StepMetrics) -> dict[str, Any]:
        """Notes one optimizer step and returns its row."""
        index = self.steps
        flops = self._work.flops[index]
        self.spent += flops
        self.hardware_flops += sum(self._computed(*shape) for shape in metrics.shapes)
        self.tokens += metrics.tokens
        seconds = max(metrics.seconds, 1e-9)
        row = {
            "step": self._work.segment.first_step + index,
            "loss": metrics.loss,
            "learning_rate": self._work.rates[index],
            "gradient_norm": metrics.gradient_norm,
            "tokens": metrics.tokens,
            "loss_tokens": metrics.loss_tokens,
            "flops": float(flops),
            "flops_so_far": float(self.flops_before + self.spent),
            "tokens_per_second": metrics.tokens / seconds,
            "model_flops_utilisation": None if self._peak_flops is None else flops / seconds / self._peak_flops,
            "seconds": metrics.seconds,
        }
        for name, value in row.items():
            self._columns[name].append(value)
        return row

    def write(self, path: Path) -> None:
        """Writes the rows."""
        write_columns(path, self._columns, METRIC_SCHEMA)

    def restore(self, path: Path, manifest: CheckpointManifest) -> None:
        """Takes in the rows and sums of a checkpoint."""
        rows = read_columns(path, METRIC_SCHEMA.names)
        self._columns = {name: rows[name].to_pylist() for name in METRIC_SCHEMA.names}
        self.spent, self.tokens = manifest.flops, manifest.tokens
        self.hardware_flops = manifest.hardware_flops

    def _computed(self, rows: int, length: int) -> int:
        return padded_training_flops(self._work.architecture, rows, length, recompute=self._recomputes)
