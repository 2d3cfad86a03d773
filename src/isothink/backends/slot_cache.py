"""Keys and values of a batch whose rows begin and end at different times. Used by slot_writer.py.

Row by row the buffers are filled from the left, so that a token's place in them is its position in its own text. Only
the first rows are in use: those behind them cost memory, no time.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache

STEP = 256
"""By how many tokens the buffers grow. Growing copies them once in as many steps, each of which reads them whole."""


class SlotCache(Cache):  # type: ignore[misc]
    """A cache of `transformers` for models that keep plain keys and values in every layer.

    Before every pass through the model, `fill` or `step` says where what the layers compute belongs.
    """

    def __init__(self, *, rows: int, longest: int) -> None:
        """`rows` is the most rows at a time, `longest` the most tokens of one."""
        super().__init__(layers=[])
        self._rows = rows
        self._longest = longest
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self._span = 0
        self._offset = 0
        self._places = torch.empty(0, dtype=torch.long)
        self._positions: torch.Tensor | None = None

    def fill(self, places: torch.Tensor, length: int) -> None:
        """The pass that follows reads the beginnings of texts, of `length` tokens with what fills them, into `places`.

        What lies behind the end of a shorter text is never read: it is masked until tokens of that text replace it.
        """
        self._places, self._positions = places, None
        self._span, self._offset = length, 0

    def step(self, positions: torch.Tensor, span: int) -> None:
        """The pass that follows reads one token in each of the first rows; `span` is the last position and one."""
        self._places, self._positions = torch.arange(len(positions), device=positions.device), positions
        self._span, self._offset = span, span - 1

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Stores what a layer computed; returns what it attends to."""
        if layer_idx == len(self._keys):
            self._keys.append(self._buffer(key_states))
            self._values.append(self._buffer(value_states))
        self._grow(layer_idx)
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        if self._positions is None:
            keys[self._places, :, : self._span] = key_states
            values[self._places, :, : self._span] = value_states
            return key_states, value_states
        keys.transpose(1, 2)[self._places, self._positions] = key_states[:, :, 0]
        values.transpose(1, 2)[self._places, self._positions] = value_states[:, :, 0]
        rows = len(self._positions)
        return keys[:rows, :, : self._span], values[:rows, :, : self._span]

    def move(self, sources: Sequence[int], targets: Sequence[int], length: int) -> None:
        """Copies the first `length` tokens of rows over others; no row is both."""
        device = self._places.device
        taken, given = torch.tensor(sources, device=device), torch.tensor(targets, device=device)
        for buffer in (*self._keys, *self._values):
            buffer[given, :, :length] = buffer[taken, :, :length]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Where the tokens of a pass begin, for models that ask in order to make masks."""
        return self._offset

    def get_mask_sizes(self, *_: Any, **__: Any) -> tuple[int, int]:
        """How many tokens are attended to, and the place of the first."""
        return self._span, 0

    def _buffer(self, states: torch.Tensor) -> torch.Tensor:
        """Zeros, since what is masked is multiplied by zero: memory as it comes may hold what is not a number."""
        _, heads, _, width = states.shape
        return states.new_zeros((self._rows, heads, self._capacity(), width))

    def _capacity(self) -> int:
        return max(self._span, min(-(-(self._span + 1) // STEP) * STEP, self._longest))

    def _grow(self, layer: int) -> None:
        """One buffer after the other, so that two sizes of one of them, not of all, are in memory at a time."""
        if self._span <= self._keys[layer].shape[2]:
            return
        for buffers in (self._keys, self._values):
            old = buffers[layer]
            buffers[layer] = self._buffer(old)
            buffers[layer][:, :, : old.shape[2]] = old
