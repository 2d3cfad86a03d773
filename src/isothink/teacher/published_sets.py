"""What is known of published data sets before they are read, checked when one is first loaded. Called by run/.

`published_sets.json` says where each fact comes from. None of the revisions could be read when it was written
(`verified` is false), so a difference is a finding that is stored and shown, not an error.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from pydantic import RootModel

from isothink.domain.record import Record
from isothink.errors import UsageError


class PublishedSet(Record):
    """A data set on the Hub. `splits` says how many rows each holds, None where nobody says so.

    `pairs_split` is the split that holds finished pairs, for sets whose other splits hold one side alone.
    """

    columns: tuple[str, ...]
    splits: dict[str, int | None]
    pairs_split: str | None
    licence: str
    facts_from: str
    revision: str | None
    verified: bool


class _PublishedSets(RootModel[dict[str, PublishedSet]]):
    """The file."""


@cache
def published_sets() -> dict[str, PublishedSet]:
    """Every known data set by its name on the Hub."""
    text = files("isothink.teacher").joinpath("published_sets.json").read_text(encoding="utf-8")
    return _PublishedSets.model_validate_json(text).root


def check_published(name: str, columns: Sequence[str], rows: int, split: str) -> list[str]:
    """What differs between a data set as it was loaded and what is known of it; nothing is known of most.

    Raises:
        UsageError: a column that it should have is missing.
    """
    known = published_sets().get(name)
    if known is None:
        return []
    missing = [column for column in known.columns if column not in columns]
    if missing:
        raise UsageError(
            f"{name}: found no column {missing[0]!r}, its columns are {', '.join(columns) or 'none'}",
            hint=f"it was published with {', '.join(known.columns)}; set `revision` to a commit that has them",
        )
    findings = []
    if split not in known.splits and "[" not in split:  # train[:100] is a part of a split
        findings.append(f"{name}: split {split!r} is not known; known are {', '.join(known.splits)}")
    expected = known.splits.get(split)
    if expected is not None and rows != expected:
        findings.append(f"{name}: found {rows} rows in split {split!r}, {expected} were published")
    if known.pairs_split is not None and split in known.splits and split != known.pairs_split:
        findings.append(f"{name}: split {split!r} may hold one side alone; pairs are in {known.pairs_split!r}")
    return findings
