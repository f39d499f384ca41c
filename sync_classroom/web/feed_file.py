"""`/feeds/{token}.ics`: a calendar for programs that have no session, by a secret address."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from ..coordinator.feeds import FeedView
from ..coordinator.throttle import Throttle, address_key
from ..domain.feeds import FeedKind
from ..exchange.icalendar_feed import FeedText, feed_bytes
from .keys import SERVICES
from .origin import client_address

FEED_ROUTE: Final = "feeds.ics"
FEED_PATH: Final = "/feeds/{token}.ics"
FEED_THROTTLE: Final[web.AppKey[Throttle]] = web.AppKey("feed_throttle", Throttle)
_CONTENT_TYPE: Final = "text/calendar; charset=utf-8"


async def serve_feed(request: web.Request) -> web.StreamResponse:
    """The calendar, or 304 if the program has it. Unknown addresses wait longer and longer."""
    services, throttle = request.app[SERVICES], request.app[FEED_THROTTLE]
    address = address_key(client_address(request))
    throttle.require("feed", address, time.monotonic())
    feed = await services.feeds.by_token(request.match_info["token"])
    throttle.give_back("feed", address, time.monotonic())
    throttle.require("feed_use", feed.id, time.monotonic())
    view = await services.feeds.view(feed)
    body = await asyncio.to_thread(_made, request, view)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        # The address is a secret: nobody between keeps a copy, and the program asks every time.
        "Cache-Control": "private, no-cache",
        "X-Robots-Tag": "noindex",
    }
    known = request.headers.get("If-None-Match", "")
    if known.strip() == "*" or tag in [
        part.strip().removeprefix("W/") for part in known.split(",")
    ]:
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = _CONTENT_TYPE
    headers["Content-Disposition"] = 'inline; filename="timetable.ics"'
    return web.Response(body=body, headers=headers)


def _made(request: web.Request, view: FeedView) -> bytes:
    services = request.app[SERVICES]
    settings, feed = services.settings, view.feed
    text = FeedText(
        name=view.name,
        language=feed.language,
        site=settings.public_url,
        domain=urlsplit(settings.public_url).hostname or "sync-classroom",
        version=settings.version,
        at_room=feed.target if feed.kind is FeedKind.CLASSROOM else None,
    )
    return feed_bytes(view.events, text, services.roster.current(), services.zone)


def feed_url(public_url: str, token: str) -> str:
    """The whole secret address."""
    return public_url + FEED_PATH.replace("{token}", token)
