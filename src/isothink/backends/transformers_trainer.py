"""Trains `transformers` students: a bare PyTorch loop over given steps, on one device or several. Looked up by run/.

Written by hand, since a segment is an exact list of optimizer steps with their rates, from exact states: trainers of
libraries cut and order batches, and schedule rates, themselves.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import PreTrainedModel

from isothink.backends import process_group
from isothink.backends.adapters import (
    adapter_weights,
    add_adapters,
    load_adapters,
    merged_weights,
    named_weights,
    save_adapters,
)
from isothink.backends.compilation import Compiled, pays, recompute_activations
from isothink.backends.micro_batches import Examples, deal, fed_tokens, packed_passes, padded_passes, predicted_tokens
from isothink.backends.optimizer_state import adamw, load_moments, moments
from isothink.backends.packed_attention import Way, attention_arguments, ways_of, works
from isothink.backends.sharding import shard, spread_again, whole
from isothink.backends.student_model import continued_model, initial_model, save_model
from isothink.backends.training_batch import Batch, batch_loss, loss_weights, packed_batch, padded_batch
from isothink.errors import GroupError, StepError
from isothink.student.protocol import OPTIMIZER_FILE, OptimizerStep, StepMetrics, TrainingTask

EXTRA_PASS_FLOPS = {"cpu": 2e8, "cuda": 3e11}
"""What another pass through a model costs beside its arithmetic, in FLOPs (about 10 ms of one core; 1 ms of a GPU)."""
Layout = Literal["padded", "packed"]


@dataclass(frozen=True, kw_only=True)
class TransformersTrainer:
    """The student protocol. Layout and way of attention follow the device, unless tests set them."""

    layout: Layout | None = None
    way: Way | None = None

    def open(self, task: TrainingTask) -> "StudentInTraining":
        """See the student protocol."""
        process_group.join()
        device = _device(task)
        try:
            return StudentInTraining(task, device, self.layout, self.way)
        except torch.OutOfMemoryError as error:
            raise StepError(
                f"the student and its optimizer do not fit into the memory of {device}", hint=MEMORY_HINT
            ) from error


MEMORY_HINT = (
    "less memory is needed with resources.activation_checkpointing, with training.adapters, with smaller students,"
    " or with several processes (torchrun)"
)


def _device(task: TrainingTask) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    number = process_group.local_rank() if process_group.size() > 1 else task.device
    return torch.device("cuda", number % torch.cuda.device_count())


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """What the passes of a step came to: the loss of this process's share, and what all processes fed."""

    loss: float
    shapes: tuple[tuple[int, int], ...]


class StudentInTraining:
    """The protocol's state: a model and its optimizer."""

    def __init__(self, task: TrainingTask, device: torch.device, layout: Layout | None, way: Way | None) -> None:
        self.device = device
        self._task = task
        self._processes = process_group.size()
        self._limit = task.micro_batch_tokens
        self._model = self._open_model()
        self._worth = EXTRA_PASS_FLOPS[device.type] / (6 * self._model.num_parameters())
        self._spread()
        self._layout: Layout = layout or ("padded" if device.type == "cpu" else "packed")
        self._way: Way = "masks"
        if self._layout == "packed":
            self._pack(way)
        compiles = task.compiles and pays(self._model, device, self._processes)
        self._compiled = Compiled(self._model) if compiles else None
        self._optimizer = adamw(self._model, task.optimizer)
        if task.state is not None:
            load_moments(self._model, self._optimizer, task.state / OPTIMIZER_FILE)

    def step(self, step: OptimizerStep) -> StepMetrics:
        """See the student protocol."""
        started = time.perf_counter()
        gradients = self._gradients(step)
        loss = process_group.total(gradients.loss)
        weights = [weight for weight in self._model.parameters() if weight.requires_grad]
        norm = whole(torch.nn.utils.clip_grad_norm_(weights, self._task.optimizer.clip_gradient_norm)).item()
        if not (np.isfinite(loss) and np.isfinite(norm)):
            self._optimizer.zero_grad(set_to_none=True)
            raise StepError(
                f"training diverges: the loss is {loss:.4g} and the gradient's norm {norm:.4g} at step {step.number}",
                hint="a lower learning rate, or a longer warm-up",
            )
        for group in self._optimizer.param_groups:
            group["lr"] = step.learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return StepMetrics(
            loss=loss,
            gradient_norm=norm,
            tokens=sum(len(example.prompt) + len(example.answer) for example in step.examples),
            loss_tokens=sum(predicted_tokens(example) for example in step.examples),
            shapes=gradients.shapes,
            seconds=time.perf_counter() - started,
        )

    def save(self, folder: Path, *, optimizer: bool) -> None:
        """See the student protocol."""
        if self._task.adapters is None:
            self.save_student(folder)
        else:
            weights = self._gathered(adapter_weights(self._model))
            self._write(folder, lambda: save_adapters(self._model, weights, folder))
        if optimizer:
            state = self._gathered(moments(self._model, self._optimizer))
            self._write(folder, lambda: save_file(state, folder / OPTIMIZER_FILE))

    def save_student(self, folder: Path) -> None:
        """See the student protocol."""
        weights: dict[str, torch.Tensor] | None = None
        if self._task.adapters is not None:
            weights = self._gathered(merged_weights(self._model))
        elif self._processes > 1:
            weights = self._gathered((name, whole(weight)) for name, weight in named_weights(self._model))
        self._write(folder, lambda: save_model(self._model, folder, self._task.student, weights))

    def agree(self, value: bool) -> bool:
        """See the student protocol."""
        return process_group.broadcast_flag(value) if self._processes > 1 else value

    def _open_model(self) -> PreTrainedModel:
        task = self._task
        if task.adapters is None:
            initial = task.state is None
            model = initial_model(task.student) if initial else continued_model(task.student, Path(str(task.state)))
        else:
            model = initial_model(task.student)
            add_adapters(model, task.adapters, task.student.seed)
            if task.state is not None:
                load_adapters(model, task.state)
        if task.activation_checkpointing:
            recompute_activations(model)
        return model.train()

    def _spread(self) -> None:
        if self._processes > 1:
            shard(self._model, self.device, self._processes, bfloat16=self._task.precision == "bfloat16")
        self._model.to(self.device)

    def _pack(self, way: Way | None) -> None:
        """Packs examples into rows in the first way in which none sees another; pads them where there is none."""
        precision = self._task.precision
        for each in ways_of(self._model, self.device, precision) if way is None else [way]:
            isolated = works(self._model, each, self.device, precision)
            spread_again(self._model)
            if isolated:
                self._way = each
                return
        self._layout = "padded"

    def _gradients(self, step: OptimizerStep) -> Gradients:
        """Adds up the gradients of all passes.

        Where memory runs out, the step is done again in smaller ones; where a compiler fails, without it.
        """
        if not any(predicted_tokens(example) > 0 for example in step.examples):
            raise StepError(f"no token of step {step.number} carries loss: all of its answers are empty")
        while True:
            passes = self._passes(step.examples)
            losses: list[torch.Tensor] = []
            try:
                self._accumulate(step, passes, losses)
                return Gradients(loss=sum(loss.item() for loss in losses), shapes=self._shapes(passes))
            except torch.OutOfMemoryError:
                failed = self._share(passes)[len(losses)] or passes[-1]
            except Exception as error:  # compilers fail in many types; without them, the pass shows whether it is right
                if self._compiled is None:
                    raise
                self._compiled.undo(error)
                self._compiled = None
                self._optimizer.zero_grad(set_to_none=True)
                continue
            # out of the `except` block, which would keep the failed pass's tensors alive
            self._shrink(failed)

    def _accumulate(self, step: OptimizerStep, passes: list[Examples], losses: list[torch.Tensor]) -> None:
        """Runs this process's share. One without work runs another's pass for nothing, so that all meet in the same."""
        weights = loss_weights(step.examples, self._task.loss_weighting)
        numbers = [index for index, _ in enumerate(passes)]
        for mine in deal(numbers, self._processes)[process_group.rank()]:
            number = len(passes) - 1 if mine is None else mine
            torch.manual_seed(_seed(self._task.student.seed, step.number, number))
            loss = self._loss(passes[number], weights) * (0.0 if mine is None else float(self._processes))
            loss.backward()
            losses.append(loss.detach() / self._processes)

    def _loss(self, examples: Examples, weights: dict[int, float]) -> torch.Tensor:
        batch = self._batch(examples, weights).to(self.device)
        # the cache of casts would hold every weight a second time, and no weight is read twice in a pass
        half = self._task.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half, cache_enabled=False):
            loss_of = None if self._compiled is None else self._compiled.loss
            return batch_loss(self._model, batch, attention=attention_arguments(batch, self._way), loss_of=loss_of)

    def _batch(self, examples: Examples, weights: dict[int, float]) -> Batch:
        if self._layout == "packed":
            return packed_batch(examples, weights)
        return padded_batch(examples, weights, self._task.pad_id)

    def _passes(self, examples: Examples) -> list[Examples]:
        """A step's passes, the same in every process, and at least one for each where there are examples enough."""
        limit = self._limit
        if self._processes > 1:
            share = -(-sum(fed_tokens(example) for example in examples) // self._processes)
            limit = share if limit is None else min(limit, share)
        if self._layout == "packed":
            return packed_passes(examples, limit)
        return padded_passes(examples, limit, self._worth)

    def _share(self, passes: list[Examples]) -> list[Examples | None]:
        return deal(passes, self._processes)[process_group.rank()]

    def _shapes(self, passes: list[Examples]) -> tuple[tuple[int, int], ...]:
        """Rows and lengths as attention computes them: kernels for packed rows compute each example alone."""
        if self._layout == "padded":
            return tuple((len(examples), max(map(fed_tokens, examples))) for examples in passes)
        if self._way == "masks":
            return tuple((1, sum(map(fed_tokens, examples))) for examples in passes)
        return tuple((1, fed_tokens(example)) for examples in passes for example in examples)

    def _shrink(self, failed: Examples) -> None:
        """Halves the passes of this and all later steps, after one that did not fit."""
        self._optimizer.zero_grad(set_to_none=True)
        if self._processes > 1:
            raise GroupError(
                f"a pass of {sum(map(fed_tokens, failed))} tokens does not fit into the memory of {self.device}",
                hint="several processes cannot find the size by themselves: set resources.micro_batch_tokens lower",
            )
        if len(failed) == 1:
            raise StepError(
                f"one example of {fed_tokens(failed[0])} tokens does not fit into the memory of {self.device}",
                hint=MEMORY_HINT,
            )
        rows = len(failed) * max(map(fed_tokens, failed))
        self._limit = max((sum(map(fed_tokens, failed)) if self._layout == "packed" else rows) // 2, 1)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _gathered(self, tensors: Iterator[tuple[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        """All tensors in the first process, which writes; the others only take part."""
        leads = process_group.rank() == 0
        return {name: tensor for name, tensor in tensors if leads}

    def _write(self, folder: Path, write: Callable[[], None]) -> None:
        """Lets the first process write, and the others wait for it."""
        failure: Exception | None = None
        if process_group.rank() == 0:
            try:
                write()
            except (OSError, SafetensorError) as error:
                failure = error
        if self.agree(failure is not None):
            raise StepError(f"{folder} cannot be written: {failure or 'the first process says why'}") from failure


def _seed(student: int, step: int, number: int) -> int:
    """Of a pass's random numbers: a resumed run draws the same without any random state being kept."""
    return int(np.random.SeedSequence([student, step, number]).generate_state(1, np.uint64)[0])
