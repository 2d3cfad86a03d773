"""What must be there before a teacher is asked, looked at before anything starts. Called by pipeline.py.

A library that is missing would otherwise be found by a worker, after the first lines of progress.
"""

from isothink.domain.study import PairStudy
from isothink.run.backends import require_generate_libraries
from isothink.run.identity import pairs_step, pilot_step
from isothink.run.load import default_folder


def require_what_asking_needs(study: PairStudy, *, limit: int | None = None) -> None:
    """Refuses a study whose pairs, or a pilot of `limit` prompts, are yet to be made with a library that is missing.

    Raises:
        MissingDependencyError: naming the library, and the extra that brings it.
    """
    kind, step = ("pairs", pairs_step(study)) if limit is None else ("pilots", pilot_step(study, limit))
    if default_folder(study).manifest(kind, step) is None:
        require_generate_libraries(study)
