"""A stretch of a recording that is being written, for a terminal that watches what it missed."""

from __future__ import annotations

import asyncio
import math
from typing import Final

import structlog
from aiohttp import web

from ..coordinator.missed import blocks
from ..domain.ids import OccurrenceId
from ..domain.problems import ProblemError
from .access import TERMINAL
from .keys import SERVICES

PATH: Final = "/api/terminal/lessons/{lesson}/missed/{name}"
ROUTE: Final = "api.terminal.missed.file"
#: A page that plays takes something within this time; one that stands still asks again.
IDLE_S: Final = 60.0
#: A day: no lesson is longer.
MAX_S: Final = 86_400.0

log = structlog.get_logger(__name__)


def file_url(lesson: str, name: str) -> str:
    """Where a terminal gets a file."""
    return PATH.format(lesson=lesson, name=name)


async def serve_missed_file(request: web.Request) -> web.StreamResponse:
    """`GET`: the file's header and the fragments that play from `from_s` to `to_s`.

    The media type names the codecs. `204` where that is not written yet.
    """
    service = request.app[SERVICES].missed
    path, stretch = await service.stretch(
        request[TERMINAL],
        OccurrenceId(request.match_info["lesson"]),
        request.match_info["name"],
        _seconds(request, "from_s"),
        _seconds(request, "to_s"),
    )
    if stretch.first == stretch.last:
        return web.Response(status=204)
    response = web.StreamResponse()
    response.headers.update({"Content-Type": stretch.media_type, "Cache-Control": "no-store"})
    response.content_length = length = stretch.header + stretch.last - stretch.first
    await response.prepare(request)
    sent = 0
    try:
        async for block in blocks(path, stretch):
            async with asyncio.timeout(IDLE_S):
                await response.write(block)
            sent += len(block)
    except (TimeoutError, OSError) as error:
        log.debug("missed.broke_off", file=path.name, at=sent, error=type(error).__name__)
    if sent < length and request.transport is not None:
        # Less than was announced: only cutting the connection says so.
        request.transport.abort()
    return response


def _seconds(request: web.Request, field: str) -> float:
    text = request.query.get(field, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0.0 <= value <= MAX_S:
        return value
    raise ProblemError(
        "missed_bad_time",
        f"{field} 应为录像开始后的秒数（0 到 {MAX_S:.0f}），收到的是“{text[:40]}”。",
        f"{field} must be seconds from the recording's start (0 to {MAX_S:.0f}), not"
        f" “{text[:40]}”.",
        field=field,
        value=text[:40],
    )
