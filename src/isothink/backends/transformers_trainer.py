"""Trains `transformers` students on one device: a bare PyTorch loop over given steps. Looked up by run/.

Written by hand, since a segment is an exact list of optimizer steps with their rates, from exact states: trainers of
libraries cut and order batches, and schedule rates, themselves.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from isothink.domain.training_settings import AdamW
from isothink.errors import StepError
from isothink.student.protocol import OPTIMIZER_FILE, Example, OptimizerStep, StepMetrics, TrainingTask

NO_LOSS = -100
"""The label that cross-entropy ignores."""
EXTRA_PASS_FLOPS = 2e8
"""What another pass through a model costs on a CPU beside its arithmetic, in FLOPs (about 10 ms of one core)."""
MOMENTS = ("exp_avg", "exp_avg_sq", "step")

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Examples that go through the model together, padded on the right; tensors of shape [rows, longest]."""

    ids: torch.Tensor
    labels: torch.Tensor
    tokens: int
    loss_tokens: int


def make_batch(examples: tuple[Example, ...], pad_id: int) -> Batch:
    """Pads on the right: under causal attention no token ever sees the padding, so no mask is needed."""
    lengths = [len(example.prompt) + len(example.answer) for example in examples]
    ids = np.full((len(examples), max(lengths)), pad_id, dtype=np.int64)
    labels = np.full_like(ids, NO_LOSS)
    for row, (example, length) in enumerate(zip(examples, lengths, strict=True)):
        start = len(example.prompt)
        ids[row, :start] = example.prompt
        ids[row, start:length] = example.answer
        labels[row, start:length] = example.answer
    return Batch(
        ids=torch.from_numpy(ids),
        labels=torch.from_numpy(labels),
        tokens=sum(lengths),
        loss_tokens=sum(len(example.answer) for example in examples),
    )


def length_groups(examples: tuple[Example, ...], worth: float) -> list[tuple[Example, ...]]:
    """Cuts a step into groups of like length, as long as each cut saves more than `worth` tokens of padding.

    Decided by the lengths alone, so that the same step is always cut in the same way.
    """
    lengths = np.array([len(example.prompt) + len(example.answer) for example in examples])
    order = np.argsort(lengths, kind="stable")
    lengths = lengths[order]
    saved = (lengths[-1] - lengths) * np.arange(1, len(lengths) + 1)  # by a cut after each example
    if saved.max() <= worth:
        return [examples]
    ordered = [examples[index] for index in order]
    cut = int(saved.argmax()) + 1
    return [*length_groups(tuple(ordered[:cut]), worth), *length_groups(tuple(ordered[cut:]), worth)]


def step_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """The mean cross-entropy over all loss tokens of a batch: long answers weigh by their tokens.

    The last column is not fed: nothing is predicted from it, and of rows this short it is a twentieth of the time.
    """
    logits = model(input_ids=batch.ids[:, :-1], use_cache=False).logits
    total = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), batch.labels[:, 1:].flatten(), ignore_index=NO_LOSS, reduction="sum"
    )
    return total / batch.loss_tokens


class TransformersTrainer:
    """The student protocol over one CPU or GPU process."""

    def open(self, task: TrainingTask) -> "StudentInTraining":
        """See the student protocol."""
        return StudentInTraining(task)


class StudentInTraining:
    """The protocol's state: a model and its optimizer."""

    def __init__(self, task: TrainingTask) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._task = task
        self._model = self._open_model()
        self._optimizer = _optimizer(self._model, task.optimizer)
        if task.state is not None:
            _load_moments(self._model, self._optimizer, task.state / OPTIMIZER_FILE)
        self._worth = EXTRA_PASS_FLOPS / (6 * self._model.num_parameters())

    def step(self, step: OptimizerStep) -> StepMetrics:
        """See the student protocol."""
        started = time.perf_counter()
        model, optimizer, task = self._model, self._optimizer, self._task
        batches = self._batches(step.examples)
        loss_tokens = sum(batch.loss_tokens for batch in batches)
        value = 0.0
        for batch in batches:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=task.precision == "bfloat16"):
                loss = step_loss(model, batch) * (batch.loss_tokens / loss_tokens)
            loss.backward()
            value += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), task.optimizer.clip_gradient_norm)
        if not np.isfinite(value) or not torch.isfinite(norm):
            raise StepError(f"the loss is {value} and the gradient's norm {norm.item()} at step {step.number}")
        for group in optimizer.param_groups:
            group["lr"] = step.learning_rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return StepMetrics(
            loss=value,
            gradient_norm=norm.item(),
            tokens=sum(batch.tokens for batch in batches),
            loss_tokens=loss_tokens,
            shapes=tuple((batch.ids.shape[0], batch.ids.shape[1] - 1) for batch in batches),
            seconds=time.perf_counter() - started,
        )

    def save(self, folder: Path, *, optimizer: bool) -> None:
        """See the student protocol."""
        self._model.save_pretrained(folder, safe_serialization=True)
        if optimizer:
            _save_moments(self._model, self._optimizer, folder / OPTIMIZER_FILE)

    def save_student(self, folder: Path) -> None:
        """See the student protocol."""
        self.save(folder, optimizer=False)

    def agree(self, value: bool) -> bool:
        """See the student protocol."""
        return value

    def _open_model(self) -> PreTrainedModel:
        task = self._task
        if task.state is not None:
            model = AutoModelForCausalLM.from_pretrained(task.state, dtype=torch.float32, use_safetensors=True)
        elif task.student.model is not None:
            model = AutoModelForCausalLM.from_pretrained(
                task.student.model, revision=task.student.revision, dtype=torch.float32, use_safetensors=True
            )
        else:
            config = dict(task.student.config)
            torch.manual_seed(task.student.seed)
            model = AutoModelForCausalLM.from_config(
                AutoConfig.for_model(config.pop("model_type"), **config), dtype=torch.float32
            )
        return model.to(self.device).train()

    def _batches(self, examples: tuple[Example, ...]) -> list[Batch]:
        on_cpu = self.device.type == "cpu"
        groups = length_groups(examples, self._worth) if on_cpu else [examples]
        batches = (make_batch(group, self._task.pad_id) for group in groups)
        return [replace(batch, ids=batch.ids.to(self.device), labels=batch.labels.to(self.device)) for batch in batches]


def _optimizer(model: torch.nn.Module, settings: AdamW) -> torch.optim.Optimizer:
    """AdamW; matrices decay, vectors (norms, biases) do not."""
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=True,
    )


def _save_moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    tensors = {
        f"{moment}.{name}": optimizer.state[weight][moment].contiguous()
        for name, weight in model.named_parameters()
        for moment in MOMENTS
    }
    save_file(tensors, path)


def _load_moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    if not path.is_file():
        raise StepError(f"{path}: the state of the parent's optimizer is missing")
    tensors = load_file(path)
    for name, weight in model.named_parameters():  # a fused optimizer keeps its step count on the device, too
        optimizer.state[weight] = {moment: tensors[f"{moment}.{name}"].to(weight.device) for moment in MOMENTS}
