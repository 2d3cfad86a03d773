"""The documents say what the code says: generated pages, the file tree, links between pages, fields of records."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from isothink.evidence.record import (
    BreakEven,
    Comparison,
    ConfigurationResult,
    Evidence,
    Frontier,
    FrontierMember,
    Money,
    Recommendation,
    Verdict,
)

from .console_blocks import FENCE, ROOT, pages, text_of

PAGES = [*pages(), "ARCHITECTURE.md", "CHANGELOG.md"]
LINK = re.compile(r"\[[^\[\]]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)


def test_generated_pages_and_the_file_tree_are_up_to_date():
    script = ROOT / "scripts" / "generate_docs.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def prose_of(path):
    """A page without its code, whose brackets are no links and whose comments are no headings."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`(?!\])", "", text)


def anchors_of(path):
    """The names that GitHub gives to a page's headings."""
    headings = HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path):
    """Targets of a page's links that do not exist; those on the web are not asked."""
    broken = []
    for target in LINK.findall(prose_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in anchors_of(path)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert broken_links(ROOT / page) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# What `it` is: a title\n```\n# no heading\n```\n", encoding="utf-8")
    page.write_text(
        "[a](other.md) [b](gone.md) [c](other.md#what-it-is-a-title) [d](other.md#no-heading) [e](#nowhere) "
        "[f](https://example.org/gone) ![g](gone.png) `[h](code.md)`\n```\n[i](fenced.md)\n```\n[`j`](lost.md)",
        encoding="utf-8",
    )
    assert broken_links(page) == ["gone.md", "other.md#no-heading", "#nowhere", "gone.png", "lost.md"]


def test_the_index_names_every_page_once():
    links = LINK.findall(text_of("docs/README.md"))
    own = sorted(link for link in links if not link.startswith("../"))
    assert own == sorted(Path(page).name for page in pages() if page.startswith("docs/") and page != "docs/README.md")


@pytest.mark.parametrize(
    ("page", "record"),
    [
        *(("docs/verdicts.md", record) for record in (Verdict, Recommendation, BreakEven, Money)),
        *(
            ("docs/uncertainty.md", record)
            for record in (Evidence, ConfigurationResult, Comparison, Frontier, FrontierMember)
        ),
    ],
)
def test_every_field_of_a_stored_record_is_explained(page, record):
    named = set(re.findall(r"`(\w+)`", text_of(page)))
    assert set(record.model_fields) - named == set()
