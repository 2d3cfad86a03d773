"""Arms: what a student is trained on. Parsed from the study file, read by planning, training and evidence.

Definitions: every arm reads a prefix of one prompt order; rho is the share of reasoning *instances*
(arXiv:2509.22193 calls the last two curricula).
"""

import re
from dataclasses import dataclass
from typing import Literal

Format = Literal["ift", "reasoning"]
FORMATS: tuple[Format, ...] = ("ift", "reasoning")
ArmKind = Literal["ift", "reasoning", "curriculum"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plain:
    """Every instance in one format."""

    format: Format

    kind = property(lambda self: self.format)

    def __str__(self) -> str:
        return self.format


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequential:
    """The first `1 - rho` of the prompts as IFT, then the rest as reasoning."""

    rho: float

    kind = property(lambda self: "curriculum")

    def __str__(self) -> str:
        return f"sequential({self.rho!r})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    """The format of each prompt decided by a seeded hash of its id below `rho`."""

    rho: float

    kind = property(lambda self: "curriculum")

    def __str__(self) -> str:
        return f"mixed({self.rho!r})"


Arm = Plain | Sequential | Mixed

ALLOWED = "ift, reasoning, sequential(RHO) or mixed(RHO) with 0 < RHO < 1"
_CURRICULUM = re.compile(r"(sequential|mixed)\(\s*([0-9.eE+-]+)\s*\)")
ARM_PATTERN = f"ift|reasoning|{_CURRICULUM.pattern}"
"""What an arm looks like, for the study file's JSON Schema."""


def parse_arm(text: str) -> Arm:
    """The arm that `text` names, for example `sequential(0.5)`.

    Raises:
        ValueError: `text` names no arm; the message says what is allowed.
    """
    if text in FORMATS:
        return Plain(format=text)
    match = _CURRICULUM.fullmatch(text)
    if match is None:
        raise ValueError(f"allowed are {ALLOWED}")
    try:
        rho = float(match[2])
    except ValueError:
        raise ValueError(f"allowed are {ALLOWED}") from None
    if not 0.0 < rho < 1.0:
        raise ValueError(f"allowed are {ALLOWED}")
    return Sequential(rho=rho) if match[1] == "sequential" else Mixed(rho=rho)
