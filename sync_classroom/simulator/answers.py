"""What the server refuses, in its own words."""

from __future__ import annotations

import json
from typing import Final

import aiohttp

#: Of an answer that is not a problem of ours, what is worth showing (characters).
SHOWN: Final = 300


class RequestRefusedError(Exception):
    """The server refused a request; its sentence in both languages."""

    def __init__(self, status: int, answer: str) -> None:
        try:
            said = json.loads(answer)
            self.zh, self.en = str(said["zh"]), str(said["en"])
        except (KeyError, TypeError, ValueError):  # a proxy, or no server of ours
            self.zh = self.en = f"HTTP {status} {answer[:SHOWN]}"
        super().__init__(self.en)
        self.status = status


async def accepted(response: aiohttp.ClientResponse) -> None:
    """Raise RequestRefusedError for anything that is no success."""
    if response.status >= 400:
        raise RequestRefusedError(response.status, await response.text())
