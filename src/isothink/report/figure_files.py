"""Every plot of the report as PNG, SVG and CSV, and every table as Markdown and CSV, in one folder. Called by run/.

Names of files are the report's own. What this wrote is listed with its digests in `figures.json`, so that a later call
replaces its own files, and no others.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from isothink.errors import RunFolderError, UsageError
from isothink.report import paper
from isothink.report.data import ReportData
from isothink.report.figure import Figure, csv_text
from isothink.report.section import Section
from isothink.report.sections import all_sections
from isothink.report.table import Table, markdown_line

LISTING, INDEX = "figures.json", "figures.md"


def write_figures(data: ReportData, folder: Path) -> tuple[Path, ...]:
    """Writes all files into `folder`, which is made where it is missing; returns their paths.

    Raises:
        UsageError: `folder` is no folder, or holds a file of one of these names that this did not write.
        RunFolderError: a file cannot be written.
    """
    before = _listed(folder)
    contents = dict(_contents(data))
    for name in contents:
        _require_own(folder / name, before.get(name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in before.keys() - contents.keys():  # of an earlier report
            if _is_own(folder / name, before[name]):
                (folder / name).unlink()
        for name, content in contents.items():
            _replace(folder / name, content)
        listing = {name: _digest(content) for name, content in contents.items()}
        _replace(folder / LISTING, (json.dumps(listing, indent=1) + "\n").encode())
    except OSError as failure:
        raise RunFolderError(f"{folder}: cannot be written: {failure.strerror or failure}") from None
    return tuple(folder / name for name in contents)


def _contents(data: ReportData) -> Iterator[tuple[str, bytes]]:
    sections = all_sections(data)
    for section in sections:
        for figure in section.figures:
            yield f"{figure.id}.png", paper.png(figure)
            yield f"{figure.id}.svg", paper.svg(figure).encode()
            yield f"{figure.id}.csv", csv_text(figure.rows).encode()
        for table in section.tables:
            yield f"{table.id}.md", f"{markdown_line(table.caption)}\n\n{table.markdown}".encode()
            yield f"{table.id}.csv", table.csv_text.encode()
    yield INDEX, _index(data, sections).encode()


def _index(data: ReportData, sections: tuple[Section, ...]) -> str:
    """What each file shows."""
    lines = [
        f"# {markdown_line(data.title)}",
        "",
        f"Figures and tables of the report made {markdown_line(data.generated_at)}.",
        "",
    ]
    for section in sections:
        if section.figures or section.tables:
            lines += [f"## {markdown_line(section.title)}", ""]
            lines += [*map(_line, section.figures), *map(_line, section.tables), ""]
    return "\n".join(lines)


def _line(one: Figure | Table) -> str:
    if isinstance(one, Table):
        return f"- `{one.id}.md`, `.csv`: {markdown_line(one.caption)}"
    subject = f"{markdown_line(one.subject)}: " if one.subject else ""
    return f"- `{one.id}.png`, `.svg`, `.csv`: {subject}{markdown_line(one.title)}. {markdown_line(one.caption)}"


def _listed(folder: Path) -> dict[str, str]:
    """The files that an earlier call wrote, with their digests."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--figures {folder}: found a file, allowed is a folder or a new name")
    try:
        listed = json.loads((folder / LISTING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        listed = None
    if not isinstance(listed, dict) or not all(
        isinstance(digest, str) and name == Path(name).name and name not in ("", ".", "..")
        for name, digest in listed.items()
    ):
        raise UsageError(f"{folder / LISTING}: found no list of figures", hint="name another folder, or move that file")
    return listed


def _require_own(path: Path, digest: str | None) -> None:
    if (path.is_symlink() or path.exists()) and not _is_own(path, digest):
        raise UsageError(
            f"{path}: found a file that isothink did not write, or that was changed since",
            hint="name another folder, or move that file",
        )


def _is_own(path: Path, digest: str | None) -> bool:
    if digest is None or path.is_symlink() or not path.is_file():
        return False
    return _digest(path.read_bytes()) == digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Written beside its place and renamed, so that a file is whole or not there."""
    beside = path.with_name(f".{path.name}.partial")
    beside.write_bytes(content)
    beside.replace(path)
