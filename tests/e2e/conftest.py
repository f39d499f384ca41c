"""One Chromium for all tests of a file."""

from tests.support.browser import browser

__all__ = ["browser"]
