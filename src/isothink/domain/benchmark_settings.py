"""A benchmark: the items that students answer, from a file or the Hub. It has a file of its own."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.prompt_settings import PromptSet
from isothink.domain.study_record import Count, Name, StudyRecord, Words


class Benchmark(StudyRecord):
    """Items with reference answers: rows that are prompts with a reference; `answer_format` says how it is judged."""

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    name: Name
    family: Name
    set: PromptSet
    cluster: Words | None = None
    """The column that items of one passage share; each item stands alone by default."""
    items: Count | None = None
    """How many items there are, as published; for a plan that is made before they are read."""
    prompt_tokens: Count | None = None
    """Mean length of a rendered prompt, as expected; likewise."""

    @model_validator(mode="after")
    def _can_be_scored(self) -> "Benchmark":
        if self.set.rows.layout != "prompts" or self.set.answer_format is None:
            raise PydanticCustomError(
                "benchmark",
                "set: a benchmark needs rows in layout prompts, with a reference, and an answer_format",
            )
        return self
