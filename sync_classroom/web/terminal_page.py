"""`GET /terminal`: the classroom's page. Public: a device shows who it is by its token later.

The page is the same for every room, so that the service worker can keep it for a boot with the
server away; what differs arrives over the WebSocket.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import jinja2
from aiohttp import web

from .keys import SERVICES
from .pages.route import ANYBODY, PageRoute
from .static import files, static_url

TEMPLATES: Final = Path(__file__).parent / "templates"
# Names the folder from which the page and its service worker take everything else.
_ENTRY: Final = "terminal/terminal.js"


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, autoescape=True).get_template("terminal.html")


async def handler(request: web.Request) -> web.Response:
    """The page with its version and the programme's time zone."""
    text = _template().render(
        static=static_url(_ENTRY).removesuffix("/" + _ENTRY),
        version=files().version,
        zone=str(request.app[SERVICES].zone),
    )
    # Asked for again at every load; the worker's copy is for when nobody answers.
    headers = {"Cache-Control": "no-cache"}
    return web.Response(text=text, content_type="text/html", headers=headers)


ROUTES: Final = (PageRoute("terminal", "GET", "/terminal", handler, ANYBODY),)
