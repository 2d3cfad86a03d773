"""Where the metrics of every optimizer step go as they are made, beside the run folder. Used by run/training.py.

A reporter is a convenience: one that fails is said once in the segment's log and left alone.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from isothink.plan.record import Segment
from isothink.run.backends import load_reporter
from isothink.student.protocol import Reporter

if TYPE_CHECKING:
    from isothink.run.workspace import Workspace

Say = Callable[[str], None]


class Reporting:
    """The reporters of one segment."""

    def __init__(self, reporters: Mapping[str, Reporter] | None = None, say: Say = lambda line: None) -> None:
        self._reporters = dict(reporters or {})
        self._say = say

    @classmethod
    def of(cls, workspace: "Workspace", segment: Segment, steps_done: int, say: Say) -> Self:
        """Those that the study asks for, opened."""
        reporters: dict[str, Reporter] = {}
        about = segment.model_dump(include={"id", "parent", "student", "arm", "seed", "kind", "purpose", "peak_rate"})
        for name in workspace.study.resources.report_to:
            try:
                reporters[name] = load_reporter(
                    name,
                    folder=workspace.folder.path / name,
                    project=workspace.study.name,
                    run=segment.id,
                    about=about,
                    first_step=segment.first_step + steps_done,
                )
            except Exception as error:  # whatever a library of others does, training goes on
                say(f"{name} is not told: {_first_line(error)}")
        return cls(reporters, say)

    def log(self, row: Mapping[str, Any]) -> None:
        """Passes on the metrics of one step; unknown ones are left out."""
        values = {name: float(value) for name, value in row.items() if name != "step" and value is not None}
        for name, reporter in list(self._reporters.items()):
            try:
                reporter.log(int(row["step"]), values)
            except Exception as error:  # see above
                del self._reporters[name]
                self._say(f"{name} is told no more: {_first_line(error)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reporter in self._reporters.values():
            with suppress(Exception):
                reporter.close()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
