"""Examples as the tensors of one pass through a model, padded or packed, and their loss. Used by the trainer."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.checkpoint import checkpoint

from isothink.backends.micro_batches import Examples, fed_tokens, predicted_tokens

NO_LOSS = -100
"""The label that cross-entropy ignores."""
LOGITS_AT_ONCE = 2**27
"""So many logits are made into losses at once; more would hold several copies of them in 32 bits (0.5 GB each)."""
LossFunction = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From logits, labels and weights to the weighted sum of cross-entropies."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One pass: tensors of shape [rows, fed tokens]. The last token of an example is not fed.

    `labels` are the tokens to be predicted, `weights` how much each counts. `kept` names the columns whose logits are
    needed. Of packed rows, `positions` start anew with every example, and `edges` say where.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    kept: torch.Tensor | int
    positions: torch.Tensor | None = None
    edges: torch.Tensor | None = None
    longest: int = 0

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {
            name: value.to(device, non_blocking=True)
            for name, value in tensors.items()
            if isinstance(value, torch.Tensor)
        }
        return replace(self, **moved)


def loss_weights(examples: Examples, weighting: Literal["token", "example"]) -> dict[int, float]:
    """What each token that carries loss counts in a whole step, by the identity of its example; they add up to 1.

    `token`: one mean over all loss tokens of the step; `example`: the mean over examples of each one's own mean.
    Without this, a mean per pass would over-weigh the tokens of short answers (transformers pull request 34191).
    """
    counts = {id(example): predicted_tokens(example) for example in examples if predicted_tokens(example) > 0}
    if weighting == "token":
        total = sum(predicted_tokens(example) for example in examples)
        return dict.fromkeys(counts, 1.0 / total)
    with_loss = sum(predicted_tokens(example) > 0 for example in examples)
    return {key: 1.0 / (count * with_loss) for key, count in counts.items()}


def padded_batch(examples: Examples, weights: dict[int, float], pad_id: int) -> Batch:
    """Rows padded on the right: under causal attention no token ever sees the padding, so no mask is needed."""
    lengths = [fed_tokens(example) for example in examples]
    ids = np.full((len(examples), max(lengths)), pad_id, dtype=np.int64)
    labels = np.full_like(ids, NO_LOSS)
    shares = np.zeros(ids.shape, dtype=np.float32)
    for row, (example, length) in enumerate(zip(examples, lengths, strict=True)):
        ids[row, :length] = np.concatenate([example.prompt, example.answer])[:length]
        _label(labels[row], shares[row], length, example.answer, predicted_tokens(example), weights.get(id(example)))
    unread = int((labels != NO_LOSS).any(axis=0).argmax())  # columns before the first that predicts anything
    kept = ids.shape[1] - unread
    return Batch(
        ids=torch.from_numpy(ids),
        labels=torch.from_numpy(labels[:, unread:].reshape(-1)),
        weights=torch.from_numpy(shares[:, unread:].reshape(-1)),
        kept=kept,
    )


def packed_batch(examples: Examples, weights: dict[int, float]) -> Batch:
    """One row that holds the examples one after the other, each with positions of its own."""
    lengths = [fed_tokens(example) for example in examples]
    edges = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.zeros(edges[-1], dtype=np.int64)
    labels = np.full_like(ids, NO_LOSS)
    shares = np.zeros(ids.shape, dtype=np.float32)
    for example, first, last in zip(examples, edges[:-1], edges[1:], strict=True):
        ids[first:last] = np.concatenate([example.prompt, example.answer])[: last - first]
        _label(labels, shares, last, example.answer, predicted_tokens(example), weights.get(id(example)))
    kept = np.flatnonzero(labels != NO_LOSS)
    return Batch(
        ids=torch.from_numpy(ids)[None],
        labels=torch.from_numpy(labels[kept]),
        weights=torch.from_numpy(shares[kept]),
        kept=torch.from_numpy(kept),
        positions=torch.from_numpy(np.concatenate([np.arange(length) for length in lengths]))[None],
        edges=torch.from_numpy(edges.astype(np.int32)),
        longest=max(lengths),
    )


def _label(
    labels: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float32],
    end: int,
    answer: npt.NDArray[np.int32],
    predicted: int,
    weight: float | None,
) -> None:
    """Notes what an example that ends before column `end` predicts in its last columns."""
    if weight is not None:
        labels[end - predicted : end] = answer[len(answer) - predicted :]
        shares[end - predicted : end] = weight


def keeps_logits(model: torch.nn.Module) -> bool:
    """Whether a model can be asked for the logits of some columns only."""
    return "logits_to_keep" in inspect.signature(model.forward).parameters


def batch_loss(
    model: torch.nn.Module,
    batch: Batch,
    *,
    attention: dict[str, Any] | None = None,
    loss_of: LossFunction | None = None,
) -> torch.Tensor:
    """The weighted sum of a batch's cross-entropies: its part of the step's loss; `loss_of` is a fused function."""
    extra: dict[str, Any] = dict(attention or {})
    if batch.positions is not None:  # and no attention mask: beside one, transformers would not look for examples here
        extra["position_ids"] = batch.positions
    if keeps_logits(model):
        extra["logits_to_keep"] = batch.kept
        logits = model(input_ids=batch.ids, use_cache=False, **extra).logits
    else:
        columns = slice(-batch.kept, None) if batch.positions is None else batch.kept
        logits = model(input_ids=batch.ids, use_cache=False, **extra).logits[:, columns]
    flat = logits.flatten(0, 1)
    if loss_of is not None:
        return loss_of(flat, batch.labels, batch.weights)
    if flat.numel() <= LOGITS_AT_ONCE:
        return weighted_loss(flat, batch.labels, batch.weights)
    rows = max(LOGITS_AT_ONCE // flat.shape[1], 1)
    parts = zip(flat.split(rows), batch.labels.split(rows), batch.weights.split(rows), strict=True)
    return torch.stack([checkpoint(weighted_loss, *part, use_reentrant=False) for part in parts]).sum()


def weighted_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The sum of cross-entropies, each times its weight. Shapes: [tokens, vocabulary], [tokens], [tokens]."""
    losses = torch.nn.functional.cross_entropy(logits.float(), labels, ignore_index=NO_LOSS, reduction="none")
    return (losses * weights).sum()
