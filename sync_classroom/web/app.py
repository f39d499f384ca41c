"""Builds the web application over the coordinator's services: routes, guards, tasks, shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from ..coordinator.ink import InkDesk
from ..coordinator.services import Services
from ..coordinator.throttle import Throttle
from . import api, documents, library_uploads, push_file
from .access import TABLE, access_table, check_routes, guard
from .events import EVENTS, EventFan, serve_events
from .feed_file import FEED_PATH, FEED_ROUTE, FEED_THROTTLE, serve_feed
from .keys import SERVICES
from .metrics import METRICS, METRICS_TOKEN, WebMetrics, serve_metrics
from .middleware import MAX_BODY, add_headers, explain, measure
from .missed_file import PATH as MISSED_FILE_PATH
from .missed_file import ROUTE as MISSED_FILE_ROUTE
from .missed_file import serve_missed_file
from .openapi import serve_openapi
from .pages import PageRoute, page_routes
from .parts import WHOLE, lead_to_whole, whole_pages
from .problems import by_status, problem_response
from .routes import mount
from .static import serve_static, serve_worker
from .terminal_feed import TerminalFeed
from .terminal_socket import SOCKETS, TerminalSockets, serve_terminal
from .uploads import UPLOAD_PATH, UPLOAD_ROUTE, take_upload

# A health check is asked every few seconds by whatever watches the process.
_READY_S: Final = 3.0
_AGAIN_S: Final = 1.0

log = structlog.get_logger(__name__)


async def healthz(request: web.Request) -> web.Response:
    """`GET /healthz`: this process answers."""
    settings = request.app[SERVICES].settings
    return web.json_response(
        {"ok": True, "version": settings.version, "boot": settings.boot},
        headers={"Cache-Control": "no-store"},
    )


async def readyz(request: web.Request) -> web.Response:
    """`GET /readyz`: the database answers too."""
    try:
        async with asyncio.timeout(_READY_S):
            ready = await request.app[SERVICES].store.ready()
    except TimeoutError:
        ready = False
    if not ready:
        return problem_response(by_status(503), 503)
    return web.json_response({"ok": True}, headers={"Cache-Control": "no-store"})


def build_app(services: Services, *, metrics_token: str = "") -> web.Application:
    """The application: API, pages, terminals' sockets, static files.

    `metrics_token` lets `/metrics` be read from other machines. RuntimeError if any route has no
    line in the access table.
    """
    # Outermost first: refusals of the guard are counted and explained like all others.
    app = web.Application(
        middlewares=[measure, explain, guard, lead_to_whole], client_max_size=MAX_BODY
    )
    app[SERVICES] = services
    app[METRICS] = metrics = WebMetrics()
    app[METRICS_TOKEN] = metrics_token
    app[EVENTS] = fan = EventFan(services.bus)
    feed = TerminalFeed(services)
    app[SOCKETS] = TerminalSockets(services, feed, Throttle(), metrics)
    app[FEED_THROTTLE] = Throttle()
    pages = page_routes()
    app[TABLE] = table = access_table(pages)
    app[WHOLE] = whole_pages(pages)
    _add_routes(app, pages)
    check_routes(app, table)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_say_goodbye)
    app.cleanup_ctx.append(_tasks(fan, feed, services.ink))
    return app


def _add_routes(app: web.Application, pages: tuple[PageRoute, ...]) -> None:
    for route in api.ROUTES:
        mount(app, route)
    router = app.router
    router.add_get("/api/events", serve_events, name="api.events", allow_head=False)
    router.add_get("/api/openapi.json", serve_openapi, name="api.openapi")
    router.add_get("/ws/terminal", serve_terminal, name="ws.terminal", allow_head=False)
    router.add_post(UPLOAD_PATH, take_upload, name=UPLOAD_ROUTE)
    router.add_get(documents.PAGE_PATH, documents.page, name=documents.PAGE_ROUTE)
    for name, method, path, handler in library_uploads.ROUTES:
        router.add_route(method, path, handler, name=name)
    for name, path, get in push_file.ROUTES:
        router.add_get(path, get, name=name, allow_head=False)
    router.add_get(MISSED_FILE_PATH, serve_missed_file, name=MISSED_FILE_ROUTE, allow_head=False)
    router.add_get(FEED_PATH, serve_feed, name=FEED_ROUTE)
    router.add_get("/static/{version}/{name:.+}", serve_static, name="static")
    router.add_get("/terminal-sw.js", serve_worker, name="terminal.worker")
    router.add_get("/healthz", healthz, name="healthz")
    router.add_get("/readyz", readyz, name="readyz")
    router.add_get("/metrics", serve_metrics, name="metrics")
    # Longest first: `/lessons/new` is not the lesson called "new".
    for page in sorted(pages, key=lambda p: ("{" in p.path, -len(p.path))):
        if page.method == "GET":
            router.add_get(page.path, page.handler, name=page.name)
        else:
            router.add_route(page.method, page.path, page.handler, name=page.name)


def _tasks(
    fan: EventFan, feed: TerminalFeed, ink: InkDesk
) -> Callable[[web.Application], AsyncIterator[None]]:
    """The application's own tasks live as long as it serves."""

    async def context(app: web.Application) -> AsyncIterator[None]:
        del app
        tasks = [
            asyncio.create_task(_keep(fan.run), name="web-events"),
            asyncio.create_task(_keep(feed.run), name="web-terminal-feed"),
            asyncio.create_task(_keep(ink.run), name="web-ink"),
        ]
        await asyncio.gather(fan.listening(), feed.listening(), ink.listening())
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return context


async def _keep(run: Callable[[], Awaitable[None]]) -> None:
    """Start again what failed: terminals must hear of changes as long as this process serves."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("web.task_failed")
        await asyncio.sleep(_AGAIN_S)


async def _say_goodbye(app: web.Application) -> None:
    """Terminals and pages are told to come back before their connections are cut."""
    app[EVENTS].end_all()
    app[SERVICES].hub.say_goodbye()
