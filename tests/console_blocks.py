"""The console blocks of the documents, as pages show them; run by test_readme.py.

A block is light (run by `make test`), or marked by a comment right before it:

    <!-- heavy: why -->      run by `make docs-full`
    <!-- not run: why -->    skipped with the reason, and counted

A YAML block whose first line is a comment with a file's name, `# my-study.yaml`, is a file that the reader writes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(?P<fence>```+)(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!-- (?P<text>[^\n]*?) -->\n+\Z")
MARK = re.compile(r"(?P<kind>heavy|not run): (?P<why>.+)")
FILE_NAME = re.compile(r"# (?P<name>[\w-]+\.yaml)\n")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One console block; `kind` is light, heavy, not run, or the text of a comment that is none of the marks."""

    page: str
    line: int
    kind: str
    why: str
    commands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page for readers, the README first."""
    return ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), "CONTRIBUTING.md"]


def text_of(page: str) -> str:
    """A page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def console_blocks() -> list[Block]:
    """All of them, in the order of pages and lines."""
    return [block for page in pages() for block in blocks_of(page, text_of(page))]


def blocks_of(page: str, text: str) -> list[Block]:
    """The console blocks of one text."""
    found = []
    for fence in FENCE.finditer(text):
        if fence["language"].strip() != "console":
            continue
        comment = COMMENT.search(text, 0, fence.start())
        mark = MARK.fullmatch(comment["text"]) if comment else None
        found.append(
            Block(
                page=page,
                line=text.count("\n", 0, fence.start()) + 1,
                kind=mark["kind"] if mark else comment["text"] if comment else "light",
                why=mark["why"] if mark else "",
                commands=tuple(line[2:] for line in _joined(fence["body"]) if line.startswith("$ ")),
            )
        )
    return found


def _joined(body: str) -> list[str]:
    """Lines, with those that a backslash continues made one."""
    return re.sub(r" *\\\n\s*", " ", body).splitlines()


def written_files() -> dict[str, str]:
    """The files that pages have the reader write, by name."""
    found = {}
    for page in pages():
        for fence in FENCE.finditer(text_of(page)):
            name = FILE_NAME.match(fence["body"])
            if fence["language"].strip() == "yaml" and name:
                assert name["name"] not in found, f"{page}: {name['name']} is written twice"
                found[name["name"]] = fence["body"]
    return found
