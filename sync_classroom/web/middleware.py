"""What surrounds every answer: refusals in one shape, security headers, size limit, counting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from ..domain.problems import ProblemError, ProblemKind
from .access import wants_page
from .feed_file import FEED_ROUTE
from .keys import SERVICES
from .library_uploads import PIECES_ROUTE
from .metrics import METRICS
from .origin import host_of, is_local, is_secure
from .pages.frame import Frame
from .problems import STATUS_OF, by_status, problem_response
from .push_file import CACHED_ROUTE
from .uploads import UPLOAD_ROUTE

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FETCHER: Final = "/terminal/fetcher.js"
# The largest honest body is a lesson with 48 seats, about 8 KiB.
MAX_BODY: Final = 64 * 1024
# 64 KiB over the slowest line that still carries a lesson takes a second.
BODY_S: Final = 10.0
HSTS: Final = "max-age=15552000"  # 180 days; no subdomains: they are not ours to decide
PERMISSIONS: Final = (
    "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), autoplay=(self),"
    " screen-wake-lock=(self), geolocation=(), payment=(), usb=(), serial=(), bluetooth=()"
)


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer by route, method and status, and how long it took."""
    started = time.monotonic()
    status = 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        route = request.match_info.route.name or "none"
        request.app[METRICS].answered(route, request.method, status, time.monotonic() - started)


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal into the shape people and programs read; log what is our fault."""
    try:
        await _receive(request)
        return await handler(request)
    except ProblemError as error:
        return _refusal(request, error, None)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _refusal(request, by_status(error.status), error.status, error)
    except ConnectionResetError:
        raise  # nobody is there to read an answer
    except Exception:
        log.exception("web.failed", method=request.method, path=_loggable(request))
        return _refusal(request, by_status(500), 500)


_SECRET: Final = frozenset({FEED_ROUTE, CACHED_ROUTE, "research-guest", "research-guest-enter"})


def _loggable(request: web.Request) -> str:
    """The address without what is a secret in it: a calendar's, a guest's, a school's cache's."""
    resource = request.match_info.route.resource
    if request.match_info.route.name in _SECRET and resource is not None:
        return resource.canonical
    return request.path


# These read their body themselves, piece by piece, and bound its size and time.
_READS_ITSELF: Final = frozenset({UPLOAD_ROUTE, PIECES_ROUTE})


async def _receive(request: web.Request) -> None:
    """Read the body, bounded in size and time, so that no handler waits for a slow client."""
    if request.match_info.route.name in _READS_ITSELF:
        return
    if (request.content_length or 0) > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY, request.content_length or 0)
    if not request.can_read_body:
        return
    if request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType  # no page sends files; a parser less to attack
    try:
        async with asyncio.timeout(BODY_S):
            await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _refusal(
    request: web.Request,
    error: ProblemError,
    status: int | None,
    cause: web.HTTPException | None = None,
) -> web.StreamResponse:
    response: web.Response
    if wants_page(request):
        error.kind = error.kind if status is None else _KIND_OF.get(status, error.kind)
        response = Frame.of(request).problem(error)
        response.set_status(status or STATUS_OF[error.kind])
    else:
        response = problem_response(error, status)
    if cause is not None and "Allow" in cause.headers:
        response.headers["Allow"] = cause.headers["Allow"]
    if cause is not None and cause.status in (408, 413):
        response.force_close()  # what is still coming is not read
    return response


_KIND_OF: Final = {
    401: ProblemKind.UNAUTHENTICATED,
    403: ProblemKind.FORBIDDEN,
    404: ProblemKind.NOT_FOUND,
    500: ProblemKind.UNAVAILABLE,
    503: ProblemKind.UNAVAILABLE,
}


def _websocket(url: str) -> str:
    return "ws" + url.removeprefix("http")


def content_policy(request: web.Request) -> str:
    """The Content-Security-Policy: own files only; media and signalling of our relay besides.

    The worker that brings pushes may ask schools' caches, too.
    """
    settings = request.app[SERVICES].settings
    connect = ["'self'"]
    # Chromium before 2021 did not count ws: as 'self'; kiosks are old machines.
    if host := host_of(request):
        connect.append(("wss://" if is_secure(request) else "ws://") + host)
    if request.path.endswith(FETCHER):
        caches = request.app[SERVICES].push_files.options.lines.caches
        connect += sorted(set(caches.values()))
    relay = urlsplit(settings.relay_url)
    if relay.scheme in ("http", "https") and relay.netloc:
        connect.append(f"{relay.scheme}://{relay.netloc}")
    return (
        f"default-src 'self'; connect-src {' '.join(connect)}; img-src 'self' data: blob:;"
        " media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """`on_response_prepare`: the headers of every answer, errors and streams too."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", content_policy(request))
    headers["Server"] = "sync-classroom"  # which library and version is nobody's business
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Permissions-Policy"] = PERMISSIONS
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers.setdefault("X-Frame-Options", "DENY")  # for browsers without frame-ancestors
    if is_secure(request) and not is_local(request):
        headers["Strict-Transport-Security"] = HSTS
