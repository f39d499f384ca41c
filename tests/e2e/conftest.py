"""One Chromium for all tests of a file, and the longest files first."""

from pathlib import Path

import pytest

from tests.support.browser import browser

__all__ = ["browser"]

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By size: a file that takes minutes is begun at once, not when the others are nearly done."""
    if all(item.path.parent == FOLDER for item in items):
        items.sort(key=lambda item: -item.path.stat().st_size)
