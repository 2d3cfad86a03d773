"""Four lettered options: how they stand in a prompt and how they are read back. Used by the `-mc` tasks."""

from collections.abc import Sequence

LETTERS = ("A", "B", "C", "D")

# Four one-digit options, one group each; tasks put it at the end of their own pattern.
DIGIT_OPTIONS = " ".join(f"{letter} ([0-9])" for letter in LETTERS)


def lettered(options: Sequence[str]) -> str:
    """The options as a prompt shows them, for example `A 1 B 7 C 3 D 5`."""
    return " ".join(f"{letter} {option}" for letter, option in zip(LETTERS, options, strict=True))


def letter_of(option: str, options: Sequence[str]) -> str:
    """The letter before `option`; ValueError where it is not among the options."""
    return LETTERS[options.index(option)]
