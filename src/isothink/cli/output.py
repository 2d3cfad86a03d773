"""Printing for all commands: JSON and tables to standard output, errors to standard error."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isothink.errors import IsothinkError
from isothink.report.text import one_line as one_line

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 160


def print_json(data: Any) -> None:
    """Prints JSON (no NaN, no infinity)."""
    print(json.dumps(data, indent=1, allow_nan=False))


def complain(error: IsothinkError, command: str) -> None:
    """Prints an error of a command (empty where it is none) as one line, and its hint as another."""
    print(f"error: {one_line(error.message)}", file=sys.stderr)
    hint = error.hint or error.usual_hint.replace("COMMAND", command or "COMMAND")
    if hint:
        print(f"hint: {one_line(hint)}", file=sys.stderr)


def complain_of_command_line(error: Any, command: str) -> int:
    """Prints what typer says of a wrong option or argument, and returns the exit status."""
    message = str(error.format_message())
    if "\n" in message.strip():  # no command at all: the help
        print(message, file=sys.stderr)
        return int(error.exit_code)
    print(f"error: {one_line(message)}", file=sys.stderr)
    print(f"hint: isothink{f' {command}' if command else ''} --help", file=sys.stderr)
    return int(error.exit_code)


def complain_of_system(error: OSError) -> int:
    """Prints what the operating system refused, and returns the exit status: 2 where permissions are missing."""
    place = "" if error.filename is None else f"{error.filename}: "
    print(f"error: {one_line(place + (error.strerror or str(error)))}", file=sys.stderr)
    if isinstance(error, PermissionError):
        print("hint: who runs isothink needs permission there; `output=FOLDER` puts a run elsewhere", file=sys.stderr)
        return 2
    return 1


def wide_console() -> "Console":
    """A console for tables: as wide as the terminal, and wide enough where the output is a file or a pipe."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Prints rows as a table whose width is that of its contents."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print("no rows", file=sys.stderr)
        return
    table = Table()
    for name in rows[0]:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line("" if value is None else str(value))) for value in row.values()))
    wide_console().print(table)
