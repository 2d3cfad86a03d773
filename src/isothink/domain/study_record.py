"""What all parts of the study file share: the strict base record and the types of its values. Used by domain/ alone."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from isothink.domain.record import Record

PositiveFloat = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=10**7)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
]
"""A name that becomes part of file names: letters, digits, dot, underscore and hyphen."""


def printable(text: str) -> str:
    """Refuses texts with control characters: they are printed, and stand in error messages."""
    if not text.isprintable():
        raise PydanticCustomError("printable", "allowed are printable characters on one line")
    return text


Words = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]
"""A text on one line."""
FilePath = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(printable)]
"""A path; a relative one is beside the study file."""
Text = Annotated[str, Field(max_length=20_000)]
"""A text of any number of lines."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256."""


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuses a value that stands twice."""
    places: dict[Any, int] = {}
    for place, value in enumerate(values):
        first = places.setdefault(value, place)
        if first != place:
            found = {"value": value, "first": first, "second": place}
            raise PydanticCustomError("repeated", "allowed is each value once", found)
    return values


class StudyRecord(Record):
    """A part of the study file; a key that it does not know is an error that names the keys it does."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_key", "unknown key", {"key": str(key), "allowed": sorted(cls.model_fields)}
                    )
        return data
