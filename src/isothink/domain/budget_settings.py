"""What cells are matched by, and the budgets they get. A part of the study file's schema."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.arm import Format
from isothink.domain.study_record import Count, StudyRecord, distinct

Flops = Annotated[float, Field(gt=0, le=1e30)]
"""Up to a thousand times the largest training run that is known of."""
Match = Literal["training_flops", "samples"]


def _increasing(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(values):
        raise PydanticCustomError("order", "allowed are values that increase")
    return values


def _checked(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return None if values is None else _increasing(distinct(values))


class DeclaredSource(StudyRecord):
    """One source of prompts, as it is expected to be: how many, and their mean lengths in the students' tokens.

    An answer's length is drawn from a log-normal distribution of this mean and coefficient of variation.
    """

    prompts: Count
    """How many prompts."""
    prompt_tokens: Count
    """Mean length of a prompt."""
    ift_tokens: Count
    """Mean length of a plain answer."""
    reasoning_tokens: Count
    """Mean length of a trace with its answer."""
    variation: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Standard deviation of answers' lengths over their mean."""


class DeclaredLengths(StudyRecord):
    """What a plan assumes before any pair exists; a pilot's or the frozen corpus's lengths take its place."""

    sources: Annotated[dict[str, DeclaredSource], Field(min_length=1)]
    """By the name of the prompt set (`source`)."""
    item_prompt_tokens: Count = 200


class Budgets(StudyRecord):
    """Caps on what one cell is trained on: FLOPs in the `exact` convention, or numbers of prompts.

    `one_epoch_of` makes them relative to each student: `fractions` of what going once through all pairs in that format
    costs it, or of the number of pairs where cells are matched by `samples`.
    """

    training_flops: Annotated[tuple[Flops, ...] | None, Field(min_length=1, strict=False), AfterValidator(_checked)] = (
        None
    )
    """Training FLOPs, in increasing order."""
    samples: Annotated[tuple[Count, ...] | None, Field(min_length=1, strict=False), AfterValidator(_checked)] = None
    """Numbers of prompts, with `match: samples`."""
    one_epoch_of: Format | None = None
    """The format whose epoch is the unit of `fractions`."""
    fractions: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1000)], ...] | None,
        Field(min_length=1, strict=False),
        AfterValidator(_checked),
    ] = None
    """Shares of that epoch, in increasing order."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Budgets":
        given = [name for name in ("training_flops", "samples", "one_epoch_of") if getattr(self, name) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "budgets",
                "allowed is one of training_flops, samples, one_epoch_of with fractions; given are {given}",
                {"given": " and ".join(given) or "none"},
            )
        if (self.one_epoch_of is None) != (self.fractions is None):
            raise PydanticCustomError("budgets", "allowed are one_epoch_of and fractions together")
        return self
