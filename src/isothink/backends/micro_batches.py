"""Cuts an optimizer step's examples into the passes that go through a model. Used by transformers_trainer.py.

Decided by lengths alone, so that the same step is always cut in the same way, in every process.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from isothink.student.protocol import Example

Examples = tuple[Example, ...]
Work = TypeVar("Work")


def fed_tokens(example: Example) -> int:
    """How many positions of an example a model reads: all but the last, from which nothing is predicted."""
    return max(len(example.prompt) + len(example.answer) - 1, 1)


def predicted_tokens(example: Example) -> int:
    """How many tokens carry loss: those of the answer, but for one that nothing stands before."""
    return len(example.answer) if len(example.prompt) else max(len(example.answer) - 1, 0)


def length_groups(examples: Examples, worth: float) -> list[Examples]:
    """Cuts a step into groups of like length, as long as each cut saves more than `worth` tokens of padding."""
    lengths = np.array([fed_tokens(example) for example in examples])
    order = np.argsort(lengths, kind="stable")
    lengths = lengths[order]
    saved = (lengths[-1] - lengths) * np.arange(1, len(lengths) + 1)  # by a cut after each example
    if saved.max() <= worth:
        return [examples]
    ordered = [examples[index] for index in order]
    cut = int(saved.argmax()) + 1
    return [*length_groups(tuple(ordered[:cut]), worth), *length_groups(tuple(ordered[cut:]), worth)]


def padded_passes(examples: Examples, limit: int | None, worth: float) -> list[Examples]:
    """Groups of like length of at most `limit` tokens with their padding; an example longer than that goes alone."""
    groups = length_groups(examples, worth)
    if limit is None:
        return groups
    return [part for group in groups for part in _split(group, limit, padded=True)]


def packed_passes(examples: Examples, limit: int | None) -> list[Examples]:
    """Neighbours of at most `limit` tokens together, in their order; an example longer than that goes alone."""
    return [examples] if limit is None else list(_split(examples, limit, padded=False))


def _split(examples: Examples, limit: int, *, padded: bool) -> Iterable[Examples]:
    held: list[Example] = []
    longest = total = 0
    for example in examples:
        tokens = fed_tokens(example)
        longest, total = max(longest, tokens), total + tokens
        if held and (longest * (len(held) + 1) if padded else total) > limit:
            yield tuple(held)
            held, longest, total = [], tokens, tokens
        held.append(example)
    yield tuple(held)


def deal(passes: Sequence[Work], size: int) -> list[list[Work | None]]:
    """Each process's share of the passes, all of one length: None stands where a process has no work left."""
    rounds = -(-len(passes) // size)
    return [[*passes[rank::size], *[None] * (rounds - len(passes[rank::size]))] for rank in range(size)]
