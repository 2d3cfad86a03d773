"""What starter studies have in common: the head, the arms, the verdict. For starter_toy.py and starter_real.py."""

import re

from isothink.domain.study import SCHEMA_VERSION
from isothink.store.commented_yaml import Entry, entry


def as_name(text: str) -> str:
    """A text as a name in the study file: what a name cannot hold becomes a hyphen."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:64]


def head(name: str, title: str) -> list[Entry]:
    """What every study begins with."""
    return [
        entry("schema_version", SCHEMA_VERSION, "of this format"),
        entry("name", name, "the run folder is runs/NAME"),
        entry("title", title, "the report's heading"),
    ]


def arm_list() -> Entry:
    """Both formats, and a curriculum."""
    return entry("arms", ["ift", "reasoning", "sequential(0.5)"], "plain answers; traces; plain ones, then traces")


def verdict() -> Entry:
    """What the report decides for."""
    queries = entry("queries", 1e6, "that a student will serve; each costs the more, the longer its answer")
    return entry("verdict", (queries,), "what the report decides for")
