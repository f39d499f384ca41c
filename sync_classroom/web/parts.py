"""What script fetches into a page is no page: whoever opens its address is led to the whole one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from .access import wants_page
from .origin import navigates
from .pages.route import PageRoute

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WHOLE: Final[web.AppKey[Mapping[str, str]]] = web.AppKey("whole_pages")


def whole_pages(pages: Iterable[PageRoute]) -> dict[str, str]:
    """The page that each part belongs to, by the part's route name."""
    return {page.name: page.whole for page in pages if page.whole}


@web.middleware
async def lead_to_whole(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send a person who opens a part to its page, and keep what the address asks for.

    Some parts have addresses of their own, others are their page's with `?part=`.
    """
    if request.method != "GET" or not wants_page(request) or not navigates(request):
        return await handler(request)
    whole = request.app[WHOLE].get(request.match_info.route.name or "")
    if whole is None and "part" not in request.query:
        return await handler(request)
    path, _, place = (whole or request.path).partition("#")
    query = urlencode([(k, v) for k, v in request.query.items() if k != "part"])
    target = path + (f"?{query}" if query else "") + (f"#{place}" if place else "")
    return web.Response(status=303, headers={"Location": target, "Cache-Control": "no-store"})
