"""The split of questions into train and test, by canonical key. Called by every task whose train and test differ.

The split is a function of the key alone, so questions that are equal up to symmetry always fall on the same side, in
whichever benchmark, seed or process they are drawn.
"""

import hashlib
from typing import Literal

Split = Literal["train", "test"]

TEST_ONE_IN = 5


def split_of(key: str) -> Split:
    """The side on which every question with this canonical key falls: one key in five is for testing."""
    digest = hashlib.sha256(key.encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") % TEST_ONE_IN == 0 else "train"
