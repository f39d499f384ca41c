"""Which language this console speaks."""

from __future__ import annotations

import os


def speaks_chinese() -> bool:
    """Whether messages should be in Chinese, by the usual locale variables."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value.lower().startswith("zh")
    return False


def say(zh: str, en: str) -> str:
    """Whichever of two ready texts this console speaks."""
    return zh if speaks_chinese() else en
