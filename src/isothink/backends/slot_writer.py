"""Writes many answers with one model, each in a row of a batch that takes the next prompt as soon as one has ended.

Used by transformers_answerer.py. `generate` of `transformers` runs a batch until its last answer ends, and copies all
keys and values at every token; here rows are refilled, and a token's keys and values are put into their place.
"""

import inspect
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from isothink.backends.slot_cache import SlotCache
from isothink.backends.token_chooser import TokenChooser
from isothink.backends.writing import Writing
from isothink.domain.teacher_settings import Sampling

FILL_TOKENS = 4096
"""The most tokens, padding included, that one pass over prompts reads."""
REFILLED_SHARE = 16
"""Rows are refilled when a sixteenth of them is free: a pass over prompts takes at least as long as a step of all rows,
so it should serve several where there are many."""


def keeps_plain_keys(model: Any) -> bool:
    """Whether all that the model remembers of a text are keys and values of every token in every layer.

    Not so are sliding windows, chunks and recurrent states. Models that make masks from the number of keys, and rotary
    frequencies that follow the longest text of a batch, do not fit either: rows would depend on each other.
    """
    takes = inspect.signature(model.forward).parameters
    if model._is_stateful or not model._supports_attention_backend or "position_ids" not in takes:
        return False
    if model.config.is_encoder_decoder or not {"cache", "past_key_values"} & set(takes):
        return False
    if _rope_types(getattr(model.config.get_text_config(decoder=True), "rope_parameters", None)) & {
        "dynamic",
        "longrope",
    }:
        return False
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def _rope_types(parameters: object) -> set[object]:
    """The kinds of rotary positions; a configuration may give them for each kind of layer."""
    if not isinstance(parameters, dict):
        return set()
    nested = [_rope_types(value) for value in parameters.values() if isinstance(value, dict)]
    return {parameters.get("rope_type")}.union(*nested)


class SlotWriter:
    """A Writer for models of which `keeps_plain_keys` holds.

    A prompt is read but for its last token, which is the first that its row is fed with: so no scores of prompts are
    needed. A writing that has an output already, because memory ran out, goes on where it was.
    """

    def __init__(self, model: Any, *, end_ids: Sequence[int], pad_id: int) -> None:
        takes = inspect.signature(model.forward).parameters
        self._model = model
        self._end_ids = frozenset(end_ids)
        self._pad_id = pad_id
        self._cache_name = "cache" if "cache" in takes else "past_key_values"  # before transformers 5.20
        self._last_scores = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}

    def write(self, writings: Sequence[Writing], *, rows: int, cap: int, sampling: Sampling) -> Iterator[Writing]:
        """See Writer."""
        rows = min(rows, len(writings))
        batch = _Batch(
            # longest first: neighbours differ little, and where memory runs out, it does so at once
            waiting=deque(sorted(writings, key=lambda writing: -writing.length)),
            cache=SlotCache(rows=rows, longest=max(len(writing.prompt) for writing in writings) + cap),
            rows=rows,
        )
        chooser = TokenChooser(sampling)
        while batch.waiting or batch.slots:
            # left before anything is yielded: the mode would be the caller's, too
            with torch.inference_mode():
                self._advance(batch, chooser, cap)
            for place, writing in enumerate(batch.writings()):
                if writing.last in self._end_ids or len(writing.output) >= cap:
                    batch.slots[place] = None
                    yield writing

    def _advance(self, batch: "_Batch", chooser: TokenChooser, cap: int) -> None:
        """Fills rows, if it is time to, and writes a token in each."""
        if batch.is_to_be_refilled():
            for places, group in batch.refill():
                for writing in group:
                    writing.begin(chooser.draws(writing.key, cap))
                self._read(batch.cache, places, group)
        batch.close_gaps()
        if batch.slots:
            self._step(batch, chooser)

    def _read(self, cache: SlotCache, places: Sequence[int], group: Sequence[Writing]) -> None:
        """Puts keys and values of all tokens but the last into the rows."""
        length = max(writing.length for writing in group) - 1
        if length == 0:
            return
        ids = torch.full((len(group), length), self._pad_id, dtype=torch.long)
        for row, writing in enumerate(group):
            ids[row, : writing.length - 1] = torch.tensor((writing.prompt + writing.output)[:-1])
        device = self._model.device
        cache.fill(torch.tensor(places, device=device), length)
        # no mask but the causal one: what fills a row stands behind its tokens
        self._pass(cache, ids.to(device), torch.arange(length, device=device).expand(len(group), -1), None)

    def _step(self, batch: "_Batch", chooser: TokenChooser) -> None:
        """One more token for every row."""
        writings = batch.writings()
        device = self._model.device
        span = max(writing.length for writing in writings)
        fed = torch.tensor([[writing.last, writing.length - 1] for writing in writings], device=device)
        tokens, positions = fed[:, :1], fed[:, 1:]
        batch.cache.step(positions[:, 0], span)
        mask = (torch.arange(span, device=device) <= positions).long()
        scores = self._pass(batch.cache, tokens, positions, mask)
        chosen = chooser.choose(scores, _draws(writings)).tolist()
        for writing, token in zip(writings, chosen, strict=True):
            writing.output.append(token)

    def _pass(
        self, cache: SlotCache, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """The scores after the last token of each row."""
        output = self._model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            use_cache=True,
            **{self._cache_name: cache},
            **self._last_scores,
        )
        scores: torch.Tensor = output.logits[:, -1]
        return scores


class _Batch:
    """The rows in use, and the answers that wait for one."""

    def __init__(self, *, waiting: deque[Writing], cache: SlotCache, rows: int) -> None:
        self.waiting = waiting
        self.cache = cache
        self.slots: list[Writing | None] = []
        self._rows = rows

    def writings(self) -> list[Writing]:
        """What is written in each row; there are no gaps."""
        return [writing for writing in self.slots if writing is not None]

    def is_to_be_refilled(self) -> bool:
        """Whether enough rows are free that a pass over prompts pays."""
        free = self._rows - len(self.writings())
        return bool(self.waiting) and free >= min(len(self.waiting), max(1, self._rows // REFILLED_SHARE))

    def refill(self) -> list[tuple[list[int], list[Writing]]]:
        """Gives free rows to the longest that wait: groups that are read together, with their rows."""
        free = [place for place, writing in enumerate(self.slots) if writing is None]
        free += range(len(self.slots), self._rows)
        self.slots += [None] * (self._rows - len(self.slots))
        groups = []
        while free and self.waiting:
            size = max(1, min(len(free), len(self.waiting), FILL_TOKENS // self.waiting[0].length))
            group = [self.waiting.popleft() for _ in range(size)]
            places, free = free[:size], free[size:]
            for place, writing in zip(places, group, strict=True):
                self.slots[place] = writing
            groups.append((places, group))
        return groups

    def close_gaps(self) -> None:
        """Moves the last rows into the gaps that are left, so that the rows in use are the first ones."""
        sources, targets = [], []
        for place, writing in enumerate(self.slots):
            if writing is not None:
                continue
            while self.slots and self.slots[-1] is None:
                self.slots.pop()
            if place >= len(self.slots):
                break
            self.slots[place] = self.slots.pop()
            sources.append(len(self.slots))
            targets.append(place)
        if sources:
            self.cache.move(sources, targets, max(writing.length for writing in self.writings()))


def _draws(writings: Sequence[Writing]) -> torch.Tensor | None:
    """The number that each row's next token is drawn with."""
    numbers = [writing.draws[len(writing.output)] for writing in writings if writing.draws is not None]
    return torch.stack(numbers) if numbers else None
