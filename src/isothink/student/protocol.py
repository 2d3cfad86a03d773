"""What a study needs of a trainer; backends/ implements it, run/ looks it up by name and drives it step by step."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from isothink.domain.training_settings import AdamW, LoraAdapters

Tokens = npt.NDArray[np.int32]

WEIGHTS_FILE = "model.safetensors"
"""Holds the weights in a segment's folder, as Hugging Face names it (large ones are shards with an index)."""

OPTIMIZER_FILE = "optimizer.safetensors"
"""Holds the optimizer's state in a segment's folder; removed when no child needs it any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One sequence: the prompt carries no loss, the answer does."""

    prompt: Tokens
    answer: Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerStep:
    """What one optimizer step reads, its learning rate, and its number in the cell, which seeds its random numbers."""

    examples: tuple[Example, ...]
    learning_rate: float
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepMetrics:
    """What one optimizer step did, over all processes. `loss` is what was minimised, in nats.

    `shapes` holds the rows and the length that each pass fed to the model; the passes' gradients add up.
    """

    loss: float
    gradient_norm: float
    tokens: int
    loss_tokens: int
    shapes: tuple[tuple[int, int], ...]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class InitialStudent:
    """What a student is before any training: the weights of `model`, or random ones under `seed`.

    `config` is the Hugging Face configuration of random weights; beside `model` it is not read.
    """

    config: Mapping[str, Any]
    seed: int
    model: str | None = None
    revision: str | None = None
    runs_remote_code: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """How a student is trained, and where it starts from.

    `state` is a folder that `TrainingState.save` filled with the optimizer's state: a parent's or this segment's own
    last checkpoint; None starts from the initial student. `device` counts workers, each of which takes one device of
    this machine, unless several processes train together. `compiles` allows compiled kernels where they pay.
    """

    student: InitialStudent
    state: Path | None
    optimizer: AdamW
    precision: Literal["float32", "bfloat16"]
    pad_id: int
    adapters: LoraAdapters | None = None
    loss_weighting: Literal["token", "example"] = "token"
    micro_batch_tokens: int | None = None
    activation_checkpointing: bool = False
    compiles: bool = True
    device: int = 0


class TrainingState(Protocol):
    """A student in training. Where several processes train together, each calls every method in the same order."""

    def step(self, step: OptimizerStep) -> StepMetrics:
        """Takes one optimizer step.

        Raises:
            StepError: the loss or the gradient is not finite; nothing was changed.
        """

    def save(self, folder: Path, *, optimizer: bool) -> None:
        """Writes what training goes on from: weights (of adapters, where they are trained) and optimizer state."""

    def save_student(self, folder: Path) -> None:
        """Writes a plain Hugging Face folder, adapters merged into the weights."""

    def agree(self, value: bool) -> bool:
        """The first process's value, in all processes."""


class Trainer(Protocol):
    """Opens students for training."""

    def open(self, task: TrainingTask) -> TrainingState:
        """A student as the task describes it, ready for its first step.

        Raises:
            UsageError: the model cannot be loaded.
            StepError: the state to go on from is missing or damaged.
        """


class Processes(Protocol):
    """What connects processes that train one student together."""

    def rank(self) -> int:
        """Which one this is; 0 leads."""

    def size(self) -> int:
        """How many there are."""

    def broadcast_text(self, text: str | None) -> str:
        """The first process's text, in all processes."""

    def close(self) -> None:
        """Ends the connection."""


class Reporter(Protocol):
    """A library that shows metrics as they are made."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes the metrics of one optimizer step."""

    def close(self) -> None:
        """Ends the segment."""
