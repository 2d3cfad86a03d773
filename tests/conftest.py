"""Orders the suite for two processes, each of which takes a file at a time; opens a browser for the tests of pages."""

from pathlib import Path

import pytest

from .browsing import CHROMIUM, FLAGS

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Files whose tests run whole studies come first: one of them at the end would keep one process waiting alone."""
    items.sort(key=lambda item: _place(item.path))


def _place(path):
    if path.parent == HERE / "run":
        return 0
    return 1 if path.parent in (HERE, HERE / "backends") else 2


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window. Skipped, visibly, where it cannot be driven.

    Of a module, not of the session: while it is driven an event loop runs in this process, and later tests need theirs.
    """
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the page is not opened")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser to drive")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()
