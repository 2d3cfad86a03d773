"""The prompt order: one per seed, shared by all arms, each of which reads a prefix of it. Used by plan/ and run/.

Sources are interleaved at random, in proportion to their sizes: the k-th member of a source of n has the key (k + u)/n
with u drawn from [0, 1), and keys increase along the order, so that any prefix has the sources in their proportions and
the first keys below one hold every pair exactly once. Where sources are balanced n is 1: every round takes one prompt
of each. A source goes through its own prompts in a fresh random order per epoch.

Drawn from raw PCG64 output, whose stream NumPy promises never to change (NEP 19), so that an order can be made again at
any time.
"""

import hashlib

import numpy as np

from isothink.corpus.lengths import CorpusLengths, Integers

ORDER_VERSION = 2
"""Part of every segment's identity: raise it when the same corpus and seed give another order."""

_ROUNDS_TAG = 1
_EPOCHS_TAG = 2
_FORMATS_TAG = 4
_DRAW_BITS = 24
"""Bits of u in a key: k + u and its quotient by n stay distinct and ordered in 53 bits for k below 2^28."""
_CHUNK = 1 << 16


def prompt_order(lengths: CorpusLengths, *, seed: int, count: int) -> Integers:
    """The first `count` positions: indices of pairs. A shorter order is a prefix of a longer one."""
    shares = source_shares(lengths)
    members = [_members_within(share, sum(shares), len(shares), count) for share in shares]
    draws = _draws(seed, members)
    keys = [
        (np.arange(len(drawn)) + (drawn >> np.uint64(64 - _DRAW_BITS)) * 2.0**-_DRAW_BITS) / share
        for drawn, share in zip(draws, shares, strict=True)
    ]
    slots = _sorted_slots(np.concatenate(keys), np.concatenate(draws))[:count]
    by_source = [_source_order(lengths, index, seed, many) for index, many in enumerate(members)]
    order: Integers = np.concatenate(by_source)[slots]
    return order


def source_shares(lengths: CorpusLengths) -> list[int]:
    """How many prompts of each source the order reads in the time of one unit of its keys."""
    if lengths.is_balanced:
        return [1] * len(lengths.sources)
    return [int(size) for size in np.bincount(lengths.source, minlength=len(lengths.sources))]


def _members_within(share: int, all_shares: int, sources: int, count: int) -> int:
    """As many members of a source as the first `count` positions can hold.

    The key of the last position is less than (count + sources) / all_shares: by then every source has at least all but
    one of the members that its share gives it.
    """
    return (count + sources) * share // all_shares + 2


def _draws(seed: int, members: list[int]) -> list[np.ndarray]:
    """The raw draw of every member: round k of the generator holds the k-th draw of each source."""
    generator = np.random.PCG64(np.random.SeedSequence([seed, _ROUNDS_TAG, 0]))
    drawn = [np.empty(many, dtype=np.uint64) for many in members]
    for first in range(0, max(members), _CHUNK):
        rounds = min(_CHUNK, max(members) - first)
        raw = np.asarray(generator.random_raw(rounds * len(members)), dtype=np.uint64).reshape(rounds, len(members))
        for index, own in enumerate(drawn):
            taken = own[first : first + rounds]
            taken[:] = raw[: len(taken), index]
    return drawn


def _sorted_slots(keys: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """The order of increasing keys; of equal keys, the one with the smaller draw comes first, then the earlier source.

    Keys of one source increase already, so a merging sort has little to do.
    """
    slots = np.argsort(keys, kind="stable")
    equal = np.flatnonzero(np.diff(keys[slots]) == 0)
    if len(equal):
        tied = np.union1d(equal, equal + 1)
        among = slots[tied]
        slots[tied] = among[np.lexsort((among, raw[among], keys[among]))]
    return slots


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
    """One number in [0, 1) per pair, a seeded hash of its id: below rho, a mixed arm shows the reasoning answer.

    Of pairs that are declared and not made, a random one, which takes a quarter of the time of such a plan less.
    """
    if lengths.origin == "declared":  # nobody has made the pairs: they have no ids yet
        return _raw(seed, _FORMATS_TAG, 0, lengths.unique_prompts) / 2.0**64
    prefix, hashed = f"{seed}\t", hashlib.sha256  # plans of millions of pairs spend much of their time here
    digests = b"".join([hashed((prefix + pair).encode()).digest() for pair in lengths.ids])
    return np.frombuffer(digests, dtype=">u8")[:: hashed().digest_size // 8] / 2.0**64
