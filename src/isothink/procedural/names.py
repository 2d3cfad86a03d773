"""Invented names of lands and towns, the vocabulary of the recall tasks. Called by `recall.py`.

They are pronounceable and mean nothing, so that no pretrained student knows anything about them. The choice goes by a
hash of the name: it is fixed for every version of Python.
"""

import hashlib
from itertools import product

CONSONANTS = "bdfgklmnprstvz"
VOWELS = "aeiou"


def by_hash(words: list[str], salt: str) -> list[str]:
    """The words in an arbitrary order that is the same everywhere."""
    return sorted(words, key=lambda word: hashlib.sha256(f"{salt}/{word}".encode()).digest())


def _invent(pattern: str, count: int) -> tuple[str, ...]:
    """`count` names in which each `c` of the pattern is a consonant and each `v` a vowel, sorted."""
    sounds = [{"c": CONSONANTS, "v": VOWELS}.get(place, place) for place in pattern]
    return tuple(sorted(by_hash(["".join(name) for name in product(*sounds)], "names")[:count]))


# Hardly an English word ends in "u".
LANDS = _invent("cvcu", 64)
TOWNS = _invent("cvzvc", 24)
