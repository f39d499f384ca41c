"""The file of a push for a terminal: in ranges (RFC 9110 14), at the pace of its school's line."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import structlog
from aiohttp import web

from ..coordinator.push_receiving import Fetch
from .access import TERMINAL
from .keys import SERVICES

PATH: Final = "/api/terminal/pushes/{push}/{target}/file"
ROUTE: Final = "api.terminal.pushes.file"
#: A terminal that takes nothing for so long is gone; it resumes.
IDLE_S: Final = 30.0
# One range, as `bytes=100-` or `bytes=100-199`; another form is answered with the whole file.
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")

log = structlog.get_logger(__name__)


def file_url(push: str, target: str) -> str:
    """Where a terminal fetches."""
    return PATH.format(push=push, target=target)


async def serve_push_file(request: web.Request) -> web.StreamResponse:
    """`GET`: the file, or the rest of it; `?asked=1` when a person in the room wants it now.

    A range counts only of the file the terminal began with: `If-Range` with its ETag (the SHA-256).
    """
    receiver = request.app[SERVICES].receiver
    fetch = await receiver.fetch(
        request[TERMINAL],
        request.match_info["push"],
        request.match_info["target"],
        asked=request.query.get("asked") == "1",
    )
    size = fetch.version.bytes
    etag = f'"{fetch.version.sha256}"'
    part = _range(request, etag, size)
    if part is not None and part[0] >= size:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = part or (0, size)
    response = web.StreamResponse(status=200 if part is None else 206)
    response.content_type = fetch.version.media_type
    response.content_length = last - first
    response.headers.update(
        {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    )
    if part is not None:
        response.headers["Content-Range"] = f"bytes {first}-{last - 1}/{size}"
    await response.prepare(request)
    await _send(request, response, fetch, first, last)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, fetch: Fetch, first: int, last: int
) -> None:
    sent = first
    try:
        async for block in request.app[SERVICES].receiver.blocks(fetch, first, last):
            async with asyncio.timeout(IDLE_S):
                await response.write(block)
            sent += len(block)
    except (TimeoutError, ConnectionError) as error:
        log.debug("push.broke_off", file=fetch.version.file, at=sent, error=type(error).__name__)
    if sent < last and request.transport is not None:
        # Less than was announced: only cutting the connection says so.
        request.transport.abort()


def _range(request: web.Request, etag: str, size: int) -> tuple[int, int] | None:
    """`[first, last)` that is asked for, or None for the whole file."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", etag) != etag:
        return None
    first = int(match[1])
    last = size if match[2] is None else min(size, int(match[2]) + 1)
    return None if last <= first < size else (first, last)
