"""How a set of pairs came to be, as one record. Made by run/generation.py, printed by cli/, stated in the report."""

from pydantic import JsonValue

from isothink.domain.filter_settings import Filters
from isothink.domain.record import Record
from isothink.teacher.probe import RequestDifference
from isothink.teacher.projection import Projection
from isothink.teacher.tally import DropCount, ModeSummary


class PairSummary(Record):
    """How a set of pairs came to be: stored in its manifest, printed by `isothink generate`, stated in the report.

    `toggle` is what is sent in each mode, `differences` are the places in which the rendered requests differ.
    `sampling_differences` should be empty: what is drawn differently confounds the experiment. `seconds` is the wall
    time of asking, over all attempts; `data` says what was read of each data set.
    """

    teacher: str
    backend: str
    prompts_read: int
    prompts_fit: int
    prompts_asked: int
    pairs: int
    dropped: tuple[DropCount, ...]
    off: ModeSummary
    on: ModeSummary
    toggle: dict[str, JsonValue]
    toggle_fingerprint: str
    differences: tuple[RequestDifference, ...]
    sampling: dict[str, JsonValue]
    sampling_differences: dict[str, tuple[JsonValue, JsonValue]]
    filters: Filters
    data: tuple[dict[str, JsonValue], ...]
    seconds: float
    projection: Projection | None
