"""The process that leads others works by itself: the scheduler's only worker where several processes train together.

Segments are trained together (run/training.py); at all other steps the others wait for the next segment.
"""

from isothink.errors import GroupError, IsothinkError
from isothink.run.scheduler import Inbox, Listener, Worker
from isothink.run.step import execute_step
from isothink.run.workspace import Workspace


class Leader(Worker):
    """A worker without a process of its own: whoever hands it a step waits for the answer."""

    def __init__(self, workspace: Workspace, listener: Listener, inbox: Inbox) -> None:
        self.number = 0
        self.step: str | None = None
        self._workspace = workspace
        self._listener = listener
        self._inbox = inbox

    def start(self, step: str) -> None:
        """Executes a step.

        Raises:
            GroupError: this process left the others in the middle of a segment.
        """
        self.step = step
        try:
            execute_step(self._workspace, step, lambda progress: self._listener.progressed(step, progress))
        except GroupError:
            raise
        except IsothinkError as error:
            self._answer(event="failed", error=error.message, hint=error.hint, is_usage=error.exit_status == 2)
        except Exception as error:
            text = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            if self._workspace.segment(step) is not None:
                raise GroupError(
                    f"{step}: {text}",
                    hint="the other processes cannot go on without this one; the same command resumes",
                ) from error
            self._answer(event="failed", error=text)
        else:
            self._answer(event="done")

    def interrupt(self) -> None:
        """Nothing: the interruption came to this process."""

    def wait(self) -> None:
        """Nothing: it has ended already."""

    def stop(self) -> None:
        """Nothing: the process goes on."""

    def _answer(self, **facts: object) -> None:
        self._inbox.put((self, {"step": self.step, **facts}))
