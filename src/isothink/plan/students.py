"""Students as architectures, checked against the tokenizer. Used by plan/ and by the checks of a study file."""

from typing import Any

from isothink.compute.architecture import Architecture, architecture_from_config
from isothink.domain.study import Study
from isothink.errors import ArchitectureError, StudyError


def student_config(study: Study, index: int, vocabulary_size: int) -> dict[str, Any]:
    """The Hugging Face configuration of one student, its vocabulary filled in.

    Raises:
        StudyError: the study gives a vocabulary smaller than the tokenizer's.
    """
    config: dict[str, Any] = dict(study.students[index].architecture)
    given = config.setdefault("vocab_size", vocabulary_size)
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given < vocabulary_size:
        raise StudyError(
            f"students[{index}].architecture.vocab_size: found {given},"
            f" allowed are numbers from the tokenizer's {vocabulary_size} on"
        )
    return config


def student_architecture(study: Study, index: int, vocabulary_size: int) -> Architecture:
    """The shape of one student.

    Raises:
        StudyError: the formulas do not cover it; the message begins with the key.
    """
    settings = study.students[index]
    try:
        return architecture_from_config(student_config(study, index, vocabulary_size), name=settings.name)
    except ArchitectureError as error:
        raise StudyError(f"students[{index}].architecture: {error.message}", hint=error.hint) from None
