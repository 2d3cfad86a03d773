"""What can go wrong, as a small tree of exceptions; every module raises these, the command line prints them.

A user's mistake is one line that names the thing, what was found and what is allowed, and perhaps a hint.
"""


class IsothinkError(Exception):
    """Base of all errors that are reported as one line.

    `exit_status` is what the command line returns: 2 for wrong usage or a wrong file, 1 for work that failed.
    """

    exit_status = 1
    usual_hint = ""
    """What the command line adds where an error has no hint of its own; it puts in its name for COMMAND."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = _one_line(message)
        self.hint = _one_line(hint)
        super().__init__(self.message)


def _one_line(text: str) -> str:
    """Escapes line breaks and control characters, which names and values from files may hold."""
    if text.isprintable():  # errors that are caught at once, by the ten thousand, must cost little
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class UsageError(IsothinkError):
    """The command, an argument or a name is wrong."""

    exit_status = 2
    usual_hint = "`isothink COMMAND --help` shows what it takes"


class StudyError(UsageError):
    """The study file is wrong; the message begins with the dotted key."""

    usual_hint = "docs/study-file.md explains every key; `isothink init` writes a study file to begin with"


class ArchitectureError(UsageError):
    """A model configuration that the compute formulas do not cover, or that misses a field."""


class MissingDependencyError(UsageError):
    """An optional library is not installed; the hint says which extra brings it."""


class RunFolderError(IsothinkError):
    """The run folder is locked, damaged, or written by a newer version."""


class StepError(IsothinkError):
    """One step of a study failed; the run records it and goes on with the others."""


class GroupError(StepError):
    """One of several processes failed where the others did not; none can go on, and their launcher ends them all."""
