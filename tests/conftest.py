"""Orders the suite for two processes, each of which takes a file at a time."""

from pathlib import Path

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Files whose tests run whole studies come first: one of them at the end would keep one process waiting alone."""
    items.sort(key=lambda item: _place(item.path))


def _place(path):
    if path.parent == HERE / "run":
        return 0
    return 1 if path.parent in (HERE, HERE / "backends") else 2
