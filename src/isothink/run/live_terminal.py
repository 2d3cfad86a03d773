"""The live view in a terminal: drawn on standard error now and then, gone when it ends. Opened by progress.py."""

from collections.abc import Callable

from rich.console import Console, ConsoleOptions, ConsoleRenderable, Group, RenderResult
from rich.control import Control
from rich.live import Live
from rich.text import Text

from isothink.run.live_view import view
from isothink.run.study_progress import Snapshot

DRAWN_PER_SECOND = 1
"""As often as its clock moves: benchmarks/live_view.py says what that costs."""


class LiveTerminal:
    """Draws snapshots until it is closed, whatever ends the run; lines that are said stay above it."""

    def __init__(self, snapshot: Callable[[], Snapshot], console: Console | None = None) -> None:
        self._snapshot = snapshot
        self._console = console or Console(stderr=True)
        self._live = _Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=DRAWN_PER_SECOND,
            transient=True,
            redirect_stdout=False,  # data goes there, and only there
            vertical_overflow="crop",
        )

    def open(self) -> None:
        """Begins to draw, from a thread of its own."""
        self._live.start(refresh=True)

    def close(self) -> None:
        """Removes the view and gives the terminal back as it was."""
        try:
            self._live.stop()
        finally:
            self._console.show_cursor(True)

    def draw(self) -> None:
        """Draws at once."""
        self._live.refresh()

    def say(self, line: str) -> None:
        """Puts a line above the view."""
        self._console.print(Text(line), highlight=False)

    def _draw(self) -> ConsoleRenderable:
        return _Fitting(self._snapshot())


class _Fitting:
    """A snapshot that is drawn in the terminal's size of the moment; the last line stays free for the cursor."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = view(
            self._snapshot,
            width=options.max_width,
            height=max(1, options.size.height - 1),
            ascii_only=options.ascii_only,
        )
        yield Group(*lines)


class _Live(Live):
    """A view that survives a narrower terminal: there its old lines were broken anew, and no count of them holds."""

    _width = 0

    def refresh(self) -> None:
        """Draws; after the terminal became narrower, on a clear screen."""
        width = self.console.width
        if width < self._width:
            self.console.control(Control.clear(), Control.home())
        self._width = width
        super().refresh()
