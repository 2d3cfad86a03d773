"""The base of every stored record: frozen, keyword-only, unknown keys refused, NaN and infinity refused.

A missing number is `None` (null in JSON), never 0 or NaN.
"""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable, validated record; `model_dump_json` and `model_validate_json` are its file format."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
