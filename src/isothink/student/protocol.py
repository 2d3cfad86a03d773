"""What a study needs of a trainer; backends/ implements it, run/ looks it up by name and feeds it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from isothink.domain.study import AdamW

Tokens = npt.NDArray[np.int32]

WEIGHTS_FILE = "model.safetensors"
"""Holds the weights in a segment's folder, as Hugging Face names it."""

OPTIMIZER_FILE = "optimizer.safetensors"
"""Holds the optimizer's state in a segment's folder; removed when no child needs it any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One sequence: the prompt carries no loss, the answer does."""

    prompt: Tokens
    answer: Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerStep:
    """What one optimizer step reads, and its learning rate."""

    examples: tuple[Example, ...]
    learning_rate: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StepMetrics:
    """What one optimizer step did. `loss` is the mean over the loss tokens of the whole step, in nats.

    `shapes` holds the rows and the length that each pass fed to the model; the passes' gradients add up.
    """

    loss: float
    gradient_norm: float
    tokens: int
    loss_tokens: int
    shapes: tuple[tuple[int, int], ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SegmentTask:
    """One segment: where it starts from, what it reads, where it writes.

    `parent` is the folder of a trained segment with its optimizer's state, or None for random weights under `seed`.
    The trainer writes weights into `folder`, and the optimizer's state into its OPTIMIZER_FILE if `keep_optimizer`.
    """

    config: Mapping[str, Any]
    seed: int
    parent: Path | None
    folder: Path
    steps: Iterable[OptimizerStep]
    optimizer: AdamW
    precision: Literal["float32", "bfloat16"]
    keep_optimizer: bool
    pad_id: int


class Trainer(Protocol):
    """Trains segments."""

    def train(self, task: SegmentTask, on_step: Callable[[StepMetrics], None]) -> None:
        """Trains one segment and writes it; `on_step` is called after every optimizer step.

        Raises:
            StepError: the loss is not finite; the message names the step.
        """
