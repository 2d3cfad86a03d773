"""The shape of a served model as the study file gives it, for its FLOPs. Used by openai_teacher.py, openai_judge.py."""

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.compute.registry import lookup
from isothink.domain.teacher_settings import TeacherArchitecture
from isothink.errors import StudyError, UsageError


def read_architecture(named: TeacherArchitecture | None, model: str, *, key: str) -> Architecture | None:
    """The shape of a model that the study file names under `key`; None where it says nothing.

    Raises:
        StudyError: there is no such model, or the fields are no architecture.
    """
    if named is None:
        return None
    try:
        return lookup(named) if isinstance(named, str) else architecture_from_config(named, name=model)
    except UsageError as error:
        raise StudyError(f"{key}.architecture: {error.message}", hint=error.hint) from None
