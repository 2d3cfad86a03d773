"""Which pairs are kept. A part of the study file's schema; a filter always drops the pair, never one side."""

from typing import Annotated, Literal

from pydantic import Field

from isothink.domain.prompt_settings import FileSet
from isothink.domain.study_record import Count, StudyRecord


class Decontamination(StudyRecord):
    """Prompts that share `words` consecutive words with a benchmark item are dropped, and the match is shown.

    An item of fewer words, but at least `shortest_item`, matches where it stands whole in the prompt.
    """

    words: Annotated[int, Field(ge=4, le=100)] = 13
    """So many consecutive words in common are a match."""
    shortest_item: Annotated[int, Field(ge=1, le=100)] = 8
    """The fewest words of an item that can match whole."""
    items: bool = True
    """Against the study's own benchmark items."""
    against: Annotated[tuple[FileSet, ...], Field(strict=False)] = ()
    """Further files of questions that must not be trained on."""


class Filters(StudyRecord):
    """What is done with replies that are cut off, wrong, or known from a benchmark."""

    on_length: Literal["drop", "keep", "retry"] = "drop"
    """A reply that the token cap cut off: drop the pair, keep it, or ask again with `retry_max_tokens`, then drop."""
    retry_max_tokens: Count | None = None
    """More than the cap of either mode; twice the cap by default."""
    keep: Literal["all", "both_correct", "reasoning_correct"] = "all"
    """Where prompts have references: which pairs stay. Dropping what only thinking solves would favour IFT."""
    decontamination: Decontamination = Decontamination()
    """Prompts that share words with benchmark items are not trained on."""
