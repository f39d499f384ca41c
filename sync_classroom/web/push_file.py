"""The file of a push for a terminal, or for its school's cache: in ranges (RFC 9110 14), at the
pace of the school's line.

What a cache fetches it may keep and show to every terminal of its school: the address holds the
school's secret and the file's hash, and the same bytes for ever. Its query says for which order
some terminal wants it, and is no part of what is kept.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import structlog
from aiohttp import web

from ..coordinator.push_files import Fetch
from ..domain.problems import ProblemError
from .access import TERMINAL
from .keys import SERVICES

PATH: Final = "/api/terminal/pushes/{push}/{target}/file"
ROUTE: Final = "api.terminal.pushes.file"
CACHED_PATH: Final = "/api/push-files/{token}/{sha256}"
CACHED_ROUTE: Final = "api.push-files"
#: A cache keeps it as long as an order of the automatic rule lives.
_CACHED: Final = {
    "Cache-Control": "public, max-age=2592000, immutable",
    # Terminals' pages ask another host; who knows the address may read, with no cookie.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_UNCACHED: Final = {"Cache-Control": "private, no-store"}
#: A terminal that takes nothing for so long is gone; it resumes.
IDLE_S: Final = 30.0
# One range, as `bytes=100-` or `bytes=100-199`; another form is answered with the whole file.
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")

log = structlog.get_logger(__name__)


def file_url(push: str, target: str) -> str:
    """Where a terminal fetches."""
    return PATH.format(push=push, target=target)


def cached_url(cache: str, token: str, sha256: str, push: str) -> str:
    """Where a terminal of a school with a cache fetches first."""
    return f"{cache}{CACHED_PATH.format(token=token, sha256=sha256)}?push={push}"


async def serve_push_file(request: web.Request) -> web.StreamResponse:
    """`GET`: the file, or the rest of it; `?asked=1` when a person in the room wants it now.

    A range counts only of the file the terminal began with: `If-Range` with its ETag (the SHA-256).
    """
    info = request.match_info
    fetch = await request.app[SERVICES].push_files.fetch(
        request[TERMINAL], info["push"], info["target"], asked=_asked(request)
    )
    return await _serve(request, fetch, _UNCACHED)


async def serve_cached_file(request: web.Request) -> web.StreamResponse:
    """`GET` of a school's cache: as `serve_push_file`, for every terminal of the school."""
    info, push = request.match_info, request.query.get("push", "")
    fetch = await request.app[SERVICES].push_files.fetch_cached(
        info["token"], info["sha256"], push, asked=_asked(request)
    )
    return await _serve(request, fetch, _CACHED)


def _asked(request: web.Request) -> bool:
    return request.query.get("asked") == "1"


async def _serve(
    request: web.Request, fetch: Fetch, headers: Mapping[str, str]
) -> web.StreamResponse:
    size = fetch.version.bytes
    etag = f'"{fetch.version.sha256}"'
    part = _range(request, etag, size)
    if part is not None and part[0] >= size:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = part or (0, size)
    response = web.StreamResponse(status=200 if part is None else 206)
    response.content_type = fetch.version.media_type
    response.content_length = last - first
    response.headers.update({"ETag": etag, "Accept-Ranges": "bytes", **headers})
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
        async for block in request.app[SERVICES].push_files.blocks(fetch, first, last):
            async with asyncio.timeout(IDLE_S):
                await response.write(block)
            sent += len(block)
    except (TimeoutError, ConnectionError, ProblemError) as error:
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


ROUTES: Final = (
    (ROUTE, PATH, serve_push_file),
    (CACHED_ROUTE, CACHED_PATH, serve_cached_file),
)
