"""Who may do what: one table from route name to roles, enforced before any handler runs.

Pages bring their roles with them (`PageRoute.roles`); everything else stands here. A route that is
in neither fails when the application is built, so nothing is open by being forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from ..domain.accounts import Role, Terminal
from ..domain.problems import ProblemError, ProblemKind
from .keys import SERVICES, USER
from .origin import SAFE_METHODS, cookie_name, same_origin
from .pages.route import (
    ADMIN,
    ANYBODY,
    AUTHORS,
    BUREAU,
    LIBRARY,
    OFFICE,
    SIGNED_IN,
    PageRoute,
)
from .problems import by_status

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Roles = frozenset[Role] | None

ROSTER_READERS: Final = frozenset({Role.ADMIN, Role.OPERATOR, Role.REVIEWER})
DEVICE: Final = frozenset({Role.DEVICE})
# Documents: of these only those of the lesson; `web.documents` asks which. Uploads: one's own.
GIVERS: Final = AUTHORS | DEVICE
VIEWERS: Final = LIBRARY | DEVICE
TERMINAL: Final[web.RequestKey[Terminal]] = web.RequestKey("terminal", Terminal)
TABLE: Final[web.AppKey[Mapping[str, Roles]]] = web.AppKey("access_table")

SIGN_IN_PATH: Final = "/sign-in"
# A session token is 43 letters; whatever is longer is not ours and costs no query.
MAX_TOKEN_CHARS: Final = 128

ACCESS: Final[Mapping[str, Roles]] = {
    "api.session.create": ANYBODY,
    "api.session.read": SIGNED_IN,
    "api.session.delete": ANYBODY,
    "api.session.password": SIGNED_IN,
    "api.setup": ANYBODY,
    "api.users.list": ADMIN,
    "api.users.create": ADMIN,
    "api.users.update": ADMIN,
    "api.users.disable": ADMIN,
    "api.users.enable": ADMIN,
    "api.roster": ROSTER_READERS,
    "api.lessons.list": SIGNED_IN,
    "api.lessons.create": ADMIN,
    "api.lessons.read": SIGNED_IN,
    "api.lessons.timeline": SIGNED_IN,
    "api.lessons.cancel": ADMIN,
    "api.calendar": SIGNED_IN,
    "api.calendar.edits": SIGNED_IN,
    "api.calendar.day": ADMIN,
    "api.calendar.term": ADMIN,
    "api.calendar.bells": ADMIN,
    "api.lessons.history": SIGNED_IN,
    "api.lessons.amend": ADMIN,
    "api.timetable.versions": SIGNED_IN,
    "api.timetable.version": SIGNED_IN,
    "api.timetable.receipts": OFFICE,
    "api.timetable.rule": SIGNED_IN,
    "api.timetable.draft": SIGNED_IN,
    "api.timetable.edit": ADMIN,
    "api.timetable.undo": ADMIN,
    "api.timetable.redo": ADMIN,
    "api.timetable.discard": ADMIN,
    "api.timetable.diff": SIGNED_IN,
    "api.timetable.check": SIGNED_IN,
    "api.timetable.targets": SIGNED_IN,
    "api.timetable.free": SIGNED_IN,
    "api.timetable.publish": ADMIN,
    "api.timetable.plan": SIGNED_IN,
    "api.notices.list": SIGNED_IN,
    "api.notices.noticed": SIGNED_IN,
    "api.coverage": BUREAU,
    "api.coverage.seats": BUREAU,
    "api.coverage.compare": BUREAU,
    "api.reports.ask": BUREAU,
    "api.reports.list": BUREAU,
    "api.reports.read": BUREAU,
    "api.reports.file": BUREAU,
    "api.reports.remove": BUREAU,
    "api.reports.publish": BUREAU,
    "api.publications": BUREAU,
    "api.publications.restate": BUREAU,
    "api.rules": BUREAU,
    "api.rules.set": BUREAU,
    "api.lessons.adjust": ADMIN,
    "api.wall.watch": BUREAU,
    "api.documents.give": GIVERS,
    "api.documents.list": VIEWERS,
    "api.documents.page": VIEWERS,
    "api.documents.remove": GIVERS,
    "api.facts": ADMIN,
    "api.facts.chain": BUREAU,
    "api.accesses": ADMIN,
    "api.library.take": AUTHORS,
    "api.library.list": LIBRARY,
    "api.library.read": LIBRARY,
    "api.pushes.order": AUTHORS,
    "api.pushes.read": LIBRARY,
    "api.library.uploads.options": GIVERS,
    "api.library.uploads.create": GIVERS,
    "api.library.uploads.offset": GIVERS,
    "api.library.uploads.append": GIVERS,
    "api.library.uploads.cancel": GIVERS,
    "api.terminals.list": OFFICE,
    "api.terminals.code": OFFICE,
    "api.terminals.revoke": OFFICE,
    "api.terminal.enrol": ANYBODY,
    "api.terminal.self": DEVICE,
    "api.terminal.journal": DEVICE,
    "api.terminal.missed": DEVICE,
    "api.terminal.missed.file": DEVICE,
    "api.terminal.pushes": DEVICE,
    "api.terminal.pushes.said": DEVICE,
    "api.terminal.pushes.file": DEVICE,
    "api.push-files": ANYBODY,  # whoever knows the school's secret, which is in the address
    "api.meeting.attendance": SIGNED_IN,
    # A teacher by their account, or a guest by their pass: `meeting_guest.attendee` asks which.
    "api.meeting.join": ANYBODY,
    "api.meeting.here": ANYBODY,
    "api.meeting.send": ANYBODY,
    "api.meeting.listen": ANYBODY,
    "api.meeting.share": ANYBODY,
    "api.meeting.leave": ANYBODY,
    "api.meeting.finish": ANYBODY,
    "api.meeting.record": ANYBODY,
    "api.study.act": ANYBODY,
    "api.study.offered": ANYBODY,
    "api.study.comment": ANYBODY,
    "api.study.comments": ANYBODY,
    "api.events": SIGNED_IN,
    "api.openapi": ANYBODY,
    "api.timetable.imports": ADMIN,
    # The secret in its address is all a calendar program has.
    "feeds.ics": ANYBODY,
    # The socket identifies the device by its first message, not by a header.
    "ws.terminal": ANYBODY,
    "static": ANYBODY,
    "terminal.worker": ANYBODY,
    "healthz": ANYBODY,
    "readyz": ANYBODY,
    # Its handler asks for loopback or the metrics token.
    "metrics": ANYBODY,
}
# Files without people in them: no session is looked up.
_IMPERSONAL: Final = frozenset(
    {"static", "terminal.worker", "healthz", "readyz", "metrics", "feeds.ics"}
)


def access_table(pages: Iterable[PageRoute]) -> dict[str, Roles]:
    """The whole table; ValueError if a name occurs twice or a page is for devices."""
    table = dict(ACCESS)
    for page in pages:
        if page.name in table:
            raise ValueError(f"route name {page.name!r} is taken twice")
        if page.roles is not None and Role.DEVICE in page.roles:
            raise ValueError(f"page {page.name!r} lets devices in; devices read no pages")
        table[page.name] = page.roles
    return table


def check_routes(app: web.Application, table: Mapping[str, Roles]) -> None:
    """Raise RuntimeError unless every route of `app` has its line in the table."""
    for route in app.router.routes():
        if route.name is None or route.name not in table:
            where = route.resource.canonical if route.resource else "?"
            raise RuntimeError(
                f"route {route.name!r} ({route.method} {where}) has no line in the access table"
            )


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other sites' pages, find out who asks, and compare with the table."""
    if request.match_info.http_exception is not None:
        if wants_page(request):
            await _identify(request, devices=False)  # the page that says so has its navigation
        return await handler(request)  # 404 or 405: there is nothing to guard
    if request.method not in SAFE_METHODS and not same_origin(request):
        raise cross_site()
    name = request.match_info.route.name or ""
    allowed = request.app[TABLE][name]
    if name not in _IMPERSONAL:
        await _identify(request, devices=allowed is not None and Role.DEVICE in allowed)
    if allowed is None:
        return await handler(request)
    user = request.get(USER)
    role = user.role if user else (Role.DEVICE if TERMINAL in request else None)
    if role is None:
        return _send_to_sign_in(request)
    if role not in allowed:
        raise ProblemError(
            "forbidden",
            "您的角色不能做这件事。需要的话请联系管理员。",
            "Your role may not do this; ask an administrator if you need it.",
            kind=ProblemKind.FORBIDDEN,
            value=role.value,
        )
    return await handler(request)


def cross_site() -> ProblemError:
    """The refusal of a request that another site's page made."""
    return ProblemError(
        "cross_site",
        "此请求来自其他网站的页面，已拒绝。请直接在本系统的页面上操作。",
        "Another site's page made this request, so it was refused. Use this system's own pages.",
        kind=ProblemKind.FORBIDDEN,
        field="Origin",
    )


async def _identify(request: web.Request, *, devices: bool) -> None:
    services = request.app[SERVICES]
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    # A teacher may be signed in on the classroom's computer, too: what shows its token is a device.
    if devices and scheme.lower() == "bearer" and 0 < len(bearer) <= MAX_TOKEN_CHARS:
        terminal = await services.enrolment.terminal(bearer)
        if terminal is not None:
            request[TERMINAL] = terminal
            return
    token = request.cookies.get(cookie_name(request), "")
    if 0 < len(token) <= MAX_TOKEN_CHARS:
        user = await services.accounts.session(token)
        if user is not None:
            request[USER] = user


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at the answer (and not a program)."""
    return not request.path.startswith(
        ("/api/", "/ws/", "/static/", "/feeds/", "/healthz", "/readyz")
    )


def _send_to_sign_in(request: web.Request) -> web.StreamResponse:
    if not wants_page(request):
        problem = by_status(401)
        problem.kind = ProblemKind.UNAUTHENTICATED
        raise problem
    target = SIGN_IN_PATH
    if request.method == "GET" and request.path_qs != "/":
        target += "?" + urlencode({"next": request.path_qs})
    return web.Response(status=303, headers={"Location": target, "Cache-Control": "no-store"})


def session_token(request: web.Request) -> str | None:
    """The session cookie of this request, if there is one."""
    return request.cookies.get(cookie_name(request)) or None
