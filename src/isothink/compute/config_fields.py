"""Checked reading of one Hugging Face `config.json`: each mistake is one line naming the key. For architecture.py."""

import math
from collections.abc import Mapping
from typing import Any

from isothink.errors import ArchitectureError

LARGEST_SIZE = 10**9
LARGEST_LAYER_COUNT = 10_000


def shown(value: object) -> str:
    """The value for an error message: on one line, and short."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


class ConfigFields:
    """The fields of a text model's configuration; null counts as absent, except where a caller asks `has`."""

    def __init__(self, values: Mapping[str, Any], name: str) -> None:
        self._values = values
        self.name = name

    def error(self, key: str, problem: str) -> ArchitectureError:
        """The error to raise about a key."""
        return ArchitectureError(f"{' '.join(self.name.split())}: {key} {problem}")

    def get(self, key: str) -> Any:
        """The raw value, or None."""
        return self._values.get(key)

    def has(self, key: str) -> bool:
        """Whether the key is there, even as null."""
        return key in self._values

    def positive(self, key: str, default: int | None = None, largest: int = LARGEST_SIZE) -> int:
        """A whole number from 1 to `largest`.

        Raises ArchitectureError if it is absent and has no default, or is anything else.
        """
        value = self._values.get(key)
        if value is None:
            if default is None:
                raise self.error(key, f"is missing; it must be a whole number from 1 to {largest}")
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
            raise self.error(key, f"is {self._number(value)}; it must be a whole number from 1 to {largest}")
        return value

    def natural(self, key: str, default: int) -> int:
        """A whole number from 0; raises ArchitectureError otherwise."""
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_SIZE:
            raise self.error(key, f"is {self._number(value)}; it must be a whole number from 0 to {LARGEST_SIZE}")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """True or false; raises ArchitectureError for anything else."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, f"is {shown(value)}; it must be true or false")
        return value

    def sequence(self, key: str) -> list[Any] | None:
        """A list, or None if absent; raises ArchitectureError for anything else."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            raise self.error(key, f"is {shown(value)}; it must be a list")
        return list(value)

    @staticmethod
    def _number(value: object) -> str:
        if isinstance(value, float) and not math.isfinite(value):
            return "not a finite number (" + str(value) + ")"
        try:
            return shown(value)
        except ValueError:  # an integer of more than 4300 digits has no decimal text in Python
            return "a number of thousands of digits"
