"""The prompt order: one per seed, shared by all arms, each of which reads a prefix of it. Used by plan/ and run/.

Every round takes one prompt of each source in random order, so that any prefix is balanced; each source goes through
its own prompts in a fresh random order per epoch. Drawn from raw PCG64 output, whose stream NumPy promises never to
change (NEP 19), so that an order can be made again at any time.
"""

import hashlib

import numpy as np

from isothink.corpus.lengths import CorpusLengths, Integers

_ROUNDS_TAG = 1
_EPOCHS_TAG = 2


def prompt_order(lengths: CorpusLengths, *, seed: int, count: int) -> Integers:
    """The first `count` positions: indices of pairs. A shorter order is a prefix of a longer one."""
    number = len(lengths.sources)
    rounds = max(1, -(-count // number))
    keys = _raw(seed, _ROUNDS_TAG, 0, rounds * number).reshape(rounds, number)
    slots = np.argsort(keys, axis=1, kind="stable")
    by_source = np.stack([_source_order(lengths, index, seed, rounds) for index in range(number)], axis=1)
    return np.take_along_axis(by_source, slots, axis=1).reshape(-1)[:count]


def _source_order(lengths: CorpusLengths, source: int, seed: int, count: int) -> Integers:
    members = np.flatnonzero(lengths.source == source)
    epochs = -(-count // len(members))
    orders = [
        members[np.argsort(_raw(seed, _EPOCHS_TAG, (source << 32) + epoch, len(members)), kind="stable")]
        for epoch in range(epochs)
    ]
    return np.concatenate(orders)[:count]


def _raw(seed: int, tag: int, part: int, count: int) -> np.ndarray:
    generator = np.random.PCG64(np.random.SeedSequence([seed, tag, part]))
    return np.asarray(generator.random_raw(count), dtype=np.uint64)


def format_draws(lengths: CorpusLengths, *, seed: int) -> np.ndarray:
    """One number in [0, 1) per pair, a seeded hash of its id: below rho, a mixed arm shows the reasoning answer."""
    draws = [
        int.from_bytes(hashlib.sha256(f"{seed}\t{pair}".encode()).digest()[:8], "big") / 2.0**64 for pair in lengths.ids
    ]
    return np.asarray(draws, dtype=np.float64)
